using Transcoder.Codecs.Probing;
using Transcoder.Media;
using Transcoder.Media.Ports;
using Xunit;

namespace Transcoder.UnitTests.Codecs.Probing;

/// <summary>The lines are those that FFmpeg 5.1 writes; its codes say nothing.</summary>
public sealed class NvidiaRefusalsTests
{
    private const long Plenty = 8L << 30;

    [Theory]
    [InlineData("h264_nvenc: OpenEncodeSessionEx failed: unsupported device (2): (no details); h264_nvenc: No capable devices found")]
    [InlineData("hevc_nvenc: Codec not supported; hevc_nvenc: Provided device doesn't support required NVENC features")]
    public void A_card_without_that_engine_has_no_line_for_it(string words) =>
        Assert.Null(NvidiaRefusals.OfSession(new CodecException(words, -1), Plenty, 0, isContainer: false));

    [Theory]
    [InlineData("h264_nvenc: Driver does not support the required nvenc API version. Required: 11.1 Found: 10.0; h264_nvenc: The minimum required Nvidia driver for nvenc is 470.57.02 or newer", Reasons.DriverTooOld, "470.57.02 or newer")]
    [InlineData("h264_nvenc: OpenEncodeSessionEx failed: out of memory (10): (no details)", Reasons.SessionLimit, "3 of all programs are open")]
    [InlineData("h264_nvenc: OpenEncodeSessionEx failed: incompatible client key (21): (no details)", Reasons.SessionLimit, "3 of all programs are open")]
    [InlineData("cu->cuMemAlloc(&data, size) failed -> CUDA_ERROR_OUT_OF_MEMORY: out of memory", Reasons.MemoryFull, "8192 MiB free")]
    [InlineData("Cannot load libnvidia-encode.so.1", Reasons.NoDriver, "libnvidia-encode1")]
    [InlineData("h264_nvenc: InitializeEncoder failed: invalid param (8): strange", Reasons.ProbeFailed, "invalid param (8): strange")]
    public void The_words_are_told_apart(string words, string code, string advice)
    {
        var reason = NvidiaRefusals.OfSession(new CodecException(words, -1), Plenty, sessions: 3, isContainer: false)!.Value;

        Assert.Equal(code, reason.Code);
        Assert.Contains(advice, reason.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("NVIDIA GeForce RTX 4090", true)]
    [InlineData("NVIDIA TITAN RTX", true)]
    [InlineData("Quadro P620", true)]
    [InlineData("Quadro K2200", true)]
    [InlineData("NVIDIA T400 4GB", true)]
    [InlineData("Quadro T1000", true)]
    [InlineData("Quadro P2000", false)]
    [InlineData("Quadro RTX 4000", false)]
    [InlineData("NVIDIA RTX A2000", false)]
    [InlineData("Tesla T4", false)]
    [InlineData("Tesla P100-PCIE-16GB", false)]
    [InlineData("NVIDIA L4", false)]
    public void Cards_whose_sessions_NVIDIA_counts_together_are_told_by_name(string name, bool expected) => Assert.Equal(expected, NvidiaProbe.IsConsumer(name));

    [Fact]
    public void A_missing_library_in_a_container_is_a_missing_capability() =>
        Assert.Equal(Reasons.NoVideoCapability, NvidiaRefusals.OfSession(new CodecException("Cannot load libnvidia-encode.so.1"), Plenty, 0, isContainer: true)!.Value.Code);

    [Fact]
    public void Out_of_memory_means_memory_where_there_is_none() =>
        Assert.Equal(Reasons.MemoryFull, NvidiaRefusals.OfSession(new CodecException("failed: out of memory (10)", -12), memory: 1 << 20, sessions: 3, isContainer: false)!.Value.Code);

    [Theory]
    [InlineData(0)]
    [InlineData(null)]
    public void A_limit_code_without_sessions_is_a_broken_driver_and_not_a_full_one(int? sessions)
    {
        var reason = NvidiaRefusals.OfSession(new CodecException("OpenEncodeSessionEx failed: incompatible client key (21)", -22), Plenty, sessions, isContainer: false)!.Value;

        Assert.Equal(Reasons.ProbeFailed, reason.Code);
        Assert.Contains("may not fit", reason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_driver_that_does_not_fit_its_library_wants_a_restart()
    {
        var reason = NvidiaRefusals.OfDriver(new CodecException("cuInit(0) failed -> CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", 803))!.Value;

        Assert.Equal(Reasons.DriverMismatch, reason.Code);
        Assert.Contains("restart the machine", reason.Detail, StringComparison.Ordinal);
    }
}
