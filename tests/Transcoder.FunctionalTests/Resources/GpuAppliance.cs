using System.Text.Json;
using System.Text.Json.Nodes;
using Transcoder.FunctionalTests.Appliance;
using Transcoder.Testing.SimulatedGpus;

namespace Transcoder.FunctionalTests.Resources;

/// <summary>The real daemon on a simulated machine, and what the API says of its devices and sessions.</summary>
internal sealed class GpuAppliance : IAsyncDisposable
{
    private GpuAppliance(SimulatedMachine machine, RunningAppliance appliance)
    {
        Machine = machine;
        Appliance = appliance;
    }

    public SimulatedMachine Machine { get; }

    public RunningAppliance Appliance { get; }

    /// <param name="rungs">Lines of the ladder.</param>
    /// <param name="encoders">Keys of <c>encoders:</c>.</param>
    /// <param name="app">More keys of the app.</param>
    /// <param name="prepare">Faults that are there from the start.</param>
    public static async Task<GpuAppliance> StartAsync(
        int devices, IEnumerable<string> rungs, string encoders = "order: [nvenc, software]", string app = "", Action<SimulatedMachine>? prepare = null, int vaDevices = 0)
    {
        var machine = new SimulatedMachine(devices, vaDevices);
        try
        {
            prepare?.Invoke(machine);
            var folder = Path.Combine(machine.Folder, "learned.json");
            var configuration =
                $"ladders:\n  l:\n{string.Concat(rungs.Select(rung => $"    - {rung}\n"))}" +
                $"apps:\n  live:\n    ladder: l\n{app}" +
                $"encoders: {{ {encoders}, state_file: {folder} }}\nworkers: {{ spare: 2 }}\n";
            var appliance = await RunningAppliance.StartAsync(configuration, environment: machine.Environment);
            var gpus = new GpuAppliance(machine, appliance);
            await Polling.UntilAsync(
                async () => (await gpus.DevicesAsync()).Count(device => device.Encodes) > devices + vaDevices - 1, "the devices", () => string.Join('\n', appliance.Log.TakeLast(30)));
            return gpus;
        }
        catch
        {
            machine.Dispose();
            throw;
        }
    }

    /// <summary>A rung that costs next to nothing: the simulated cards code no picture smaller than 145x49.</summary>
    /// <param name="video">More keys of the picture.</param>
    public static string Rung(string name, int height, string more = "", string video = "") =>
        $"{{ name: {name}, video: {{ codec: h264, height: {height}, bitrate: 200k{video} }}{more} }}";

    public async Task<IReadOnlyList<DeviceFacts>> DevicesAsync() =>
        [.. (await JsonAsync("api/v1/devices"))["devices"]!.AsArray().Select(device => device!.Deserialize<DeviceFacts>(JsonSerializerOptions.Web)!)];

    public async Task<IReadOnlyList<SessionFacts>> SessionsAsync() =>
        [.. (await JsonAsync("api/v1/sessions"))["sessions"]!.AsArray().Select(session => session!.Deserialize<SessionFacts>(JsonSerializerOptions.Web)!)];

    /// <summary>Waits until every rendition of the stream is on the air where <paramref name="where"/> says.</summary>
    public Task<SourceFacts> RunningAsync(string stream, Func<RenditionFacts, bool>? where = null) => Appliance.SourceAsync(
        "live", stream, source => source.Renditions.Count > 0 && source.Renditions.All(r => r is { State: "running", Media.VideoPackets: > 0 } && where?.Invoke(r) != false), "on the air where it should be");

    /// <summary>Waits until the driver's sessions are those that are leased.</summary>
    public Task SessionsMatchAsync(string when) => Polling.UntilAsync(
        async () =>
        {
            var leased = (await SessionsAsync()).Where(session => session.Kind != "software").Select(session => session.Device).Order();
            return leased.SequenceEqual(Machine.State.Sessions.Select(session => session.DeviceId).Order());
        },
        $"as many sessions in the driver as there are leases, {when}",
        () => $"the driver has {string.Join(", ", Machine.State.Sessions)}, the last of the log:\n{string.Join('\n', Appliance.Log.TakeLast(30))}",
        TimeSpan.FromSeconds(20));

    public async ValueTask DisposeAsync()
    {
        await Appliance.DisposeAsync();
        Machine.Dispose();
    }

    private async Task<JsonNode> JsonAsync(string path) => JsonNode.Parse(await Appliance.GetAsync(path))!;
}

internal sealed record DeviceFacts(string Id, string Health, IReadOnlyList<string> Kinds, SessionCounts Sessions, IReadOnlyList<CapabilityFacts> Capabilities)
{
    public bool Encodes => Capabilities.Any(capability => capability is { Engine: "encode", Kind: not "software", Refusal: null });
}

internal sealed record SessionCounts(int Ours, int Foreign, int? Cap, int Counted);

internal sealed record CapabilityFacts(string Engine, string Kind, ReasonFacts? Refusal);

internal sealed record SessionFacts(long Lease, string Stream, IReadOnlyList<string> Renditions, string Device, string Kind, string State, int Width, int Height, double FrameRate, string Preset);
