using Transcoder.Host.Serving;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving;

public sealed class NativeHeapTests
{
    [Fact]
    public void The_C_library_takes_the_options() => Assert.True(NativeHeap.KeepSmall());
}
