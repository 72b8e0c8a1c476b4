using System.Diagnostics;
using Transcoder.Codecs.Libav;
using Transcoder.Media.Buffers;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.FunctionalTests.Appliance;

/// <param name="Milliseconds">How much of it; null: all.</param>
internal readonly record struct ClipPart(string File, long? Milliseconds)
{
    public static implicit operator ClipPart(string file) => new(file, null);
}

/// <summary>Our own client as a publisher, for what FFmpeg doesn't do: one stream made of clips that differ.</summary>
internal sealed class ScriptedPublisher : IAsyncDisposable
{
    private static readonly MediaTime BetweenClips = MediaTime.FromMilliseconds(33);

    private readonly MediaBufferPool _pool = new();
    private RtmpPublisher _publisher = null!;

    public static async Task<ScriptedPublisher> ConnectAsync(string url, RtmpDialer? dialer = null)
    {
        var scripted = new ScriptedPublisher();
        var client = new RtmpClient(RtmpOptions.Default, scripted._pool, new RtmpStatistics(), TimeProvider.System, dialer);
        scripted._publisher = await client.PublishAsync(RtmpUrl.Parse(url), CancellationToken.None);
        return scripted;
    }

    /// <summary>One clip after another in real time on one clock.</summary>
    public async Task SendAsync(params ClipPart[] clips)
    {
        var started = Stopwatch.GetTimestamp();
        var offset = MediaTime.Zero;
        foreach (var clip in clips)
        {
            using var file = new LibavDemuxer(clip.File, _pool);
            var newest = MediaTime.Zero;
            while (file.TryRead(out var packet))
            {
                var (dts, pts) = (packet.Dts, packet.Pts);
                if (packet.Track.Kind == TrackKind.Data || dts < MediaTime.Zero || dts.Milliseconds >= clip.Milliseconds)
                {
                    packet.Release();
                    continue;
                }

                newest = MediaTime.Max(newest, dts);
                var ahead = (dts + offset).ToTimeSpan() - Stopwatch.GetElapsedTime(started);
                if (ahead > TimeSpan.Zero)
                {
                    await Task.Delay(ahead);
                }

                var timed = packet.Retimed(dts + offset, pts + offset, packet.Flags);
                packet.Release();
                await _publisher.WriteAsync(timed, CancellationToken.None);
            }

            offset += newest + BetweenClips;
        }
    }

    /// <summary>Says goodbye.</summary>
    public ValueTask EndAsync() => _publisher.DisposeAsync();

    public ValueTask DisposeAsync() => _publisher.DisposeAsync();
}
