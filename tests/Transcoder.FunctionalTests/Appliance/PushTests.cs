using System.Net;
using System.Net.Sockets;
using Xunit;

namespace Transcoder.FunctionalTests.Appliance;

public sealed class PushTests
{
    [Fact]
    public async Task A_push_arrives_whole_while_a_dead_a_silent_and_a_frozen_target_touch_nothing()
    {
        const string Open = "apps:\n  in: { reconnect_grace: 0s }\n";
        await using var target = await RunningAppliance.StartAsync(Open);
        await using var frozen = await RunningAppliance.StartAsync(Open);

        // One is bound and doesn't listen, so connecting is refused; the other accepts and never says a word.
        using var dead = new Socket(SocketType.Stream, ProtocolType.Tcp);
        dead.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(
            Configurations.OneRung,
            "push:",
            $"  - {{ url: \"{target.Url("in/{stream}_{rendition}?key=push-secret")}\", renditions: [source, 180p] }}",
            $"  - {{ url: \"{frozen.Url("in/{stream}_{rendition}")}\", lag: 1s }}",
            $"  - {{ url: \"rtmp://{dead.LocalEndPoint}/in/{{stream}}_{{rendition}}\", retry_min: 200ms, retry_max: 1s }}",
            $"  - {{ url: \"rtmp://{silent.LocalEndpoint}/in/{{stream}}_{{rendition}}\", connect_timeout: 500ms, retry_min: 200ms, retry_max: 1s }}"));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/pushed"), seconds: 20);
        await using var source = await Recording.StartAsync(appliance.Url("live/pushed"));
        await using var rendition = await Recording.StartAsync(appliance.Url("live/pushed_180p"));
        await using var pushedSource = await Recording.StartAsync(target.Url("in/pushed_source"));
        await using var pushed = await Recording.StartAsync(target.Url("in/pushed_180p"));
        await frozen.SourceAsync("in", "pushed_180p", s => s.Media.VideoPackets > 30, "with pictures");

        ChildProcess.Send(frozen.ProcessId, ChildProcess.SigStop);
        await Task.WhenAll(source.MoreVideoAsync(90), rendition.MoreVideoAsync(90), pushedSource.MoreVideoAsync(90), pushed.MoreVideoAsync(90));
        await appliance.LogLineAsync("push of live/pushed_180p", $"{dead.LocalEndPoint}", "target_unreachable", "next try");
        await appliance.LogLineAsync("push of live/pushed_180p", $"{silent.LocalEndpoint}", "target_timeout", "next try");
        await Polling.UntilAsync(
            () => appliance.LogLines("push of live/pushed_180p", $"{dead.LocalEndPoint}", "next try").Count >= 3, "three attempts at the dead target");

        await Task.WhenAll(source.EndAsync(), rendition.EndAsync(), pushedSource.EndAsync(), pushed.EndAsync());
        AssertSame(source, pushedSource);
        AssertSame(rendition, pushed);
        Timelines.AssertOrdered(pushed);
        Timelines.AssertAccountsFor(source, rendition, await LadderTests.DroppedAsync(appliance, "pushed_180p"));
        Assert.Empty(appliance.LogLines("push-secret"));
        Assert.Single(appliance.LogLines($"push of live/pushed_180p to rtmp://127.0.0.1:{target.RtmpPort}/", " opened"));
    }

    [Fact]
    public async Task A_push_target_that_comes_back_gets_the_stream_again()
    {
        const string Open = "apps:\n  in: { reconnect_grace: 0s }\n";
        int port;
        await using var first = await RunningAppliance.StartAsync(Open);
        port = first.RtmpPort;
        await using var appliance = await RunningAppliance.StartAsync(Configurations.Live(
            Configurations.OneRung, "push:", $"  - {{ url: \"{first.Url("in/{stream}_{rendition}")}\", retry_min: 100ms, retry_max: 1s }}"));
        await using var publisher = Publishing.Start(await Clips.FlashAndBeepAsync(), appliance.Url("live/again"));
        await using var rendition = await Recording.StartAsync(appliance.Url("live/again_180p"));
        await first.SourceAsync("in", "again_180p", s => s.Media.VideoPackets > 0, "with pictures");

        first.Kill();
        await first.ExitAsync();
        await appliance.LogLineAsync("push of live/again_180p", "next try");
        await using var second = await RunningAppliance.StartAsync(Open, port);
        await using var pushed = await Recording.StartAsync(second.Url("in/again_180p"));
        await pushed.MoreVideoAsync(30);

        Assert.True(pushed.Video[0].IsKeyframe);
        Assert.True(rendition.IsPlaying);
        Timelines.AssertOrdered(rendition);
        Timelines.AssertOrdered(pushed);
    }

    /// <summary>From the push's first picture on, the same packets at the same times.</summary>
    private static void AssertSame(Recording original, Recording pushed)
    {
        Assert.True(pushed.Video[0].IsKeyframe);
        var first = pushed.Video[0].Pts;
        Assert.Equal(original.Video.Where(p => p.Pts >= first).Select(p => (p.Pts, p.Payload.Length)), pushed.Video.Select(p => (p.Pts, p.Payload.Length)));
        var sound = pushed.Audio[0].Pts;
        Assert.Equal(original.Audio.Where(p => p.Pts >= sound).Select(p => p.Pts), pushed.Audio.Select(p => p.Pts));
    }
}
