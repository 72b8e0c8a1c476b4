using Transcoder.Codecs.Libav;
using Transcoder.Media.Time;
using Xunit;

namespace Transcoder.UnitTests.Codecs.Libav;

public sealed class SourceTimesTests
{
    private static readonly MediaTime Step = MediaTime.FromMilliseconds(40);

    [Fact]
    public void A_frames_time_comes_back_to_the_nanosecond()
    {
        var times = new SourceTimes(Step);
        for (var i = 0; i < 3000; i++)
        {
            Assert.Equal(i, times.Add(new MediaTime((i * 33_333_333L) + (i % 7))));
            Assert.Equal(new MediaTime((i * 33_333_333L) + (i % 7)), times.At(i));
        }

        Assert.Equal(new MediaTime((2500 * 33_333_333L) + (2500 % 7)), times.At(2500));
    }

    [Fact]
    public void Before_the_first_and_after_the_last_frame_the_nominal_step_goes_on()
    {
        var times = new SourceTimes(Step);
        times.Add(MediaTime.FromMilliseconds(1000));
        times.Add(MediaTime.FromMilliseconds(1033));

        Assert.Equal(MediaTime.FromMilliseconds(920), times.At(-2));
        Assert.Equal(MediaTime.FromMilliseconds(1073), times.At(2));
    }

    [Fact]
    public void A_frame_that_was_forgotten_is_an_error_and_not_a_guess()
    {
        var times = new SourceTimes(Step);
        for (var i = 0; i < 1025; i++)
        {
            times.Add(MediaTime.FromMilliseconds(i));
        }

        Assert.Throws<InvalidOperationException>(() => times.At(0));
    }
}
