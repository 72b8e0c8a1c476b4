namespace Transcoder.Codecs.Devices;

/// <summary>Drivers for tests say what they are: they encode on the CPU, and whoever meets one outside tests must hear of it.</summary>
internal static class SimulatedDriver
{
    /// <summary>A symbol that each of their libraries exports.</summary>
    public const string Marker = "transcoder_simulated_gpu";
}
