using Transcoder.Codecs.Devices;
using Transcoder.Codecs.Devices.Vaapi;
using Transcoder.Media.Devices;

namespace Transcoder.Codecs.Monitoring;

/// <summary>Samples every device of the machine; call it once a second, from one thread. A driver call may hang: only the monitor's own process uses this.</summary>
public sealed class DeviceMonitor : IDisposable
{
    private readonly CpuMonitor _cpu = new();
    private readonly NvidiaMonitor _nvidia = new();
    private readonly Dictionary<string, RenderMonitor> _render = [];

    public MonitorReport Sample()
    {
        // Cards come and go; one that has gone is missing here, and the next probe finds out.
        var nodes = RenderNode.All().Where(node => node.Vendor != SystemTree.Nvidia).ToArray();
        var usage = nodes.Length == 0 ? [] : EngineUsage.Read();
        return new MonitorReport([_cpu.Sample(), .. _nvidia.Sample(), .. nodes.Select(node => Of(node).Sample(usage))]);
    }

    public void Dispose() => _nvidia.Dispose();

    private RenderMonitor Of(RenderNode node)
    {
        if (!_render.TryGetValue(node.Address, out var monitor))
        {
            _render[node.Address] = monitor = new RenderMonitor(node);
        }

        return monitor;
    }
}
