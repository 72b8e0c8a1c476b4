using System.Runtime.InteropServices;
using Transcoder.Codecs.Libav;
using Transcoder.Codecs.Native;
using Transcoder.Media.Time;
using Xunit;

namespace Transcoder.FunctionalTests.Codecs;

/// <summary>Raw frames made here, so that no clip is needed.</summary>
internal sealed unsafe class TestPictures : IDisposable
{
    private readonly LibavFramePool _frames = new();
    private readonly Random _random = new(7);

    /// <summary>A moving gradient whose mean luma says nothing else, or noise that no encoder can predict.</summary>
    public LibavFrame Video(int width, int height, MediaTime pts, int index = 0, bool noise = false, string format = "yuv420p", bool fullRange = false, byte? flat = null)
    {
        var frame = _frames.Rent();
        Assert.True(Shim.FrameMakeVideo(frame.Handle, width, height, format, fullRange ? 1 : 0, pts.Nanoseconds) >= 0);
        for (var plane = 0; plane < 3; plane++)
        {
            var data = Shim.FramePlane(frame.Handle, plane, out var stride, out var rows);
            if (data is null)
            {
                break;
            }

            for (var y = 0; y < rows; y++)
            {
                var row = new Span<byte>(data + ((nint)y * stride), stride);
                if (flat is { } value)
                {
                    row.Fill(plane == 0 ? value : (byte)128);
                }
                else if (noise)
                {
                    _random.NextBytes(row);
                }
                else
                {
                    for (var x = 0; x < row.Length; x++)
                    {
                        row[x] = (byte)(plane == 0 ? 16 + ((x + y + (index * 3)) % 200) : 128);
                    }
                }
            }
        }

        return Described(frame, pts);
    }

    public LibavFrame Tone(int samples, int rate, int channels, MediaTime pts, string format = "fltp", double frequency = 440)
    {
        var frame = _frames.Rent();
        Assert.True(Shim.FrameMakeAudio(frame.Handle, samples, rate, channels, format, pts.Nanoseconds) >= 0);
        for (var channel = 0; channel < channels; channel++)
        {
            var data = (float*)Shim.FramePlane(frame.Handle, channel, out _, out _);
            for (var i = 0; i < samples; i++)
            {
                data[i] = (float)(0.5 * Math.Sin(2 * Math.PI * frequency * (pts.Seconds + ((double)i / rate))));
            }
        }

        return Described(frame, pts);
    }

    public static byte[] Plane(LibavFrame frame, int plane, int width)
    {
        var data = Shim.FramePlane(frame.Handle, plane, out var stride, out var rows);
        var bytes = new byte[width * rows];
        for (var y = 0; y < rows; y++)
        {
            new ReadOnlySpan<byte>(data + ((nint)y * stride), width).CopyTo(bytes.AsSpan(y * width));
        }

        return bytes;
    }

    public static float[] Samples(LibavFrame frame, int channel) =>
        MemoryMarshal.Cast<byte, float>(new ReadOnlySpan<byte>(Shim.FramePlane(frame.Handle, channel, out _, out _), frame.Samples * sizeof(float))).ToArray();

    public void Dispose() => _frames.Dispose();

    private static LibavFrame Described(LibavFrame frame, MediaTime pts)
    {
        Shim.FrameRead(frame.Handle, out var facts);
        frame.Describe(facts, pts);
        return frame;
    }
}
