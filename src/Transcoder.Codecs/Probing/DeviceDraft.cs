using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Ports;

namespace Transcoder.Codecs.Probing;

/// <summary>
/// A device's report while it is being made. It is published before each step with that step marked as unanswered: when a driver never comes back, the
/// last one published says where, and what was proved before stands.
/// </summary>
internal sealed class DeviceDraft(DeviceReport report, Action<DeviceReport> publish)
{
    private readonly List<EngineCapability> _engines = [];
    private readonly List<Reason> _findings = [.. report.Findings];

    public void Publish() => publish(Report());

    public void Find(Reason finding)
    {
        if (!_findings.Exists(known => known.Code == finding.Code))
        {
            _findings.Add(finding);
        }
    }

    public bool Has(EngineKind engine) => _engines.Exists(capability => capability.Engine == engine);

    /// <param name="test">Gives the capability as found.</param>
    /// <param name="explain">Why it failed; null: the device has no such engine, and no line says so.</param>
    public void Try(EngineCapability candidate, Func<EngineCapability> test, Func<CodecException, Reason?> explain)
    {
        var at = _engines.Count;
        _engines.Add(candidate with { Refusal = new Reason(Reasons.ProbeFailed, $"{candidate.Implementation} did not answer: its driver hangs. Restart the machine if it stays so") });
        Publish();
        try
        {
            _engines[at] = test();
        }
        catch (CodecException e)
        {
            _engines.RemoveAt(at);
            if (explain(e) is { } refusal)
            {
                _engines.Add(candidate with { Refusal = refusal });
            }
        }
    }

    private DeviceReport Report() => report with { Engines = [.. _engines], Findings = [.. _findings] };
}
