using System.IO.Pipelines;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;
using Transcoder.Testing;
using Transcoder.Testing.Rtmp;
using Transcoder.UnitTests.Rtmp.Sessions;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Clients;

public sealed class RtmpClientTests : SessionTest
{
    private static readonly RtmpUrl Url = RtmpUrl.Parse("rtmp://h/live/s?key=s3cr3t");
    private static readonly Track Video = new(TrackKind.Video, CodecId.H264, new byte[] { 1, 0x64, 0, 0x1F });
    private readonly RtmpClient _client;

    public RtmpClientTests() =>
        _client = new RtmpClient(RtmpOptions.Default, Pool, new RtmpStatistics(), Clock, (_, _) => new(new PipeStream(Connection.Client)));

    [Fact]
    public async Task What_is_written_reaches_the_servers_sink_and_disposal_says_goodbye()
    {
        var publisher = await _client.PublishAsync(Url, CancellationToken.None);
        await publisher.WriteAsync(Packet(1000, [1, 2, 3], PacketFlags.Keyframe), CancellationToken.None);
        await publisher.WriteAsync(Packet(1040, new byte[200_000]), CancellationToken.None);
        var data = await Application.Sink.Packets.ReadAsync();
        Assert.Equal(TrackKind.Data, data.Track.Kind);
        data.Release();
        var first = await Application.Sink.Packets.ReadAsync();
        Assert.Equal(("010203", 1000L, true), (Convert.ToHexString(first.Payload.Span), first.Dts.Milliseconds, first.IsKeyframe));
        Assert.Equal(Video.Config.ToArray(), first.Track.Config.ToArray());
        first.Release();
        var second = await Application.Sink.Packets.ReadAsync();
        Assert.Equal(200_000, second.Payload.Length);
        second.Release();
        await publisher.DisposeAsync();
        Assert.Equal(Reasons.Unpublished, (await Application.Sink.Completed.WaitAsync(Patience)).Code);
        Assert.Equal(Reasons.Unpublished, publisher.EndReason.Code);
    }

