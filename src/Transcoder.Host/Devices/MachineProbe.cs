using System.Text.Json;
using Transcoder.Codecs.Probing;
using Transcoder.Media;
using Transcoder.Media.Devices;

namespace Transcoder.Host.Devices;

/// <summary>
/// The whole machine's report: each device is asked by a child process of its own with a deadline, so that one whose driver hangs does not hide the others.
/// This process asks no driver and loads no native code.
/// </summary>
/// <param name="patience">For each step of a device.</param>
internal sealed class MachineProbe(ChildProgram program, TimeSpan patience)
{
    /// <summary>A cold driver takes seconds for its first session.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>For a device. The daemon waits for the whole as long as sixteen cards take that all hang.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(45);

    // Children at once; each also encodes samples in software.
    private const int AtOnce = 4;

    private const int MostCards = 1000;

    /// <param name="publish">Is given each report that is not complete yet, as devices answer.</param>
    public async Task<ProbeReport> RunAsync(CancellationToken cancellationToken, Action<ProbeReport>? publish = null)
    {
        using var turns = new SemaphoreSlim(AtOnce);

        // By their order in the report, whichever answers first: what concerns all NVIDIA cards, each of them, the others.
        var answers = new SortedDictionary<int, ProbeReport>();
        var open = new SortedDictionary<int, (string Name, Task<ProbeReport> Answer)> { [0] = ("the NVIDIA cards", AskAsync(DeviceProbe.Nvidia, null, turns, cancellationToken)) };
        foreach (var subject in DeviceProbe.Subjects.Where(subject => subject != DeviceProbe.Nvidia))
        {
            Ask(MostCards + open.Count, subject, DeviceProbe.Known(subject));
        }

        while (open.Count > 0)
        {
            await Task.WhenAny(open.Values.Select(each => each.Answer));
            foreach (var (number, each) in open.Where(each => each.Value.Answer.IsCompleted).ToList())
            {
                var report = await each.Answer;
                open.Remove(number);
                foreach (var card in number == 0 ? report.Devices : [])
                {
                    Ask(open.Count(other => other.Key is > 0 and < MostCards) + 1, card.Id, card);
                }

                answers[number] = number == 0 ? report with { Devices = [] } : report;
            }

            if (open.Count > 0)
            {
                publish?.Invoke(Merge(answers.Values) with { Awaited = [.. open.Values.Select(each => each.Name)] });
            }
        }

        return Merge(answers.Values);

        void Ask(int number, string subject, DeviceReport? known) => open.Add(number, (known?.Name ?? subject, AskAsync(subject, known, turns, cancellationToken)));
    }

    /// <summary>Waits until the kernel has let go those that had to be killed.</summary>
    public Task LeaveAsync() => program.LeaveAsync();

    private static ProbeReport Merge(IReadOnlyCollection<ProbeReport> reports) => new(
        [.. reports.SelectMany(report => report.Devices).OrderBy(device => device.Id == DeviceProbe.Cpu)],
        [.. reports.SelectMany(report => report.Findings)],
        reports.FirstOrDefault(report => report.Libraries.Length > 0)?.Libraries ?? "");

    private async Task<ProbeReport> AskAsync(string subject, DeviceReport? known, SemaphoreSlim turns, CancellationToken cancellationToken)
    {
        await turns.WaitAsync(cancellationToken);
        try
        {
            var answer = await program.RunAsync(["worker", "probe", subject], patience, Deadline, cancellationToken);
            var report = Newest(answer) ?? new ProbeReport(known is null ? [] : [known], [], "");
            if (answer.Failure is not { } failure)
            {
                return report;
            }

            var proved = report.Devices.Any(device => device.Engines.Any(engine => engine.IsUsable));
            var finding = new Reason(Reasons.ProbeFailed, answer.IsLate
                ? $"The driver of {(known is null ? "the NVIDIA cards" : known.Name)} hangs ({failure}): {(proved ? "only what had answered before is used" : "nothing is placed there")}. Restart the machine if it stays so; see the kernel's log (dmesg)"
                : $"The probe of {(known is null ? "the NVIDIA cards" : known.Name)} failed: {failure}");
            return report.Devices is [var device]
                ? report with { Devices = [device with { Findings = [.. device.Findings, finding] }] }
                : report with { Findings = [.. report.Findings, finding] };
        }
        finally
        {
            turns.Release();
        }
    }

    /// <summary>The last whole line: a child that was killed may have left half a line.</summary>
    private static ProbeReport? Newest(ChildAnswer answer)
    {
        foreach (var line in answer.Output.Reverse())
        {
            try
            {
                return JsonSerializer.Deserialize(line, DeviceJson.Default.ProbeReport);
            }
            catch (JsonException)
            {
                // A library that writes to standard output, or the half line: the one before counts.
            }
        }

        return null;
    }
}
