using Microsoft.Extensions.Time.Testing;
using Transcoder.Streams.Transcoding;
using Xunit;

namespace Transcoder.UnitTests.Streams.Transcoding;

public sealed class EncoderGapsTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly EncoderGaps _gaps;

    public EncoderGapsTests()
    {
        _gaps = new EncoderGaps(_clock);
    }

    [Fact]
    public void The_first_encoder_leaves_no_gap_however_late_its_first_picture_is()
    {
        _gaps.OnEncoder();
        Pass(5000);
        _gaps.OnPicture();
        Pass(40);
        _gaps.OnPicture();
        Assert.Equal((0, TimeSpan.Zero, TimeSpan.Zero), (_gaps.Count, _gaps.Sum, _gaps.Last));
    }

    [Fact]
    public void A_gap_is_from_the_last_picture_of_one_encoder_to_the_first_of_the_other()
    {
        _gaps.OnEncoder();
        _gaps.OnPicture();
        Pass(300);
        _gaps.OnEncoder();
        Pass(200);
        _gaps.OnPicture();
        Pass(40);
        _gaps.OnPicture();
        Assert.Equal((1, 500.0, 500.0), (_gaps.Count, _gaps.Sum.TotalMilliseconds, _gaps.Last.TotalMilliseconds));
    }

    [Fact]
    public void Encoders_that_came_and_went_without_a_picture_are_one_gap()
    {
        _gaps.OnEncoder();
        _gaps.OnPicture();
        Pass(100);
        _gaps.OnEncoder();
        Pass(100);
        _gaps.OnEncoder();
        Pass(100);
        _gaps.OnPicture();
        Assert.Equal((1, 300.0), (_gaps.Count, _gaps.Last.TotalMilliseconds));
        _gaps.OnEncoder();
        Pass(50);
        _gaps.OnPicture();
        Assert.Equal((2, 350.0, 50.0), (_gaps.Count, _gaps.Sum.TotalMilliseconds, _gaps.Last.TotalMilliseconds));
    }

    private void Pass(int milliseconds) => _clock.Advance(TimeSpan.FromMilliseconds(milliseconds));
}
