using Transcoder.Codecs;
using Transcoder.Codecs.Native;
using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Codecs;

public sealed class DecoderTests
{
    [Theory]
    [InlineData(CodecId.H264)]
    [InlineData(CodecId.Hevc)]
    [InlineData(CodecId.Vp9)]
    [InlineData(CodecId.Av1)]
    public void Damage_is_skipped_and_decoding_goes_on(CodecId codec)
    {
        var pool = new MediaBufferPool();
        using var pictures = new TestPictures();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(codec));
        var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, 60).Select(i => (pictures.Video(320, 180, Coding.JitteredTime(i), i), i % 30 == 0)));
        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var random = new Random(3);
        var sent = packets.Select((p, i) => i is > 5 and < 25 ? Damaged(pool, p, random) : p).ToList();

        var frames = Coding.Decode(decoder, sent);

        // From the second keyframe on all is well again.
        Assert.Equal(packets.Skip(30).Select(p => p.Pts), frames.Select(f => f.Pts).Where(t => t >= packets[30].Pts));
        Coding.Release(frames);
        Coding.Release(packets);
    }

    [Fact]
    public void A_packet_of_rubbish_is_refused_without_an_exception()
    {
        var pool = new MediaBufferPool();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(CodecId.H264));
        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        foreach (var bytes in new byte[][] { [], [0], [0, 0, 0, 9, 1], [0xFF, 0xFF, 0xFF, 0xFF, 0x65] })
        {
            var packet = Packet.Copy(pool, encoder.Track, MediaTime.Zero, MediaTime.Zero, PacketFlags.None, bytes);
            Assert.False(decoder.Send(packet));
            Assert.Equal(CodecStatus.NeedMoreInput, decoder.Receive(out _));
            packet.Release();
        }
    }

    [Fact]
    public void A_configuration_record_of_rubbish_is_a_codec_exception_or_nothing_decoded()
    {
        var track = new Track(TrackKind.Audio, CodecId.Aac, new byte[] { 0xFF, 0xFF, 0xFF });

        Assert.Throws<CodecException>(() => Coding.Cpu.OpenDecoder(track).Dispose());
    }

    [Theory]
    [InlineData(CodecId.H264)]
    [InlineData(CodecId.Vp9)]
    [InlineData(CodecId.Av1)]
    public void A_picture_comes_out_as_soon_as_its_packet_is_in(CodecId codec)
    {
        var pool = new MediaBufferPool();
        using var pictures = new TestPictures();
        using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(codec));
        var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, 10).Select(i => (pictures.Video(320, 180, Coding.JitteredTime(i), i), i == 0)));
        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        foreach (var packet in packets)
        {
            Assert.True(decoder.Send(packet));
            Assert.Equal(CodecStatus.Ok, decoder.Receive(out var frame));
            Assert.Equal(packet.Pts, frame!.Pts);
            frame.Release();
        }

        Coding.Release(packets);
    }

    [Fact]
    public void Frames_outlive_the_decoder_and_nothing_native_is_left()
    {
        // Other tests of this collection run on other threads: count what this one opens by coming back to where it was.
        var frames = new List<Media.Packets.Frame>();
        var handles = new List<ShimHandle>();
        using (var pictures = new TestPictures())
        {
            var pool = new MediaBufferPool();
            using var encoder = Coding.Cpu.OpenVideoEncoder(Coding.Video(CodecId.H264));
            var packets = Coding.Encode(encoder, pool, Enumerable.Range(0, 10).Select(i => (pictures.Video(320, 180, Coding.JitteredTime(i), i), i == 0)));
            using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
            foreach (var frame in Coding.Decode(decoder, packets))
            {
                frames.Add(frame);
                handles.Add(frame.Handle);
            }

            Coding.Release(packets);
        }

        Assert.All(frames, f => Assert.Equal(320, f.Width));
        Assert.All(handles, h => Assert.False(h.IsClosed));
        Coding.Release(frames);
        Assert.All(handles, h => Assert.True(h.IsClosed));
    }

    [Fact]
    public void Warming_up_opens_everything_and_leaves_nothing()
    {
        DeviceCatalog.WarmUp();

        Assert.Contains("Lavc", DeviceCatalog.LibraryVersions, StringComparison.Ordinal);
    }

    private static Packet Damaged(MediaBufferPool pool, Packet packet, Random random)
    {
        var bytes = packet.Payload.ToArray();
        for (var at = random.Next(6, 20); at < bytes.Length; at += random.Next(1, 30))
        {
            bytes[at] = (byte)random.Next();
        }

        return Packet.Copy(pool, packet.Track, packet.Dts, packet.Pts, packet.Flags, bytes);
    }
}
