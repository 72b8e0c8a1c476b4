using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Media.Packets;
using Transcoder.Media.Tracks;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Clients;
using Transcoder.Testing.Rtmp;

namespace Transcoder.FunctionalTests.Appliance;

/// <param name="Pts">Nanoseconds.</param>
internal sealed record ReplayedPacket(TrackKind Kind, byte Track, long Dts, long Pts, bool IsKeyframe, byte[] Payload, byte[] Config, byte[]? Description)
{
    public override string ToString() => $"{Kind} {Track} at {Dts} ms, shown at {Pts} ns{(IsKeyframe ? ", keyframe" : "")}, {Payload.Length} bytes, config {Config.Length}, description {Description?.Length}";
}

/// <summary>
/// A recorded stream through the daemon: every tag is published as it is, and what a player gets is held against what the file holds. The player says that it
/// reads every codec, several tracks and nanoseconds.
/// </summary>
internal static class Replay
{
    /// <returns>What the file holds and what came of it, track by track in order.</returns>
    public static async Task<(IReadOnlyList<ReplayedPacket> Sent, IReadOnlyList<ReplayedPacket> Received)> RunAsync(RunningAppliance appliance, string path, IReadOnlyList<FlvTag> tags)
    {
        var publisher = await TagPublisher.ConnectAsync(appliance.Url(path));
        var received = new List<ReplayedPacket>();
        Task playing;
        await using (publisher)
        {
            // The stream is there before its first packet, so that the player misses none.
            var client = new RtmpClient(RtmpOptions.Default, new MediaBufferPool(), new RtmpStatistics(), TimeProvider.System);
            playing = ReadAsync(await client.PlayAsync(RtmpUrl.Parse(appliance.Url(path)), CancellationToken.None), received);
            await publisher.SendAsync(tags);
        }

        await playing.WaitAsync(Polling.Patience);
        return (Packets(tags), received);
    }

    /// <summary>What differs, in words; payloads, order, keyframes, records, descriptions and, where asked, times.</summary>
    public static IReadOnlyList<string> Compare(IReadOnlyList<ReplayedPacket> sent, IReadOnlyList<ReplayedPacket> received, bool times)
    {
        var differences = new List<string>();
        foreach (var track in sent.Concat(received).Select(packet => (packet.Kind, packet.Track)).Distinct())
        {
            var before = sent.Where(packet => (packet.Kind, packet.Track) == track).ToList();
            var after = received.Where(packet => (packet.Kind, packet.Track) == track).ToList();
            if (before.Count != after.Count)
            {
                differences.Add($"{track}: {before.Count} packets sent, {after.Count} received");
            }

            foreach (var (one, other) in before.Zip(after))
            {
                if (!one.Payload.SequenceEqual(other.Payload) || one.IsKeyframe != other.IsKeyframe || !one.Config.SequenceEqual(other.Config) ||
                    (one.Description is { } description && !description.SequenceEqual(other.Description ?? [])) ||
                    (times && track.Kind != TrackKind.Data && (one.Dts, one.Pts) != (other.Dts, other.Pts)))
                {
                    differences.Add($"sent {one}, received {other}");
                }
            }
        }

        return differences;
    }

    private static async Task ReadAsync(RtmpPlayer player, List<ReplayedPacket> received)
    {
        await using (player)
        {
            while (await player.ReadAsync(CancellationToken.None) is { } packet)
            {
                if ((packet.Flags & PacketFlags.EndOfSequence) == 0)
                {
                    received.Add(new ReplayedPacket(
                        packet.Track.Kind, packet.Track.Id, packet.Dts.Milliseconds, packet.Pts.Nanoseconds, packet.IsKeyframe, packet.Payload.ToArray(),
                        packet.Track.Config.ToArray(), packet.Track.Description.ToArray()));
                }

                packet.Release();
            }
        }
    }

    private static List<ReplayedPacket> Packets(IReadOnlyList<FlvTag> tags)
    {
        var packets = new List<ReplayedPacket>();
        var configs = new Dictionary<(TrackKind, byte), byte[]>();
        var descriptions = new Dictionary<(TrackKind, byte), byte[]>();
        long? last = null;
        foreach (var tag in tags)
        {
            if (tag.Type == FlvTagType.Script)
            {
                packets.Add(new ReplayedPacket(TrackKind.Data, 0, 0, 0, false, tag.Body, [], null));
                continue;
            }

            var dts = last is { } at ? at + unchecked((int)(tag.Timestamp - (uint)at)) : tag.Timestamp;
            var first = packets.Count;
            if (tag.Type == FlvTagType.Video)
            {
                foreach (var part in FlvVideoTag.Tracks(tag.Body))
                {
                    Take(TrackKind.Video, part.TrackId, part.PacketKind, part.CodecId, part.IsKeyframe, part.CompositionTime, part.NanosecondOffset, part.Payload(tag.Body));
                }
            }
            else
            {
                foreach (var part in FlvAudioTag.Tracks(tag.Body))
                {
                    Take(TrackKind.Audio, part.TrackId, part.PacketKind, part.CodecId, false, 0, part.NanosecondOffset, part.Payload(tag.Body));
                }
            }

            last = packets.Count > first ? dts : last;

            void Take(TrackKind kind, byte id, FlvPacketKind what, CodecId codec, bool keyframe, int composition, int nanoseconds, ReadOnlySpan<byte> payload)
            {
                switch (what)
                {
                    case FlvPacketKind.SequenceStart when payload.Length > 0:
                        configs[(kind, id)] = payload.ToArray();
                        break;
                    case FlvPacketKind.Metadata or FlvPacketKind.MultichannelConfig:
                        descriptions[(kind, id)] = payload.ToArray();
                        break;
                    case FlvPacketKind.CodedFrames when payload.Length > 0 && codec != CodecId.None:
                        packets.Add(new ReplayedPacket(
                            kind, id, dts, ((dts + composition) * 1_000_000) + nanoseconds, keyframe, payload.ToArray(), configs.GetValueOrDefault((kind, id)) ?? [], descriptions.GetValueOrDefault((kind, id))));
                        break;
                }
            }
        }

        return packets;
    }
}
