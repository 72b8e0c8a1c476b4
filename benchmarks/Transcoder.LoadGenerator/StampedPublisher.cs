using System.Buffers.Binary;
using System.Diagnostics;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp.Clients;

namespace Transcoder.LoadGenerator;

/// <summary>Publishes a clip in a loop, by <paramref name="clock"/>. Each payload ends in its number, so that a viewer in this process finds when it was sent.</summary>
internal sealed class StampedPublisher(RtmpClient client, MediaBufferPool pool, RecordedClip clip, RtmpUrl url, RunClock clock)
{
    public const int StampBytes = 8;

    // Ten minutes of 73 packets a second, with room.
    private readonly long[] _sentAt = new long[1 << 17];
    private long _sent;

    /// <summary>Packets sent so far: the next one's number.</summary>
    public long Sent => Volatile.Read(ref _sent);

    public long SentAt(long number) => Volatile.Read(ref _sentAt[number]);

    /// <returns>The number in a received payload, or -1 where it can be none of ours.</returns>
    public long NumberOf(ReadOnlySpan<byte> payload)
    {
        var number = payload.Length >= StampBytes ? BinaryPrimitives.ReadInt64BigEndian(payload[^StampBytes..]) : -1;
        return number >= 0 && number < Sent ? number : -1;
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var publisher = await client.PublishAsync(url, cancellationToken);
        var started = clock.Elapsed;
        try
        {
            for (var pass = 0; _sent < _sentAt.Length; pass++)
            {
                var offset = Offset(pass);
                foreach (var packet in clip.Packets)
                {
                    await clock.WaitAsync(started + (packet.Dts + offset).ToTimeSpan(), cancellationToken);
                    if (_sent == _sentAt.Length)
                    {
                        return;
                    }

                    var stamped = Packet.Copy(pool, packet.Track, packet.Dts + offset, packet.Pts + offset, packet.Flags, Stamped(packet.Payload));
                    _sentAt[_sent] = Stopwatch.GetTimestamp();
                    Volatile.Write(ref _sent, _sent + 1);
                    await publisher.WriteAsync(stamped, cancellationToken);
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The run is over.
        }
    }

    private MediaTime Offset(long pass) => new((clip.Duration.Nanoseconds * pass) - clip.Packets[0].Dts.Nanoseconds);

    private ReadOnlySpan<byte> Stamped(byte[] payload)
    {
        // The clip is shared by all publishers, and Packet.Copy takes the bytes before anything is awaited.
        _scratch = _scratch.Length >= payload.Length ? _scratch : new byte[payload.Length];
        var copy = _scratch.AsSpan(0, payload.Length);
        payload.CopyTo(copy);
        BinaryPrimitives.WriteInt64BigEndian(copy[^StampBytes..], _sent);
        return copy;
    }

    private byte[] _scratch = [];
}
