using System.Text;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Tracks;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>Every kind of content that Enhanced RTMP names goes through the daemon and comes out packet by packet as it went in. Nothing decodes it, so payloads are arbitrary.</summary>
public sealed class ReplayTests(ITestOutputHelper output)
{
    // No player jumps and nothing leaves the cache, however fast the packets come.
    private const string Relay = "apps:\n  live: { reconnect_grace: 0s, player_lag: 1m, latency: low, gop_cache: { duration: 2m, size: 512MiB } }\n";

    private static readonly byte[] Metadata = [2, 0, 10, .. "onMetaData"u8, 8, 0, 0, 0, 1, 0, 8, .. "duration"u8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    private static readonly byte[] ColourInfo = [2, 0, 9, .. "colorInfo"u8, 3, 0, 11, .. "colorConfig"u8, 3, 0, 8, .. "bitDepth"u8, 0, 0x40, 0x24, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 9];
    private static readonly byte[] Avcc = Convert.FromHexString("0164001EFFE1001A6764001EACD940A02FF9610000030001000003003C8F162D9601000568EBECB22C");

    private static readonly (string FourCc, string Config, bool HasComposition)[] Video =
    [
        ("avc1", "0164001EFFE1001A6764001EACD940A02FF9610000030001000003003C8F162D9601000568EBECB22C", true),
        ("hvc1", "0101600000009000000000005DF000FCFDF8F800000F0000", true),
        ("av01", "81050C000A0B00000024CF7F0DBFFF3008", false),
        ("vp09", "0100000000290A8206060600000000", false),
        ("vp08", "01000000000A1482020202000000", false),
    ];

    private static readonly (string FourCc, string Config)[] Audio =
    [
        ("mp4a", "1190"), ("Opus", "4F707573486561640102380180BB0000000000"),
        ("fLaC", "664C61438000002210001000000000000000000BB802F000000000000000000000000000000000000000"), ("ac-3", ""), ("ec-3", ""), (".mp3", ""),
    ];

    [Fact]
    public async Task Every_kind_of_content_comes_out_as_it_went_in()
    {
        await using var appliance = await RunningAppliance.StartAsync(Relay);
        var failures = new List<string>();
        foreach (var (name, tags) in Contents())
        {
            var (sent, received) = await Replay.RunAsync(appliance, $"live/{name}", tags);
            Assert.NotEmpty(sent);
            failures.AddRange(Replay.Compare(sent, received, times: true).Select(difference => $"{name}: {difference}"));
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    /// <summary>By hand, for recorded files: <c>make replay FILES="..."</c>.</summary>
    [Fact]
    public async Task Recorded_files_come_out_as_they_went_in()
    {
        var files = Environment.GetEnvironmentVariable("REPLAY_FILES")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        Assert.SkipWhen(files.Length == 0, "REPLAY_FILES names no files");
        await using var appliance = await RunningAppliance.StartAsync(Relay);
        var failures = 0;
        output.WriteLine($"{"file",-60} {"sent",8} {"received",8} {"differ",8} {"repaired",8}");
        for (var i = 0; i < files.Length; i++)
        {
            var (sent, received) = await Replay.RunAsync(appliance, $"live/file{i}", FlvTag.Read(files[i]));
            var differences = Replay.Compare(sent, received, times: false);
            var repaired = sent.Where(packet => packet.Kind != TrackKind.Data).Zip(received.Where(packet => packet.Kind != TrackKind.Data)).Count(pair => (pair.First.Dts, pair.First.Pts) != (pair.Second.Dts, pair.Second.Pts));
            output.WriteLine($"{Path.GetFileName(files[i]),-60} {sent.Count,8} {received.Count,8} {differences.Count,8} {repaired,8}");
            foreach (var difference in differences.Take(5))
            {
                output.WriteLine($"    {difference}");
            }

            failures += differences.Count;
        }

        Assert.Equal(0, failures);
    }

    [Theory]
    [InlineData(1L << 24)]
    [InlineData(1L << 32)]
    public async Task A_stream_and_its_rendition_cross_the_boundaries_of_the_clock(long boundary)
    {
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(Configurations.OneRung, "player_lag: 1m"));
        var clip = FlvTag.Read(await Clips.SmallAsync());

        // Two seconds before; the metadata say 0, as they often do.
        var tags = clip.Select(tag => tag.Type == FlvTagType.Script ? tag with { Timestamp = 0 } : tag with { Timestamp = unchecked((uint)(boundary - 2000 + tag.Timestamp)) });
        await using var publisher = await TagPublisher.ConnectAsync(appliance.Url("live/clock"));
        await using var source = await Recording.StartAsync(appliance.Url("live/clock"));
        var rendition = Recording.StartAsync(appliance.Url("live/clock_180p"));
        foreach (var gop in tags.Chunk(30))
        {
            // The rendition's player is there before the stream is over.
            await publisher.SendAsync(gop);
            await Task.WhenAny(rendition, Task.Delay(300));
        }

        await using var played = await rendition;
        await played.UntilAsync(r => r.Video.Any(packet => packet.Pts > boundary), "a picture behind the boundary");
        await source.UntilAsync(r => r.Video.Count == clip.Count(IsPicture), "all pictures");
        Assert.Equal(0, (await appliance.FindAsync("live", "clock"))!.TimelineRepairs);
        Assert.Equal(boundary - 2000 + clip.First(IsPicture).Timestamp, source.Video[0].Dts);
        Timelines.AssertOrdered(source);
        Timelines.AssertOrdered(played);
        Assert.Empty(played.Video.Select(packet => packet.Pts).Except(source.Video.Select(packet => packet.Pts)));
    }

    private static IEnumerable<(string Name, IReadOnlyList<FlvTag> Tags)> Contents()
    {
        foreach (var (fourCc, config, hasComposition) in Video)
        {
            yield return ($"video-{fourCc}", Timed(0, [Enhanced(0, 1, fourCc, Hex(config))], i => Picture(i, fourCc, hasComposition)));
        }

        foreach (var (fourCc, config) in Audio)
        {
            yield return ($"audio-{fourCc.Trim('.')}", Timed(0, config.Length == 0 ? [] : [Sound(0, fourCc, Hex(config))], i => [Sound(1, fourCc, Payload(i))]));
        }

        var avcHeader = new FlvTag(FlvTagType.Video, 0, [0x17, 0, 0, 0, 0, .. Avcc]);
        FlvTag[] Avc(int i) => [new(FlvTagType.Video, 0, [(byte)(IsKey(i) ? 0x17 : i % 5 == 4 ? 0x37 : 0x27), 1, 0, 0, (byte)(i % 3 * 40), .. Payload(i)])];
        FlvTag[] AvcAac(int i) => [.. Avc(i), new(FlvTagType.Audio, 0, [0xAF, 1, .. Payload(i + 100)])];
        FlvTag[] legacy = [avcHeader, new(FlvTagType.Audio, 0, [0xAF, 0, 0x11, 0x90])];
        yield return ("legacy", Timed(0, legacy, AvcAac));
        yield return ("crosses-24-bits", Timed(0x1000000 - 200, legacy, AvcAac));
        yield return ("wraps-32-bits", Timed(0xFFFFFFFF - 199, legacy, AvcAac));
        yield return ("begins-late", Timed(0x90000000, legacy, AvcAac));
        yield return ("legacy-hevc-mp3", Timed(0, [new(FlvTagType.Video, 0, [0x1C, 0, 0, 0, 0, .. Hex(Video[1].Config)])],
            i => [new(FlvTagType.Video, 0, [(byte)(IsKey(i) ? 0x1C : 0x2C), 1, 0, 0, 40, .. Payload(i)]), new(FlvTagType.Audio, 0, [0x2F, .. Payload(i + 100)])]));
        yield return ("av1-empty-header-first", Timed(0, [Enhanced(0, 1, "av01", []), Enhanced(0, 1, "av01", Hex(Video[2].Config))], i => Picture(i, "av01", false)));
        yield return ("colour", Timed(0, [Enhanced(0, 1, "hvc1", Hex(Video[1].Config)), Enhanced(4, 5, "hvc1", ColourInfo)], i => Picture(i, "hvc1", true)));
        yield return ("multichannel", Timed(0, [Sound(0, "Opus", Hex(Audio[1].Config)), Sound(4, "Opus", Hex("01060000060F"))], i => [Sound(1, "Opus", Payload(i))]));
        yield return ("nanoseconds", Timed(0, [Enhanced(0, 1, "vp09", Hex(Video[3].Config)), Sound(0, "Opus", Hex(Audio[1].Config))],
            i => [new(FlvTagType.Video, 0, [(byte)((IsKey(i) ? 0x90 : 0xA0) | 7), 2, 0x05, 0x16, 0x15, 0x01, .. "vp09"u8, .. Payload(i)]), new(FlvTagType.Audio, 0, [0x97, 2, 0, 3, 0xE8, 0x01, .. "Opus"u8, .. Payload(i + 100)])]));
        yield return ("modex-unknown", Timed(0, legacy, i => [new(FlvTagType.Video, 0, [(byte)((IsKey(i) ? 0x90 : 0xA0) | 7), 1, 9, 9, 0xF3, .. "avc1"u8, .. Payload(i)])]));
        yield return ("one-track", Timed(0, [.. legacy, new(FlvTagType.Video, 0, [0x96, 0x00, .. "avc1"u8, 1, .. Avcc]), new(FlvTagType.Audio, 0, [0x95, 0x00, .. "mp4a"u8, 1, 0x12, 0x10])],
            i => [.. AvcAac(i), new(FlvTagType.Video, 0, [(byte)((IsKey(i) ? 0x90 : 0xA0) | 6), 0x01, .. "avc1"u8, 1, 0, 0, 40, .. Payload(i + 200)]), new(FlvTagType.Audio, 0, [0x95, 0x01, .. "mp4a"u8, 1, .. Payload(i + 300)])]));
        yield return ("many-tracks", Timed(0, [Many(1, 0, 1, (0, "avc1", Avcc), (1, "avc1", Avcc))],
            i => [Many(1, 1, IsKey(i) ? 1 : 2, (0, "avc1", [0, 0, 40, .. Payload(i)]), (1, "avc1", [0, 0, 0, .. Payload(i + 100)]))]));
        yield return ("many-codecs", Timed(0, [Many(2, 0, 1, (0, "avc1", Avcc), (1, "hvc1", Hex(Video[1].Config)), (2, "av01", Hex(Video[2].Config)))],
            i => [Many(2, 1, IsKey(i) ? 1 : 2, (0, "avc1", [0, 0, 40, .. Payload(i)]), (1, "hvc1", [0, 0, 0, .. Payload(i + 100)]), (2, "av01", Payload(i + 200)))]));
        yield return ("silence-and-an-unknown-type", Timed(0, legacy,
            i => [.. AvcAac(i), .. i == 4 ? (FlvTag[])[new(FlvTagType.Audio, 0, []), new(FlvTagType.Video, 0, [0x9B, .. "avc1"u8, 1, 2]), new(FlvTagType.Video, 0, [0x57, 0])] : []]));
        yield return ("a-record-that-changes", Timed(0, legacy, i => [.. i == 10 ? (FlvTag[])[new(FlvTagType.Audio, 0, [0xAF, 0, 0x12, 0x10]), avcHeader with { Body = [.. avcHeader.Body, 0] }] : [], .. AvcAac(i)]));
    }

    private static bool IsPicture(FlvTag tag) => tag.Type == FlvTagType.Video && tag.Body.Length > 5 && tag.Body[1] == 1;

    private static bool IsKey(int i) => i % 10 == 0;

    private static byte[] Payload(int i)
    {
        var bytes = new byte[20 + (i * 37 % 2000)];
        new Random(i).NextBytes(bytes);
        return bytes;
    }

    private static byte[] Hex(string text) => Convert.FromHexString(text);

    /// <summary>Metadata at 0, the headers, and twenty steps of 40 ms.</summary>
    private static List<FlvTag> Timed(uint start, IEnumerable<FlvTag> headers, Func<int, IEnumerable<FlvTag>> step) =>
    [
        new(FlvTagType.Script, 0, Metadata),
        .. headers,
        .. Enumerable.Range(0, 20).SelectMany(i => step(i).Select(tag => tag with { Timestamp = unchecked(start + (uint)(i * 40)) })),
    ];

    private static FlvTag Enhanced(int type, int frame, string fourCc, byte[] body) => new(FlvTagType.Video, 0, [(byte)(0x80 | (frame << 4) | type), .. Encoding.ASCII.GetBytes(fourCc), .. body]);

    private static FlvTag Sound(int type, string fourCc, byte[] body) => new(FlvTagType.Audio, 0, [(byte)(0x90 | type), .. Encoding.ASCII.GetBytes(fourCc), .. body]);

    private static FlvTag[] Picture(int i, string fourCc, bool hasComposition) =>
        [hasComposition && i % 2 == 0 ? Enhanced(1, IsKey(i) ? 1 : 2, fourCc, [0, 0, 80, .. Payload(i)]) : Enhanced(hasComposition ? 3 : 1, IsKey(i) ? 1 : 2, fourCc, Payload(i))];

    private static FlvTag Many(int multitrack, int type, int frame, params (byte Id, string FourCc, byte[] Body)[] tracks) => new(FlvTagType.Video, 0,
    [
        (byte)(0x80 | (frame << 4) | 6), (byte)((multitrack << 4) | type),
        .. multitrack == 1 ? Encoding.ASCII.GetBytes(tracks[0].FourCc) : [],
        .. tracks.SelectMany(track => (byte[])[
            .. multitrack == 2 ? Encoding.ASCII.GetBytes(track.FourCc) : [], track.Id, (byte)(track.Body.Length >> 16), (byte)(track.Body.Length >> 8), (byte)track.Body.Length, .. track.Body]),
    ]);
}
