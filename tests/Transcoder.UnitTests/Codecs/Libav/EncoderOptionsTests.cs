using Transcoder.Codecs.Libav;
using Xunit;

namespace Transcoder.UnitTests.Codecs.Libav;

public sealed class EncoderOptionsTests
{
    [Fact]
    public void Parts_of_a_parameter_list_are_joined_and_other_options_replaced()
    {
        var options = new EncoderOptions();
        options.Add("preset=fast");
        options.Add("x264-params=force-cfr=1");
        options.Add("x264-params=sync-lookahead=0");
        options.Add("preset=slow");

        Assert.Equal("preset=slow\nx264-params=force-cfr=1:sync-lookahead=0", options.Text);
        Assert.Equal("preset=slow x264-params=force-cfr=1:sync-lookahead=0", options.ToString());
    }
}
