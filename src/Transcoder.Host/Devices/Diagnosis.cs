using System.Text;
using Transcoder.Media;
using Transcoder.Media.Devices;

namespace Transcoder.Host.Devices;

/// <summary>What a probe's report means to the person who has to repair it.</summary>
internal sealed class Diagnosis
{
    // What is as the vendor built it, and what works all the same.
    private static readonly string[] NoFaults = [Reasons.NoEncodeEngine, Reasons.NotCapable];

    private readonly List<(string Subject, Reason Finding)> _problems = [];
    private readonly List<(string Subject, Reason Finding)> _notes = [];
    private readonly List<string> _good = [];

    public Diagnosis(ProbeReport report)
    {
        foreach (var finding in report.Findings)
        {
            Add("machine", finding);
        }

        foreach (var device in report.Devices)
        {
            Read(device);
        }

        if (report.Devices.All(device => device.Vendor == "cpu") && report.Findings.Count == 0)
        {
            _good.Add("machine: no GPU was found; pictures are encoded in software");
        }

        if (report.Libraries.Length == 0)
        {
            Add("workers", new Reason(Reasons.WorkerStartFailed, "No worker process starts, so nothing can be decoded or encoded: see the failures above, and install the package's libraries again"));
        }
    }

    public bool IsHealthy => _problems.Count == 0;

    public string Text()
    {
        var text = new StringBuilder();
        foreach (var line in _good)
        {
            text.Append($"ok       {line}\n");
        }

        foreach (var (subject, finding) in _notes)
        {
            text.Append($"note     {subject}: {finding.Detail} [{finding.Code}]\n");
        }

        foreach (var (subject, finding) in _problems)
        {
            text.Append($"PROBLEM  {subject}: {finding.Detail} [{finding.Code}]\n");
        }

        return text.Append(_problems.Count switch { 0 => "nothing is wrong\n", 1 => "1 problem\n", var many => $"{many} problems\n" }).ToString();
    }

    private void Read(DeviceReport device)
    {
        var subject = device.Id == device.Name ? device.Id : $"{device.Id} ({device.Name})";
        foreach (var finding in device.Findings)
        {
            Add(subject, finding);
        }

        // A refusal that is also the device's finding is said once.
        foreach (var refused in device.Engines.Where(capability => capability.Refusal is { } refusal && device.Findings.All(finding => finding.Code != refusal.Code)))
        {
            var refusal = refused.Refusal!.Value;
            Add(subject, refusal with { Detail = refusal.Detail.Contains(refused.Implementation, StringComparison.Ordinal) ? refusal.Detail : $"{refused.Implementation}: {refusal.Detail}" });
        }

        var engines = Enum.GetValues<EngineKind>().Reverse()
            .Select(engine => (Word: DeviceTable.Word(engine), Able: device.Engines.Where(capability => capability.Engine == engine && capability.IsUsable).Select(DeviceTable.One).Distinct().ToList()))
            .Where(engine => engine.Able.Count > 0)
            .Select(engine => $"{engine.Word}s {string.Join(", ", engine.Able)}")
            .ToList();
        if (engines.Count > 0)
        {
            _good.Add($"{subject}: {string.Join("; ", engines)}");
        }
    }

    private void Add(string subject, Reason finding) => (NoFaults.Contains(finding.Code) ? _notes : _problems).Add((subject, finding));
}
