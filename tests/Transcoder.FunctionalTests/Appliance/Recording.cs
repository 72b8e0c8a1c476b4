using System.Buffers;
using System.Diagnostics;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;

namespace Transcoder.FunctionalTests.Appliance;

/// <param name="Arrived">Of <see cref="Stopwatch"/>.</param>
internal sealed record RecordedPacket(Track Track, long Dts, long Pts, bool IsKeyframe, byte[] Payload, long Arrived)
{
    public TrackKind Kind => Track.Kind;
}

/// <summary>
/// One player's connection and all that came over it, with the times as they were on the wire, in milliseconds. It plays until the stream ends or
/// it is disposed, and never connects again.
/// </summary>
internal sealed class Recording : IAsyncDisposable
{
    private readonly List<RecordedPacket> _packets = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly RtmpPlayer _player;
    private readonly Task _reading;

    private Recording(string url, RtmpPlayer player, long asked)
    {
        Url = url;
        Asked = asked;
        _player = player;
        _reading = ReadAsync();
    }

    public string Url { get; }

    /// <summary>When the player began to connect.</summary>
    public long Asked { get; }

    /// <summary>Still on the connection that it began with.</summary>
    public bool IsPlaying => !_reading.IsCompleted;

    public string EndReason => _player.EndReason.ToString();

    public IReadOnlyList<RecordedPacket> Packets
    {
        get
        {
            lock (_packets)
            {
                return [.. _packets];
            }
        }
    }

    public IReadOnlyList<RecordedPacket> Video => [.. Packets.Where(p => p.Kind == TrackKind.Video)];

    public IReadOnlyList<RecordedPacket> Audio => [.. Packets.Where(p => p.Kind == TrackKind.Audio)];

    /// <summary>Plays the stream, asking again while there is none.</summary>
    public static async Task<Recording> StartAsync(string url)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var pool = new MediaBufferPool();
            var client = new RtmpClient(RtmpOptions.Default, pool, new RtmpStatistics(), TimeProvider.System);
            var asked = Stopwatch.GetTimestamp();
            try
            {
                return new Recording(url, await client.PlayAsync(RtmpUrl.Parse(url), CancellationToken.None), asked);
            }
            catch (RtmpException e) when (Stopwatch.GetElapsedTime(started) < Polling.Patience)
            {
                Debug.WriteLine(e.Reason);
            }
        }
    }

    /// <summary>Waits until the stream has ended in order.</summary>
    public async Task EndAsync()
    {
        await _reading.WaitAsync(Polling.Patience);
    }

    public Task UntilAsync(Func<Recording, bool> condition, string what) =>
        Polling.UntilAsync(() => condition(this), $"{Url}: {what}", () => $"{Video.Count} video and {Audio.Count} audio packets came, playing: {IsPlaying}, end: {EndReason}");

    /// <summary>Waits until another <paramref name="count"/> pictures have come.</summary>
    public Task MoreVideoAsync(int count)
    {
        var target = Video.Count + count;
        return UntilAsync(r => r.Video.Count >= target, $"{count} more pictures");
    }

    public async Task WriteFlvAsync(string file)
    {
        var output = new ArrayBufferWriter<byte>();
        var header = new ArrayBufferWriter<byte>();
        FlvFileWriter.WriteFileHeader(output, Audio.Count > 0, Video.Count > 0);
        Track? video = null;
        Track? audio = null;
        foreach (var packet in Packets.Where(p => p.Kind != TrackKind.Data))
        {
            ref var current = ref (packet.Kind == TrackKind.Video ? ref video : ref audio);
            if (current != packet.Track)
            {
                current = packet.Track;
                Write(packet, current.Config.Span, sequenceHeader: true);
            }

            Write(packet, packet.Payload, sequenceHeader: false);
        }

        await File.WriteAllBytesAsync(file, output.WrittenMemory);

        void Write(RecordedPacket packet, ReadOnlySpan<byte> payload, bool sequenceHeader)
        {
            header.ResetWrittenCount();
            if (packet.Kind == TrackKind.Video)
            {
                // Annex E.4.3: AVC, a keyframe or not, header or NAL units, and the composition time.
                var delay = sequenceHeader ? 0 : (int)(packet.Pts - packet.Dts);
                header.Write<byte>([(byte)((packet.IsKeyframe || sequenceHeader ? 0x10 : 0x20) | 7), (byte)(sequenceHeader ? 0 : 1), (byte)(delay >> 16), (byte)(delay >> 8), (byte)delay]);
            }
            else
            {
                header.Write<byte>([0xAF, (byte)(sequenceHeader ? 0 : 1)]);
            }

            FlvFileWriter.WriteTag(output, packet.Kind == TrackKind.Video ? FlvTagType.Video : FlvTagType.Audio, packet.Dts, header.WrittenSpan, payload);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _reading;
        await _player.DisposeAsync();
        _stop.Dispose();
    }

    private async Task ReadAsync()
    {
        while (await _player.ReadAsync(_stop.Token) is { } packet)
        {
            if ((packet.Flags & PacketFlags.EndOfSequence) != 0)
            {
                // It says that the publisher has finished, and shows nothing.
                packet.Release();
                continue;
            }

            var recorded = new RecordedPacket(packet.Track, packet.Dts.Milliseconds, packet.Pts.Milliseconds, packet.IsKeyframe, packet.Payload.ToArray(), Stopwatch.GetTimestamp());
            packet.Release();
            lock (_packets)
            {
                _packets.Add(recorded);
            }
        }
    }
}
