using System.Buffers;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Transcoder.Media;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;
using Transcoder.Testing.Corpus;
using Transcoder.Testing.Fuzzing;
using Transcoder.UnitTests.Media.Bitstreams;
using Transcoder.UnitTests.Media.Containers.Flv;
using Transcoder.UnitTests.Rtmp.Amf;
using Transcoder.UnitTests.Rtmp.Chunks;
using Transcoder.UnitTests.Rtmp.Clients;
using Transcoder.UnitTests.Rtmp.Messages;
using Xunit;

namespace Transcoder.Fuzz;

/// <summary>Where the fuzzer begins: the unit tests' tables, sessions recorded from real clients, and inputs that once failed.</summary>
internal static class Seeds
{
    // Longer inputs make the fuzzer slow and find nothing more: a session's commands, headers and first frames lie before this.
    private const int Longest = 12 << 10;

    private const int HandshakeLength = 1 + (2 * 1536);

    public static void Write(string folder)
    {
        foreach (var (target, inputs) in All())
        {
            var below = Directory.CreateDirectory(Path.Combine(folder, target)).FullName;
            foreach (var input in inputs)
            {
                var bytes = input.Length > Longest ? input[..Longest] : input;
                File.WriteAllBytes(Path.Combine(below, Convert.ToHexString(SHA256.HashData(bytes), 0, 8)), bytes);
            }
        }
    }

    private static Dictionary<string, IEnumerable<byte[]>> All()
    {
        var sessions = RecordedSession.All.Select(static session => session.Bytes).ToArray();
        var afterHandshake = sessions.Select(static bytes => bytes[HandshakeLength..]).ToArray();
        var messages = RecordedSession.All.SelectMany(static session => session.Messages()).ToArray();
        var commands = messages.Where(static message => message.Type is 18 or 20).Select(static message => message.Body);
        var chunks = ChunkCases.All.Select(static chunkCase => chunkCase.Bytes).ToArray();
        byte[][] bodies = [.. FlvTagTests.VideoBodies.Concat(FlvTagTests.AudioBodies).Select(static row => Convert.FromHexString(row.Data.Item1))];
        byte[][] records = [.. CodecConfigurationTests.VideoRecords.Select(static row => Hex(row.Data.Item2)), .. CodecConfigurationTests.AudioRecords.Select(static row => Hex(row.Data.Item2))];
        byte[][] frames = [.. messages.Where(static message => message.Type is 8 or 9).Select(static message => message.Body[..Math.Min(message.Body.Length, 300)]).Take(100)];
        byte[][] payloads = [.. frames.Where(static frame => frame.Length > 5).Select(static frame => frame[5..])];
        var seeds = new Dictionary<string, IEnumerable<byte[]>>
        {
            ["chunk"] = [.. chunks, .. afterHandshake],
            ["handshake"] = [.. sessions.Select(static bytes => bytes[..HandshakeLength]), [3, .. new byte[2 * 1536]], [.. "GET / HTTP/1.1"u8]],
            ["session"] = [.. chunks, .. afterHandshake],
            ["client"] = [.. RecordedSession.Answers.Select(static session => session.Bytes[HandshakeLength..]), .. chunks],
            ["amf0"] = [.. Amf0Tests.Values.Select(static row => row.Data.Item2), .. Amf3Tests.Values.Select(static row => (byte[])[17, .. row.Data.Item2]), .. commands],
            ["amf3"] = [.. Amf3Tests.Values.Select(static row => row.Data.Item2)],
            ["tag"] = [.. bodies, .. frames],
            ["flv"] = [Flv(bodies), Flv(frames), .. bodies.Select(static body => Flv([body]))],
            ["nal"] = [.. ParameterSets(records), .. records, .. payloads],
            ["link"] = Link(),
            ["address"] = [.. Lines(typeof(RtmpUrlTests)), .. Lines(typeof(StreamAddressTests))],
        };
        foreach (var (target, texts) in Access)
        {
            seeds[target] = texts.Select(Encoding.UTF8.GetBytes);
        }

        foreach (var target in FuzzTarget.Configurations)
        {
            seeds[target.Name] = [.. records, .. payloads];
        }

        return seeds;
    }

