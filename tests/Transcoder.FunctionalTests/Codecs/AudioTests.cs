using Transcoder.Codecs.Libav;
using Transcoder.Media.Bitstreams;
using Transcoder.Media.Buffers;
using Transcoder.Media.Jobs;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Xunit;

namespace Transcoder.FunctionalTests.Codecs;

public sealed class AudioTests
{
    [Theory]
    [InlineData(44100, 2)]
    [InlineData(48000, 6)]
    [InlineData(22050, 1)]
    public void Rate_and_channels_are_converted_without_losing_a_sample(int rate, int channels)
    {
        using var pictures = new TestPictures();
        using var resampler = Coding.Cpu.OpenAudioResampler(new AudioFormat(48000, 2));
        var counted = 0;
        for (var i = 0; i < 100; i++)
        {
            var frame = pictures.Tone(1024, rate, channels, MediaTime.FromSamples(i * 1024, rate));
            counted += resampler.Push(frame);
            frame.Release();
        }

        Assert.Equal(counted, resampler.Stored);

        // The filter keeps less than a millisecond back.
        Assert.InRange(counted, (100L * 1024 * 48000 / rate) - 48, (100L * 1024 * 48000 / rate) + 1);

        resampler.Skip(4800);
        var pulled = (LibavFrame)resampler.Pull(4800, Coding.JitteredTime(1));
        Assert.Equal((4800, 48000, 2, Coding.JitteredTime(1)), (pulled.Samples, pulled.SampleRate, pulled.Channels, pulled.Pts));
        Assert.Equal(counted - 9600, resampler.Stored);

        // 440 Hz has 88 crossings of zero in 100 ms.
        var samples = TestPictures.Samples(pulled, 0);
        Assert.InRange(samples.Zip(samples.Skip(1)).Count(p => p.First < 0 != p.Second < 0), 87, 89);

        // FFmpeg's mix: six channels of 0.5 by ITU-R BS.775 are 0.5 (1 + 0.707 + 0.707), one channel goes to both at 0.707.
        Assert.InRange(samples.Max(), 0.35f, channels == 6 ? 1.21f : 0.51f);
        pulled.Release();
    }

    [Fact]
    public void The_input_format_may_change_on_the_way_and_silence_is_silent()
    {
        using var pictures = new TestPictures();
        using var resampler = Coding.Cpu.OpenAudioResampler(new AudioFormat(48000, 2));
        foreach (var (rate, channels) in new[] { (44100, 2), (48000, 2), (48000, 6), (32000, 1) })
        {
            var frame = pictures.Tone(rate / 10, rate, channels, MediaTime.Zero);
            resampler.Push(frame);
            frame.Release();
        }

        // 32 kHz at the end keeps its filter's delay.
        Assert.InRange(resampler.Stored, 4 * 4800 - 48, 4 * 4800);
        resampler.Skip(int.MaxValue);
        Assert.Equal(0, resampler.Stored);
        resampler.PushSilence(10_000);
        var silence = (LibavFrame)resampler.Pull(10_000, MediaTime.Zero);
        Assert.All(TestPictures.Samples(silence, 1), s => Assert.Equal(0, s));
        silence.Release();
        Assert.Throws<CodecException>(() => resampler.Pull(1, MediaTime.Zero));
    }

    [Theory]
    [InlineData(CodecId.Aac, 44100, 2)]
    [InlineData(CodecId.Aac, 48000, 1)]
    [InlineData(CodecId.Opus, 48000, 2)]
    public void Each_unit_has_its_frames_time_less_the_priming(CodecId codec, int rate, int channels)
    {
        var pool = new MediaBufferPool();
        var format = new AudioFormat(rate, channels);
        using var pictures = new TestPictures();
        using var resampler = Coding.Cpu.OpenAudioResampler(format);
        using var encoder = Coding.Cpu.OpenAudioEncoder(new AudioEncoderSettings(codec, 96_000, format));
        Assert.Equal(format, CodecConfiguration.ReadAudioFormat(codec, encoder.Track.Config.Span));
        using var decoder = Coding.Cpu.OpenDecoder(encoder.Track);
        var priming = MediaTime.FromSamples(encoder.InitialPadding, rate);
        var times = new List<MediaTime>();
        var packets = new List<Packet>();
        for (var i = 0; i < 50; i++)
        {
            var tone = pictures.Tone(encoder.FrameSize, rate, channels, MediaTime.FromSamples((long)i * encoder.FrameSize, rate));
            resampler.Push(tone);
            tone.Release();
            times.Add(Coding.JitteredTime(i, rate / (double)encoder.FrameSize));
            var frame = resampler.Pull(encoder.FrameSize, times[^1]);
            encoder.Send(frame);
            frame.Release();
            Collect();
        }

        encoder.Send(null);
        Collect();
        Assert.Equal(times.Select(t => t - priming), packets.Take(50).Select(p => p.Pts));
        Assert.InRange(packets.Count, 50, 52);

        var decoded = Coding.Decode(decoder, packets);
        Assert.InRange(decoded.Sum(f => f.Samples), 49 * encoder.FrameSize, 53 * encoder.FrameSize);
        Assert.All(decoded, f => Assert.Equal((rate, channels), (f.SampleRate, f.Channels)));
        Coding.Release(decoded);
        Coding.Release(packets);

        void Collect()
        {
            while (encoder.Receive(out var unit) == CodecStatus.Ok)
            {
                packets.Add(Packet.Copy(pool, encoder.Track, unit.Dts, unit.Pts, PacketFlags.Keyframe, unit.Data));
            }
        }
    }

    [Fact]
    public void A_rate_that_the_codec_lacks_is_refused_by_name()
    {
        var refusal = Assert.Throws<CodecException>(() =>
            Coding.Cpu.OpenAudioEncoder(new AudioEncoderSettings(CodecId.Opus, 96_000, new AudioFormat(44100, 2))).Dispose());

        Assert.Contains("44100", refusal.Message, StringComparison.Ordinal);
    }
}
