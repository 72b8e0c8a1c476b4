using System.Runtime.InteropServices;
using Transcoder.Codecs.Libav;
using Transcoder.Host.Configuration;
using Transcoder.Media;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Outputs.Push;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.Host.Verbs;

/// <summary><c>transcoder publish FILE URL</c>: the real-time test publisher.</summary>
internal static class PublishVerb
{
    /// <summary>A server that isn't up yet is waited for: a demonstration starts both at once.</summary>
    private static readonly TimeSpan ConnectPatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan ConnectAgain = TimeSpan.FromMilliseconds(500);

    /// <summary>From the last packet of a pass to the first of the next: about one picture.</summary>
    private static readonly MediaTime BetweenPasses = MediaTime.FromMilliseconds(33);

    public static Verb Publish(TextWriter output, TextWriter errors) => new("publish", "FILE URL [--loop] [--pin sha256:...] [--ca-file FILE]", "Publish a media file in real time, for tests.", async arguments =>
    {
        var parsed = new Arguments(arguments, ["--pin", "--ca-file"], ["--loop"], ["FILE", "URL"]);
        if (!RtmpUrl.TryParse(parsed.Word(1), out var url))
        {
            throw new UsageException("URL is not an rtmp address: write rtmp://HOST/APP/STREAM?key=SECRET");
        }

        var trust = new TlsTrust(PinOf(parsed["--pin"]), parsed["--ca-file"]);

        using var stop = new CancellationTokenSource();
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Stop(context, stop));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Stop(context, stop));
        try
        {
            var pool = new MediaBufferPool();
            using var file = new LibavDemuxer(parsed.Word(0), pool);
            var client = new RtmpClient(RtmpOptions.Default, pool, new RtmpStatistics(), TimeProvider.System, new TlsDialer(trust).DialAsync);
            await using var publishing = new LastingPublisher(client, await ConnectAsync(client, url, stop.Token), ConnectPatience, TimeProvider.System, output);
            await output.WriteLineAsync($"publishing {parsed.Word(0)} to {url}{(parsed.Has("--loop") ? " in a loop; Ctrl-C ends it" : "")}");
            await SendAsync(file, publishing, parsed.Has("--loop"), TimeProvider.System, stop.Token);
            return ExitCode.Success;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Success;
        }
        catch (Exception e) when (e is RtmpException or CodecException)
        {
            await errors.WriteLineAsync($"transcoder publish: {e.Message}");
            return ExitCode.Failure;
        }
    });

    private static string? PinOf(string? text) => text is null ? null
        : ScalarType.Pin.Parse(text) is { Value: string pin } ? pin
        : throw new UsageException($"--pin {ScalarType.Pin.Parse(text).Problem}");

    private static void Stop(PosixSignalContext context, CancellationTokenSource stop)
    {
        context.Cancel = true;
        stop.Cancel();
    }

    private static async Task<RtmpPublisher> ConnectAsync(RtmpClient client, RtmpUrl url, CancellationToken cancellationToken)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return await client.PublishAsync(url, cancellationToken);
            }
            catch (RtmpException e) when (e.Reason.Code == Reasons.TargetUnreachable && TimeProvider.System.GetElapsedTime(started) < ConnectPatience)
            {
                await Task.Delay(ConnectAgain, TimeProvider.System, cancellationToken);
            }
        }
    }

    /// <summary>Each packet leaves when its decoding time has come on a clock that starts with the first.</summary>
    private static async Task SendAsync(LibavDemuxer file, LastingPublisher publisher, bool loop, TimeProvider clock, CancellationToken cancellationToken)
    {
        var started = clock.GetTimestamp();
        var offset = MediaTime.Zero;
        do
        {
            MediaTime? first = null;
            var newest = MediaTime.Zero;
            while (file.TryRead(out var packet))
            {
                // A file whose times begin below zero (B-frames, priming) is moved up: RTMP has no negative times.
                first ??= packet.Dts;
                var dts = packet.Dts - first.Value + offset;
                var pts = packet.Pts - first.Value + offset;
                if (dts < MediaTime.Zero || packet.Track.Kind == TrackKind.Data)
                {
                    packet.Release();
                    continue;
                }

                newest = MediaTime.Max(newest, dts);
                Packet timed;
                try
                {
                    var ahead = dts.ToTimeSpan() - clock.GetElapsedTime(started);
                    if (ahead > TimeSpan.Zero)
                    {
                        await Task.Delay(ahead, clock, cancellationToken);
                    }

                    timed = packet.Retimed(dts, pts, packet.Flags);
                }
                finally
                {
                    packet.Release();
                }

                await publisher.WriteAsync(timed, cancellationToken);
            }

            if (first is null)
            {
                throw new CodecException("the file has nothing to publish");
            }

            offset = newest + BetweenPasses;
            file.SeekToStart();
        }
        while (loop && !cancellationToken.IsCancellationRequested);
    }
}
