using System.Diagnostics;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>Waits for a state by looking again and again. The deadlines are generous: they end a test that has failed and cost nothing to one that passes.</summary>
internal static class Polling
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(25);

    /// <exception cref="TimeoutException">With <paramref name="what"/> and, where given, what the state was instead.</exception>
    public static async Task UntilAsync(Func<Task<bool>> condition, string what, Func<string>? instead = null, TimeSpan? deadline = null)
    {
        var started = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            if (Stopwatch.GetElapsedTime(started) > (deadline ?? Patience))
            {
                throw new TimeoutException($"{what} did not come true within {(deadline ?? Patience).TotalSeconds:0.#} s{(instead is null ? "" : $"; {instead()}")}");
            }

            await Task.Delay(Interval);
        }
    }

    public static Task UntilAsync(Func<bool> condition, string what, Func<string>? instead = null, TimeSpan? deadline = null) =>
        UntilAsync(() => Task.FromResult(condition()), what, instead, deadline);
}
