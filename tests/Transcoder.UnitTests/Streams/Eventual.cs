using Xunit;

namespace Transcoder.UnitTests.Streams;

/// <summary>Waits for a state that another thread brings about.</summary>
internal static class Eventual
{
    public static async Task HoldsAsync(Func<bool> condition)
    {
        var until = Environment.TickCount64 + 10_000;
        while (!condition() && Environment.TickCount64 < until)
        {
            await Task.Delay(5);
        }

        Assert.True(condition());
    }
}
