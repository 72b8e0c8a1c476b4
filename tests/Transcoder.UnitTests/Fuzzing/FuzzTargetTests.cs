using Transcoder.Testing.Corpus;
using Transcoder.Testing.Fuzzing;
using Transcoder.UnitTests.Media.Bitstreams;
using Transcoder.UnitTests.Media.Containers.Flv;
using Transcoder.UnitTests.Rtmp.Amf;
using Transcoder.UnitTests.Rtmp.Chunks;
using Xunit;

namespace Transcoder.UnitTests.Fuzzing;

/// <summary>The fuzzer's targets hold their promises for what the tables and real clients have, and for a little damage to it. The rest is <c>make fuzz</c>.</summary>
public sealed class FuzzTargetTests
{
    private const int DamagedRuns = 1500;
    private const int Longest = 2000;

    public static TheoryData<string> Targets => [.. FuzzTarget.All.Select(static target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void A_target_keeps_its_promises(string name)
    {
        var target = FuzzTarget.All.Single(one => one.Name == name);
        byte[][] inputs =
        [
            .. ChunkCases.All.Select(static one => one.Bytes),
            .. Amf0Tests.Values.Select(static row => row.Data.Item2),
            .. Amf3Tests.Values.Select(static row => row.Data.Item2),
            .. FlvTagTests.VideoBodies.Concat(FlvTagTests.AudioBodies).Select(static row => Convert.FromHexString(row.Data.Item1)),
            .. CodecConfigurationTests.VideoRecords.Select(static row => Convert.FromHexString(row.Data.Item2.Replace(" ", "", StringComparison.Ordinal))),
            .. RecordedSession.All.Concat(RecordedSession.Answers).SelectMany(static session => (byte[][])[session.Bytes[..3073], session.Bytes[3073..Math.Min(session.Bytes.Length, 3073 + Longest)]]),
        ];
        foreach (var input in inputs)
        {
            target.Run(input);
        }

        var random = new Random(7);
        for (var run = 0; run < DamagedRuns; run++)
        {
            var damaged = (byte[])inputs[random.Next(inputs.Length)].Clone();
            for (var bytes = random.Next(1, 5); bytes > 0 && damaged.Length > 0; bytes--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }

            target.Run(damaged.AsSpan(0, random.Next(4) == 0 ? random.Next(damaged.Length + 1) : damaged.Length));
        }
    }
}
