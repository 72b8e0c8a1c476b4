using System.Text.Json;
using Transcoder.Host.Devices;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.UnitTests.Host.Devices;

public sealed class DiagnosisTests
{
    private static readonly DeviceReport Cpu = new("cpu", "CPU", "cpu", "", "FFmpeg", false, 0, false, [Coder(CodecId.H264, "software", "libx264")], []);
    private static readonly DeviceReport Card = new(
        "GPU-1", "NVIDIA L4", "nvidia", "0000:01:00.0", "NVIDIA 570.00", false, 24L << 30, false,
        [Coder(CodecId.H264, "nvenc", "h264_nvenc") with { MaxWidth = 4096, MaxHeight = 4096 }, new(EngineKind.Scale, "nvenc", null, "scale_cuda", 0, 0, 0, null)], []);

    [Fact]
    public void A_machine_without_a_gpu_is_healthy_and_says_so()
    {
        var diagnosis = new Diagnosis(new ProbeReport([Cpu], [], "Lavc"));

        Assert.True(diagnosis.IsHealthy);
        Assert.Contains("no GPU was found", diagnosis.Text(), StringComparison.Ordinal);
        Assert.EndsWith("nothing is wrong\n", diagnosis.Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_card_without_an_encode_engine_is_a_note_and_not_a_problem()
    {
        var diagnosis = new Diagnosis(new ProbeReport([Card with { Findings = [new Reason(Reasons.NoEncodeEngine, "It has none.")] }, Cpu], [], "Lavc"));

        Assert.True(diagnosis.IsHealthy);
        Assert.Contains("note     GPU-1 (NVIDIA L4): It has none. [no_encode_engine]\n", diagnosis.Text(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Reasons.SimulatedDriver)]
    [InlineData(Reasons.DriverTooOld)]
    [InlineData(Reasons.NoPermission)]
    [InlineData(Reasons.SessionLimit)]
    public void What_has_to_be_repaired_is_a_problem(string code)
    {
        var diagnosis = new Diagnosis(new ProbeReport([Card with { Findings = [new Reason(code, "Do this.")] }], [], "Lavc"));

        Assert.False(diagnosis.IsHealthy);
        Assert.Contains($"PROBLEM  GPU-1 (NVIDIA L4): Do this. [{code}]\n1 problem\n", diagnosis.Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void One_cause_behind_several_refusals_is_said_once()
    {
        var limit = new Reason(Reasons.SessionLimit, "Full.");
        var refused = Card with
        {
            Engines = [Coder(CodecId.H264, "nvenc", "h264_nvenc") with { Refusal = limit }, Coder(CodecId.Hevc, "nvenc", "hevc_nvenc") with { Refusal = limit }],
            Findings = [limit],
        };

        Assert.EndsWith("\n1 problem\n", "\n" + new Diagnosis(new ProbeReport([refused], [], "Lavc")).Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_machine_on_which_no_worker_starts_has_a_problem()
    {
        var diagnosis = new Diagnosis(new ProbeReport([Cpu with { Engines = [] }], [], ""));

        Assert.False(diagnosis.IsHealthy);
        Assert.Contains(Reasons.WorkerStartFailed, diagnosis.Text(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_table_names_each_engine_and_what_is_missing()
    {
        var text = DeviceTable.Text(new ProbeReport([Card], [new Reason(Reasons.NoDriver, "Install it.")], "Lavc"));

        Assert.Contains("GPU-1  NVIDIA L4\n  driver   NVIDIA 570.00, 0000:01:00.0, 24 GiB\n  encode   nvenc     h264 (to 4096x4096)\n", text, StringComparison.Ordinal);
        Assert.Contains("  decode   none\n", text, StringComparison.Ordinal);
        Assert.Contains("no_driver: Install it.\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Json_uses_the_words_of_the_api()
    {
        using var json = JsonDocument.Parse(DeviceTable.Json(new ProbeReport([Card], [], "Lavc")));
        var engine = json.RootElement.GetProperty("devices")[0].GetProperty("engines")[0];

        Assert.Equal("encode", engine.GetProperty("engine").GetString());
        Assert.Equal("h264", engine.GetProperty("codec").GetString());
    }

    private static EngineCapability Coder(CodecId codec, string kind, string implementation) => new(EngineKind.Encode, kind, codec, implementation, 0, 0, 0, null);
}
