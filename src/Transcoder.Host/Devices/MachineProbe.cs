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

    /// <summary>For a device. The daemon waits a minute for the whole.</summary>
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(45);

    // Children at once; each also encodes samples in software.
    private const int AtOnce = 4;

    public async Task<ProbeReport> RunAsync(CancellationToken cancellationToken)
    {
        using var turns = new SemaphoreSlim(AtOnce);
        var others = DeviceProbe.Subjects.Where(subject => subject != DeviceProbe.Nvidia).Select(subject => AskAsync(subject, DeviceProbe.Known(subject), turns, cancellationToken)).ToList();
        var list = await AskAsync(DeviceProbe.Nvidia, null, turns, cancellationToken);
        var cards = await Task.WhenAll(list.Devices.Select(card => AskAsync(card.Id, card, turns, cancellationToken)));
        ProbeReport[] reports = [list with { Devices = [] }, .. cards, .. await Task.WhenAll(others)];
        return new ProbeReport(
            [.. reports.SelectMany(report => report.Devices).OrderBy(device => device.Id == DeviceProbe.Cpu)],
            [.. reports.SelectMany(report => report.Findings)],
            reports.FirstOrDefault(report => report.Libraries.Length > 0)?.Libraries ?? "");
    }

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

            var finding = new Reason(Reasons.ProbeFailed, answer.IsLate
                ? $"The driver of {(known is null ? "the NVIDIA cards" : known.Name)} hangs ({failure}): nothing is placed there. Restart the machine if it stays so; see the kernel's log (dmesg)"
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
