using System.Text.RegularExpressions;
using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Nvidia;
using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Codecs.Probing;

/// <summary>What a refusal of NVIDIA's drivers means, and what to do. Their words are told apart, since FFmpeg's codes are the same for all.</summary>
internal static partial class NvidiaRefusals
{
    // CUresult.
    private const int NoDevice = 100;
    private const int DriverMismatch = 803;

    // A session takes a few tens of MiB; below that, "out of memory" is meant as said.
    private const long LeastMemory = 64 << 20;

    /// <summary>The driver did not start.</summary>
    /// <returns>Null: there is no NVIDIA card here, and nothing is wrong.</returns>
    public static Reason? OfDriver(CodecException refusal)
    {
        var cards = SystemTree.Cards(SystemTree.Nvidia);
        if (refusal.Error == DriverMismatch)
        {
            return new Reason(
                Reasons.DriverMismatch,
                $"{refusal.Message}. The NVIDIA kernel module and the driver's libraries are of different versions, as after an update: restart the machine");
        }

        if (cards.Count == 0 && refusal.Error is 0 or NoDevice)
        {
            return null;
        }

        if (refusal.Error == 0)
        {
            return SystemTree.IsContainer
                ? new Reason(
                    Reasons.NoVideoCapability,
                    $"NVIDIA card {cards[0]} is there, but this container has no driver libraries ({CudaDriver.Library}). Start it with --gpus all and NVIDIA_DRIVER_CAPABILITIES=compute,utility,video")
                : new Reason(Reasons.NoDriver, $"NVIDIA card {cards[0]} is there, but its driver is not installed ({CudaDriver.Library} is missing). Install the NVIDIA driver");
        }

        return refusal.Error == NoDevice
            ? new Reason(Reasons.NoDriver, $"NVIDIA card {cards[0]} is there, but the driver sees no card: see `nvidia-smi` and CUDA_VISIBLE_DEVICES, and whether another driver (vfio-pci, nouveau) holds it")
            : new Reason(Reasons.ProbeFailed, $"The NVIDIA driver does not start: {refusal.Message}. See `nvidia-smi` and the kernel's log (dmesg)");
    }

    /// <param name="memory">Of the card, free bytes; null where it isn't known.</param>
    /// <param name="sessions">Encoder sessions of all programs and cards now; null where they can't be counted.</param>
    /// <returns>Null: the card has no such engine.</returns>
    public static Reason? OfSession(CodecException refusal, long? memory, int? sessions, bool isContainer)
    {
        var words = refusal.Message;
        if (words.Contains("unsupported device (2)", StringComparison.Ordinal) || words.Contains("Codec not supported", StringComparison.Ordinal))
        {
            return null;
        }

        if (words.Contains("does not support the required nvenc API version", StringComparison.Ordinal))
        {
            var needed = NeededDriver().Match(words);
            return new Reason(
                Reasons.DriverTooOld,
                $"The NVIDIA driver is too old for the installed FFmpeg ({Versions().Match(words).Value}). Install version {(needed.Success ? needed.Groups[1].Value : "470")} or newer");
        }

        if (words.Contains("Cannot load libnvidia-encode", StringComparison.Ordinal) || words.Contains("Cannot load libnvcuvid", StringComparison.Ordinal))
        {
            var library = words.Contains("libnvcuvid", StringComparison.Ordinal) ? "libnvcuvid" : "libnvidia-encode";
            return isContainer
                ? new Reason(Reasons.NoVideoCapability, $"{library}.so.1 is missing: the container was started without the video capability. Start it with NVIDIA_DRIVER_CAPABILITIES=compute,utility,video")
                : new Reason(Reasons.NoDriver, $"{library}.so.1 is missing, a part of the NVIDIA driver. Install it (Debian: {(library == "libnvcuvid" ? "libnvcuvid1" : "libnvidia-encode1")})");
        }

        // Both codes stand for "no more sessions"; the first is also an honest lack of memory.
        var isLimit = words.Contains("out of memory (10)", StringComparison.Ordinal) || words.Contains("incompatible client key (21)", StringComparison.Ordinal);
        if (words.Contains("CUDA_ERROR_OUT_OF_MEMORY", StringComparison.Ordinal) || (isLimit && memory is < LeastMemory))
        {
            return new Reason(Reasons.MemoryFull, $"The card's memory is full{(memory is { } free ? $" ({free >> 20} MiB free)" : "")}: end the programs that hold it (`nvidia-smi` lists them)");
        }

        if (isLimit && sessions > 0)
        {
            return new Reason(
                Reasons.SessionLimit,
                $"The driver opens no more encoder sessions: {sessions} of all programs are open. Consumer cards are limited per machine: end other programs that encode, or let software take the rest");
        }

        return new Reason(Reasons.ProbeFailed, isLimit
            ? $"The driver refuses a session though none is open: driver and libraries may not fit. Restart the machine; update the driver if it stays so ({words})"
            : words);
    }

    [GeneratedRegex(@"driver for nvenc is ([0-9.]+)")]
    private static partial Regex NeededDriver();

    [GeneratedRegex(@"Required: [0-9.]+ Found: [0-9.]+")]
    private static partial Regex Versions();
}