    private static readonly Dictionary<string, string[]> Access = new()
    {
        ["query"] =
        [
            $"expires=1800000000&signature={new string('a', 64)}",
            "key=k?token=eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjQxMDAwMDAwMDAsImFwcCI6ImxpdmUiLCJzdHJlYW0iOiJjYW0qIiwiYWN0aW9uIjpbInBsYXkiXX0.c2lnbmVk",
        ],
        ["JWT"] =
        [
            """
            {"alg":"HS256","typ":"JWT","kid":"one"}
            {"exp":4100000000,"nbf":1,"app":"live","stream":["x","cam*"],"action":["publish","play"],"iss":"i","aud":["a"]}
            """,
        ],
        ["JWKS"] =
        [
            """{"keys":[{"kty":"RSA","kid":"one","use":"sig","alg":"RS256","n":"sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri","e":"AQAB"},{"kty":"oct","k":"AA"}]}""",
            """{"keys":[{"kty":"EC","kid":"one","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","x5c":["AA"]}]}""",
        ],

        // 4200 and 4403 for 200 and 403.
        ["hook"] = ["\u0010h{\"allow\":false,\"reason\":\"no \\u0007 key=secret\"}", "\u00113", "\u0010h{\"allow\":true}"],
    };

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    private static byte[] Flv(byte[][] bodies)
    {
        var output = new ArrayBufferWriter<byte>();
        FlvFileWriter.WriteFileHeader(output, true, true);
        var time = 0;
        foreach (var body in bodies)
        {
            var isAudio = body.Length > 0 && body[0] >> 4 is 2 or 9 or 10 or 14;
            FlvFileWriter.WriteTag(output, isAudio ? FlvTagType.Audio : FlvTagType.Video, time += 40, [], body);
        }

        return output.WrittenSpan.ToArray();
    }

    private static IEnumerable<byte[]> ParameterSets(byte[][] records)
    {
        foreach (var record in records)
        {
            IReadOnlyList<byte[]> nals =
                AvcConfigurationRecord.TryParse(record, out var avc) ? [.. avc.SequenceParameterSets, .. avc.PictureParameterSets]
                : HevcConfigurationRecord.TryParse(record, out var hevc) ? hevc.ParameterSets
                : [];
            if (nals.Count > 0)
            {
                yield return [.. nals.SelectMany(static nal => (byte[])[0, 0, 0, 1, .. nal])];
            }
        }
    }

    /// <summary>The rows of a class's theories, the strings of each row as lines.</summary>
    private static IEnumerable<byte[]> Lines(Type tests) =>
        from method in tests.GetMethods()
        from row in method.GetCustomAttributes<InlineDataAttribute>()
        select Encoding.UTF8.GetBytes(string.Join('\n', row.Data.OfType<string>()));

    private static IEnumerable<byte[]> Link()
    {
        var reason = new Reason(Reasons.EncoderFailed, "it failed");
        var rendition = new RenditionSpec("720p", new VideoSpec(CodecId.H264, 0, 720, 2_800_000), new AudioSpec(CodecId.Aac, 128_000));
        var device = new DeviceRef("cpu", "software");
        var settings = new VideoEncoderSettings(CodecId.H264, 1280, 720, 30, 2_800_000, RateControl.Cbr, 1000, "speed", "", "", 0, 60);
        var job = new TranscodeJob("live/s", MediaTime.FromSeconds(2), [new RenditionJob(rendition, MediaTime.MinValue, MediaTime.MinValue)], [device]);
        var track = new Track(TrackKind.Video, CodecId.H264, new byte[] { 1, 2, 3 }, new VideoFormat(1280, 720, 30)) { Id = 1 };
        yield return Message(WorkerMessageType.Hello, new WorkerHello("1.0", "secret", 42), WorkerJson.Default.WorkerHello);
        yield return Message(WorkerMessageType.Job, job, WorkerJson.Default.TranscodeJob);
        yield return Message(WorkerMessageType.Track, track, WorkerJson.Default.Track);
        yield return Message(WorkerMessageType.Report, new WorkerReport(1, 2, 3, 4, 1.5, 0.1, [new RenditionReport(0, 1, 2, 3, 4, 5, 6)]), WorkerJson.Default.WorkerReport);
        yield return Message(
            WorkerMessageType.RenditionStarted, new RenditionStarted("cpu", "software", "libx264", "h264", 1280, 720, 30, reason), WorkerJson.Default.RenditionStarted);
        yield return Message(WorkerMessageType.RenditionEnded, reason, WorkerJson.Default.Reason);
        yield return Message(WorkerMessageType.LeaseRequest, new LeaseRequest(device, 1920, 1080, 30, [new EncodeDemand(0, settings)]), WorkerJson.Default.LeaseRequest);
        yield return Message(WorkerMessageType.LeaseGrant, new LeaseGrant(0, 7, device, settings, LeaseStart.NextKeyframe, reason), WorkerJson.Default.LeaseGrant);
        yield return Message(WorkerMessageType.LeaseClosed, new LeaseClosed(7, LeaseOutcome.Hung, -5, "gone"), WorkerJson.Default.LeaseClosed);
        yield return Message(WorkerMessageType.LeaseStrained, new LeaseStrained(7, 0.9), WorkerJson.Default.LeaseStrained);
        yield return Message(WorkerMessageType.Log, new WorkerLogLine("warning", "a line"), WorkerJson.Default.WorkerLogLine);

        static byte[] Message<T>(WorkerMessageType type, T value, JsonTypeInfo<T> json)
        {
            var payload = JsonSerializer.SerializeToUtf8Bytes(value, json);
            var head = new byte[WorkerMessageHeader.Size];
            new WorkerMessageHeader(payload.Length, type, Number: 1).Write(head);
            return [.. head, .. payload];
        }
    }
}
