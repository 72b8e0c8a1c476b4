using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;
using Transcoder.Rtmp.Handshakes;
using Transcoder.Testing.Rtmp;

namespace Transcoder.Testing.Fuzzing;

/// <summary>
/// What a server answers to our clients behind its handshake, the same to a publisher and to a player: each ends with one reason that can be logged, nothing else
/// is thrown, and everything is given back.
/// </summary>
internal static class ClientTarget
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly RtmpUrl Url = RtmpUrl.Parse("rtmp://h/live/s3cr3t-stream");
    private static readonly RtmpOptions Options = RtmpOptions.Default with { MaxMessageSize = 1 << 14, MaxPartialBytes = 3 << 13, MaxChunkStreams = 8, MaxQueuedAnswers = 4 << 10 };
    private static readonly byte[] ServerPart = [Handshake.Version, .. new byte[2 * Handshake.PacketLength]];

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 2000, 1 << 20, static (bytes, pool) =>
    {
        var time = new CountingTimeProvider();
        Promise.Holds(PublishAsync(bytes, pool, time).Wait(Patience), "a publisher does not end with its connection");
        Promise.Holds(PlayAsync(bytes, pool, time).Wait(Patience), "a player does not end with its connection");
        Promise.Holds(time.Timers == 0, $"{time.Timers} timers were left behind");
    });

    private static RtmpClient ClientOf(byte[] bytes, TrackingBufferPool pool, TimeProvider time) =>
        new(Options, pool, new RtmpStatistics(), time, (_, _) => new(new AnsweringStream([.. ServerPart, .. bytes])));

    private static async Task PublishAsync(byte[] bytes, TrackingBufferPool pool, TimeProvider time)
    {
        Reason reason;
        try
        {
            await using var publisher = await ClientOf(bytes, pool, time).PublishAsync(Url, CancellationToken.None);
            for (var milliseconds = 0; publisher.EndReason.Code is null && milliseconds < 400; milliseconds += 40)
            {
                await publisher.WriteAsync(pool.Video(milliseconds, keyframe: milliseconds == 0), CancellationToken.None);
            }

            _ = publisher.ReconnectUrl?.ToString();
            reason = publisher.EndReason;
        }
        catch (RtmpException exception)
        {
            reason = exception.Reason;
        }

        Check(reason);
    }

    private static async Task PlayAsync(byte[] bytes, TrackingBufferPool pool, TimeProvider time)
    {
        Reason reason;
        try
        {
            await using var player = await ClientOf(bytes, pool, time).PlayAsync(Url, CancellationToken.None);
            while (await player.ReadAsync(CancellationToken.None) is { } packet)
            {
                packet.Release();
            }

            _ = player.ReconnectUrl?.ToString();
            reason = player.EndReason;
            Promise.Holds(reason.Code is not null, "a player ends without a reason");
        }
        catch (RtmpException exception)
        {
            reason = exception.Reason;
        }

        Check(reason);
    }

    private static void Check(Reason reason)
    {
        if (reason.Code is not null)
        {
            Promise.Holds(reason.Detail.Length < 1000 && !reason.Detail.Any(char.IsControl), "a server's words fill or forge log lines");
            Promise.Holds(!reason.Detail.Contains(Url.Stream, StringComparison.Ordinal), "a reason with the secret");
        }
    }
}