    [Fact]
    public async Task A_refusal_is_target_refused_and_does_not_repeat_the_secret()
    {
        Application.Refusal = new Reason(Reasons.BadKey, "s?key=s3cr3t is not a valid key");
        var exception = await Assert.ThrowsAsync<RtmpException>(() => _client.PublishAsync(Url, CancellationToken.None));
        Assert.Equal(Reasons.TargetRefused, exception.Reason.Code);
        Assert.DoesNotContain("s3cr3t", exception.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_server_says_neither_fills_a_log_nor_forges_its_lines()
    {
        Application.Refusal = new Reason(Reasons.BadKey, $"no\nforged line {new string('x', 5000)}");
        var exception = await Assert.ThrowsAsync<RtmpException>(() => _client.PublishAsync(Url, CancellationToken.None));
        Assert.DoesNotContain('\n', exception.Reason.Detail);
        Assert.InRange(exception.Reason.Detail.Length, 1, 400);
    }

    [Fact]
    public async Task A_server_that_closes_ends_the_publisher_with_a_reason()
    {
        var publisher = await _client.PublishAsync(Url, CancellationToken.None);
        Application.Sink.CloseFromHub(new Reason(Reasons.PublisherReplaced, "another one came"));
        await Eventually(publisher.Closed);
        Assert.Equal(Reasons.TargetClosed, publisher.EndReason.Code);
        await Assert.ThrowsAsync<RtmpException>(() => publisher.WriteAsync(Packet(0, [1]), CancellationToken.None).AsTask());
        await publisher.DisposeAsync();
    }

    /// <summary>A server that answers connect with these properties.</summary>
    [Theory]
    [InlineData("av01,Opus", Reasons.CodecNotSupported, "the stream is hevc, the server announced Opus, av01")]
    [InlineData("", Reasons.TargetClosed, "it announced no codec of Enhanced RTMP, and the stream is hevc")]
    public async Task A_codec_that_the_server_did_not_announce_is_in_the_reason(string announced, string code, string words)
    {
        var connection = new MemoryConnection();
        using var server = new ScriptedServer(connection.Transport, Pool);
        var client = new RtmpClient(RtmpOptions.Default, Pool, new RtmpStatistics(), Clock, (_, _) => new(new PipeStream(connection.Client)));
        var serving = server.AcceptPublisherAsync(announced);
        await using var publisher = await client.PublishAsync(Url, CancellationToken.None).WaitAsync(Patience);
        await serving.WaitAsync(Patience);
        var hevc = new Track(TrackKind.Video, CodecId.Hevc, new byte[] { 1 });
        var packet = Transcoder.Media.Packets.Packet.Copy(Pool, hevc, MediaTime.Zero, MediaTime.Zero, PacketFlags.Keyframe, [1]);
        if (code == Reasons.CodecNotSupported)
        {
            await Assert.ThrowsAsync<RtmpException>(() => publisher.WriteAsync(packet, CancellationToken.None).AsTask());
        }
        else
        {
            // Silence is no refusal: it is tried, and remembered for the case that the server closes.
            await publisher.WriteAsync(packet, CancellationToken.None);
            await connection.Transport.Output.CompleteAsync();
            await Eventually(publisher.Closed);
        }

        Assert.Equal(code, publisher.EndReason.Code);
        Assert.Contains(words, publisher.EndReason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_tracks_go_to_a_server_that_takes_several()
    {
        var publisher = await _client.PublishAsync(Url, CancellationToken.None);
        var second = new Track(TrackKind.Video, CodecId.Av1, new byte[] { 1 }) { Id = 1 };
        await publisher.WriteAsync(Packet(0, [1], PacketFlags.Keyframe), CancellationToken.None);
        await publisher.WriteAsync(
            Transcoder.Media.Packets.Packet.Copy(Pool, second, MediaTime.Zero, new MediaTime(1_000_007), PacketFlags.Keyframe, [2]), CancellationToken.None);
        var received = new List<(int, CodecId, long)>();
        while (received.Count < 2)
        {
            var packet = await Application.Sink.Packets.ReadAsync();
            if (packet.Track.Kind == TrackKind.Video)
            {
                received.Add((packet.Track.Id, packet.Track.Codec, packet.Pts.Nanoseconds));
            }

            packet.Release();
        }

        Assert.Equal([(0, CodecId.H264, 0), (1, CodecId.Av1, 7)], received);
        await publisher.DisposeAsync();
    }

    [Fact]
    public async Task A_reconnect_request_says_where_to_go_and_the_old_connection_goes_on()
    {
        var publisher = await _client.PublishAsync(Url, CancellationToken.None);
        Assert.Null(publisher.ReconnectUrl);
        Assert.Equal(1, Handler.RequestReconnect("rtmp://other/app"));
        await EventuallyAsync(() => publisher.ReconnectUrl is not null);
        Assert.Equal(("rtmp://other/app", "s?key=s3cr3t"), (publisher.ReconnectUrl!.TcUrl, publisher.ReconnectUrl.Stream));
        await publisher.WriteAsync(Packet(1000, [1, 2, 3], PacketFlags.Keyframe), CancellationToken.None);
        await publisher.DisposeAsync();
    }

    [Fact]
    public async Task A_source_is_pushed_until_it_ends()
    {
        var publisher = await _client.PublishAsync(Url, CancellationToken.None);
        Application.Source.Write(Packet(0, [1], PacketFlags.Keyframe));
        Application.Source.End(new Reason(Reasons.SourceEnded, "over"));
        Assert.Equal(Reasons.SourceEnded, (await publisher.RunAsync(Application.Source, CancellationToken.None).WaitAsync(Patience)).Code);
        await publisher.DisposeAsync();
    }

    [Fact]
    public async Task What_is_played_comes_as_packets_until_the_stream_ends()
    {
        Application.Source.Write(Packet(1000, [1, 2, 3], PacketFlags.Keyframe));
        await using var player = await _client.PlayAsync(Url, CancellationToken.None);
        var metadata = await player.ReadAsync(CancellationToken.None);
        metadata!.Release();
        var packet = await player.ReadAsync(CancellationToken.None);
        Assert.Equal(("010203", 1000L), (Convert.ToHexString(packet!.Payload.Span), packet.Pts.Milliseconds));
        packet.Release();
        Application.Source.End(new Reason(Reasons.SourceEnded, "over"));
        Assert.Null(await player.ReadAsync(CancellationToken.None).AsTask().WaitAsync(Patience));
        Assert.Equal(Reasons.TargetClosed, player.EndReason.Code);
    }

    [Fact]
    public async Task A_stream_that_is_not_there_is_target_refused()
    {
        Application.Refusal = new Reason(Reasons.StreamNotFound, "nobody publishes it");
        var exception = await Assert.ThrowsAsync<RtmpException>(() => _client.PlayAsync(Url, CancellationToken.None));
        Assert.Equal(Reasons.TargetRefused, exception.Reason.Code);
        Assert.Contains("nobody publishes it", exception.Reason.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_says_nothing_runs_into_the_deadline()
    {
        var silent = new MemoryConnection();
        var client = new RtmpClient(RtmpOptions.Default, Pool, new RtmpStatistics(), Clock, (_, _) => new(new PipeStream(silent.Client)));
        var publishing = client.PublishAsync(Url, CancellationToken.None);
        await silent.Transport.Input.ReadAtLeastAsync(1537).AsTask().WaitAsync(Patience);
        Clock.Advance(TimeSpan.FromSeconds(11));
        Assert.Equal(Reasons.TargetTimeout, (await Assert.ThrowsAsync<RtmpException>(() => publishing.WaitAsync(Patience))).Reason.Code);
    }

    [Fact]
    public async Task A_server_of_another_protocol_is_refused()
    {
        var other = new MemoryConnection();
        var client = new RtmpClient(RtmpOptions.Default, Pool, new RtmpStatistics(), Clock, (_, _) => new(new PipeStream(other.Client)));
        await other.Transport.Output.WriteAsync(new byte[3073]);
        var exception = await Assert.ThrowsAsync<RtmpException>(() => client.PublishAsync(Url, CancellationToken.None).WaitAsync(Patience));
        Assert.Equal(Reasons.TargetRefused, exception.Reason.Code);
    }

    [Fact]
    public async Task A_port_where_nobody_listens_is_unreachable()
    {
        var client = new RtmpClient(
            RtmpOptions.Default, Pool, new RtmpStatistics(), Clock, (_, _) => throw new System.Net.Sockets.SocketException(111));
        var exception = await Assert.ThrowsAsync<RtmpException>(() => client.PlayAsync(Url, CancellationToken.None));
        Assert.Equal(Reasons.TargetUnreachable, exception.Reason.Code);
    }

    private static async Task Eventually(CancellationToken token)
    {
        var ended = new TaskCompletionSource();
        await using var registration = token.Register(() => ended.TrySetResult());
        await ended.Task.WaitAsync(Patience);
    }

    private Packet Packet(long milliseconds, byte[] payload, PacketFlags flags = PacketFlags.None) =>
        Transcoder.Media.Packets.Packet.Copy(Pool, Video, MediaTime.FromMilliseconds(milliseconds), MediaTime.FromMilliseconds(milliseconds), flags, payload);
}
