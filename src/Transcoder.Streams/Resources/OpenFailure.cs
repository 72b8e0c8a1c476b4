using System.Text.RegularExpressions;
using Transcoder.Media.Workers;

namespace Transcoder.Streams.Resources;

/// <summary>What a session that couldn't be opened says about its device.</summary>
internal enum OpenFailure : byte
{
    /// <summary>The driver's session limit.</summary>
    Full,

    /// <summary>The device's memory.</summary>
    MemoryFull,

    /// <summary>Neither explains it: the device is suspect.</summary>
    Broken,
}

/// <summary>
/// Full or broken: drivers answer a full session table with "out of memory (10)" or "incompatible client key (21)", which FFmpeg hands on as ENOMEM, EINVAL or
/// EXTERNAL, and answer real faults with the same. So the error only admits the question; the answer is what is seen to be open.
/// </summary>
internal static partial class OpenFailures
{
    private const int OutOfMemory = -12;
    private const int InvalidArgument = -22;
    private const int External = -542398533;
    private const int NvencOutOfMemory = 10;
    private const int NvencIncompatibleKey = 21;

    private static readonly string[] Words = ["out of memory", "cannot allocate memory", "incompatible client key"];

    /// <param name="open">Sessions that are open in the device's group, anyone's, without the one that failed.</param>
    /// <param name="hasMemory">The device's memory would have taken the session.</param>
    public static OpenFailure Classify(LeaseClosed closed, int open, bool hasMemory) =>
        !MaySayFull(closed) ? OpenFailure.Broken
        : !hasMemory ? OpenFailure.MemoryFull
        : open > 0 ? OpenFailure.Full
        : OpenFailure.Broken;

    private static bool MaySayFull(LeaseClosed closed)
    {
        // Where the driver's own number is in the words it decides: FFmpeg's EXTERNAL stands for many of them.
        if (DriverCode().Match(closed.Message) is { Success: true } code)
        {
            return int.TryParse(code.Groups[1].ValueSpan, out var number) && number is NvencOutOfMemory or NvencIncompatibleKey;
        }

        return closed.Error is OutOfMemory or InvalidArgument or External or NvencOutOfMemory or NvencIncompatibleKey ||
            Array.Exists(Words, word => closed.Message.Contains(word, StringComparison.OrdinalIgnoreCase));
    }

    [GeneratedRegex(@"\(([0-9]{1,3})\)")]
    private static partial Regex DriverCode();
}
