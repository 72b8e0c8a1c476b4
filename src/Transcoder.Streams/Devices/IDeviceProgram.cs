using Transcoder.Media.Devices;

namespace Transcoder.Streams.Devices;

/// <summary>The eyes on the hardware: child processes in the product, scripts in tests. The daemon itself calls no driver.</summary>
public interface IDeviceProgram
{
    /// <summary>What this machine can decode, scale and encode, proved by doing it. Reports grow as devices answer; the last one is complete.</summary>
    /// <exception cref="DeviceProgramException">It failed or didn't answer in time.</exception>
    IAsyncEnumerable<ProbeReport> ProbeAsync(CancellationToken cancellationToken);

    /// <summary>One report a second for as long as the caller asks.</summary>
    /// <exception cref="DeviceProgramException">It ended or fell silent: a driver call hangs.</exception>
    IAsyncEnumerable<MonitorReport> MonitorAsync(CancellationToken cancellationToken);
}

/// <summary>The probe or the monitor failed; its process has been killed.</summary>
public sealed class DeviceProgramException(string message, Exception? inner = null) : Exception(message, inner);
