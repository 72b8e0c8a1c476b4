using System.Globalization;
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

    /// <summary>The device has no time for it now.</summary>
    Busy,

    /// <summary>The encoder doesn't make what was asked for; the device is as good as before.</summary>
    Unfit,

    /// <summary>An error of the driver that none of these explains: the device is suspect.</summary>
    Broken,
}

/// <summary>
/// Full or broken: NVIDIA's driver answers a full session table with "out of memory (10)" or "incompatible client key (21)", which FFmpeg hands on as ENOMEM or
/// EINVAL, and answers real faults with the same. So these numbers only admit the question; the answer is what is seen to be open. FFmpeg's own EINVAL, ENOSYS
/// and EXTERNAL, without a number of the driver's, never say that a card is full.
/// </summary>
internal static partial class OpenFailures
{
    private const int NoMemory = -12;
    private const int DeviceBusy = -16;
    private const int InvalidArgument = -22;
    private const int NotImplemented = -38;
    private const int NvencInvalidParam = 8;
    private const int NvencOutOfMemory = 10;
    private const int NvencUnsupportedParam = 12;
    private const int NvencIncompatibleKey = 21;

    // CUDA's; libva's for ALLOCATION_FAILED; oneVPL's as FFmpeg tells it; FFmpeg's own.
    private static readonly string[] MemoryWords = ["CUDA_ERROR_OUT_OF_MEMORY", "allocation failed", "failed to allocate memory", "cannot allocate memory"];

    // libva's for HW_BUSY, oneVPL's.
    private static readonly string[] BusyWords = ["HW busy", "device busy"];

    // libva's for a profile, entry point, format or resolution; FFmpeg's VA-API encoders, also for a size; oneVPL's.
    private static readonly string[] UnfitWords = ["is not supported", "does not support encoding", "No usable encoding", "(-3)", "(-14)", "(-15)"];

    /// <param name="counted">Sessions open in the device's group, anyone's, without the one that failed; null: its driver doesn't count any.</param>
    /// <param name="cap">As learned of the group.</param>
    /// <param name="hasMemory">The device's memory would have taken the session.</param>
    public static OpenFailure Classify(LeaseClosed closed, int? counted, int? cap, bool hasMemory)
    {
        if (counted is not null && DriverCode().Match(closed.Message) is { Success: true } code)
        {
            return int.Parse(code.Groups[1].ValueSpan, CultureInfo.InvariantCulture) switch
            {
                NvencOutOfMemory or NvencIncompatibleKey => !hasMemory ? OpenFailure.MemoryFull : counted > 0 ? OpenFailure.Full : OpenFailure.Broken,
                NvencInvalidParam or NvencUnsupportedParam => OpenFailure.Unfit,
                _ => OpenFailure.Broken,
            };
        }

        return closed.Error == NoMemory || Says(closed, MemoryWords) ? counted >= cap ? OpenFailure.Full : OpenFailure.MemoryFull
            : closed.Error == DeviceBusy || Says(closed, BusyWords) ? OpenFailure.Busy
            : closed.Error is InvalidArgument or NotImplemented || Says(closed, UnfitWords) ? OpenFailure.Unfit
            : OpenFailure.Broken;
    }

    private static bool Says(LeaseClosed closed, string[] words) => Array.Exists(words, word => closed.Message.Contains(word, StringComparison.OrdinalIgnoreCase));

    /// <summary>FFmpeg writes NVENC's status behind its words.</summary>
    [GeneratedRegex(@"\(([0-9]{1,3})\)")]
    private static partial Regex DriverCode();
}
