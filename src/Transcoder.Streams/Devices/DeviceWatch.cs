using Microsoft.Extensions.Logging;
using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Time;
using Transcoder.Streams.Resources;

namespace Transcoder.Streams.Devices;

/// <summary>
/// Keeps the <see cref="ResourceManager"/> informed: one probe at the start and whenever the set of devices has changed, then the monitor's samples. A probe or
/// monitor that hangs in a driver costs its process and is told; the daemon goes on with what it knew.
/// </summary>
public sealed partial class DeviceWatch : IAsyncDisposable
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Streams wait so long for a card that doesn't answer, once the CPU has: then they begin in software, and go to the card when it has. A sound one answers
    /// within seconds.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>A probe that succeeded opens sessions that streams may need: the next one, which new hardware asks for, not sooner than this.</summary>
    private static readonly TimeSpan BetweenProbes = TimeSpan.FromSeconds(30);

    private readonly IDeviceProgram _program;
    private readonly ResourceManager _resources;
    private readonly TimeProvider _clock;
    private readonly ILogger<DeviceWatch> _log;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _probed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _probing;
    private readonly Task _monitoring;
    private readonly ITimer _ticker;
    private readonly Task _patience;
    private readonly SemaphoreSlim _probeWanted = new(1);
    private readonly HashSet<(string Device, string Kind, string Encoder)> _proved = [];
    private HashSet<string> _known = [];
    private HashSet<string> _answering = [];
    private HashSet<string> _sampled = [];

    public DeviceWatch(IDeviceProgram program, ResourceManager resources, TimeProvider clock, ILogger<DeviceWatch> log)
    {
        (_program, _resources, _clock, _log) = (program, resources, clock, log);
        _patience = Task.Delay(Patience, clock, _stop.Token);
        _probing = ProbeAsync();
        _monitoring = MonitorAsync();
        _ticker = clock.CreateTicker(TimeSpan.FromSeconds(1), Tick);
        _ = _patience.ContinueWith(_ => BeReady(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>
    /// Completes with the first probe, or with what it has found by then when a card keeps it waiting. Before that not even the CPU's encoders are known, and
    /// renditions wait.
    /// </summary>
    public Task Ready => _probed.Task;

    /// <summary>The last probe, or what the first has found so far; null before its first answer.</summary>
    public ProbeReport? Report { get; private set; }

    /// <summary>Why the last probe failed; default while it did not.</summary>
    public Reason ProbeFailure { get; private set; }

    /// <summary>Why there are no samples at the moment; default while they come.</summary>
    public Reason MonitorFailure { get; private set; }

    /// <summary>Times that the monitor's process was replaced.</summary>
    public long MonitorRestarts { get; private set; }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _ticker.DisposeAsync().ConfigureAwait(false);
        await Task.WhenAll(_probing, _monitoring).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
        _probeWanted.Dispose();
    }

    private async Task ProbeAsync()
    {
        var retry = FirstRetry;
        while (!_stop.IsCancellationRequested)
        {
            var wait = BetweenProbes;
            try
            {
                await _probeWanted.WaitAsync(_stop.Token).ConfigureAwait(false);
                var report = await ProbeOnceAsync().ConfigureAwait(false);
                if (IsProvisional(report))
                {
                    wait = retry = Longer(retry);
                    Want();
                }
                else
                {
                    retry = FirstRetry;
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                ProbeFailure = new Reason(Reasons.ProbeFailed, e.Message);
                LogProbeFailed(e is DeviceProgramException ? null : e, e.Message, retry.TotalSeconds);
                wait = retry;
                retry = Longer(retry);
                Want();
            }

            await Task.Delay(wait, _clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<ProbeReport> ProbeOnceAsync()
    {
        var started = _clock.GetTimestamp();
        ProbeReport? last = null;
        _resources.IsProbing = true;
        try
        {
            await foreach (var report in _program.ProbeAsync(_stop.Token).ConfigureAwait(false))
            {
                _resources.Apply(report);
                last = report;
                Report = report.IsComplete || Report is not { IsComplete: true } ? report : Report;
                BeReady();
            }
        }
        finally
        {
            _resources.IsProbing = false;
        }

        if (last is not { IsComplete: true } whole)
        {
            throw new DeviceProgramException("the device probe ended without its report");
        }

        _known = [.. whole.Devices.Select(device => device.Id)];
        ProbeFailure = default;
        Tell(whole, _clock.GetElapsedTime(started));
        return whole;
    }

    private void BeReady()
    {
        if (Report is { } report && (report.IsComplete || (_patience.IsCompletedSuccessfully && report.Devices.Any(device => device.Id == DeviceRef.Cpu.Id))))
        {
            _probed.TrySetResult();
        }
    }

    /// <summary>
    /// A card that was full or a driver that hung says nothing of what it can do at other times. What an earlier probe proved needs no other one: our own sessions
    /// may be what fills the card.
    /// </summary>
    private bool IsProvisional(ProbeReport report)
    {
        foreach (var (device, engine) in report.Devices.SelectMany(device => device.Engines.Where(engine => engine.IsUsable).Select(engine => (device, engine))))
        {
            _proved.Add((device.Id, engine.Kind, engine.Implementation));
        }

        return report.Devices.Any(device =>
            device.Engines.Any(engine => engine.Refusal?.Code is Reasons.SessionLimit or Reasons.MemoryFull && !_proved.Contains((device.Id, engine.Kind, engine.Implementation))) ||
            device.Findings.Any(finding => finding.Code == Reasons.ProbeFailed));
    }

    private async Task MonitorAsync()
    {
        // After the probe: two processes that wake a driver at once tell nothing sooner.
        await Ready.WaitAsync(_stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var retry = FirstRetry;
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await foreach (var report in _program.MonitorAsync(_stop.Token).ConfigureAwait(false))
                {
                    retry = FirstRetry;
                    MonitorFailure = default;
                    Observe(report);
                }
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                MonitorFailure = new Reason(Reasons.MonitorHung, e.Message);
                MonitorRestarts++;
                LogMonitorFailed(e is DeviceProgramException ? null : e, e.Message, retry.TotalSeconds);
            }

            await Task.Delay(retry, _clock, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            retry = Longer(retry);
        }
    }

    private void Observe(MonitorReport report)
    {
        foreach (var sample in report.Devices)
        {
            _resources.Observe(sample);
        }

        // A card that was plugged in or has come back, or one that left without a word. One that stays in the samples and in no probe (a container with NVML
        // and without CUDA) is looked for once.
        var answering = report.Devices.Where(sample => sample.Lost is null).Select(sample => sample.Device).ToHashSet();
        var sampled = report.Devices.Select(sample => sample.Device).ToHashSet();
        if (answering.Except(_known).Except(_answering).Any() || !_sampled.IsSubsetOf(sampled))
        {
            Want();
        }

        (_answering, _sampled) = (answering, sampled);
    }

    private void Tick()
    {
        try
        {
            _resources.Tick();
        }
        catch (Exception e)
        {
            // A defect of ours must not end the clock of all others.
            LogInternalError(e);
        }
    }

    private void Want()
    {
        lock (_probeWanted)
        {
            if (_probeWanted.CurrentCount == 0)
            {
                _probeWanted.Release();
            }
        }
    }

    private void Tell(ProbeReport report, TimeSpan took)
    {
        foreach (var device in report.Devices)
        {
            var encoders = string.Join(", ", device.Engines.Where(engine => engine is { Engine: EngineKind.Encode, IsUsable: true }).Select(engine => engine.Implementation));
            LogDevice(device.Id, device.Name, encoders.Length == 0 ? "nothing" : encoders, took.TotalSeconds);
            if (device.IsSimulated)
            {
                LogSimulated(device.Id);
            }
        }

        foreach (var finding in report.Findings.Concat(report.Devices.SelectMany(device => device.Findings)))
        {
            LogFinding(finding);
        }
    }

    private static TimeSpan Longer(TimeSpan retry) => retry * 2 < LongestRetry ? retry * 2 : LongestRetry;

    [LoggerMessage(290, LogLevel.Information, "device {Device}, {Name}, encodes with {Encoders} (probed in {Seconds:0.0} s)")]
    private partial void LogDevice(string device, string name, string encoders, double seconds);

    [LoggerMessage(291, LogLevel.Warning, "device {Device} is simulated, for tests: it encodes on the CPU and must not be in service")]
    private partial void LogSimulated(string device);

    [LoggerMessage(292, LogLevel.Warning, "devices: {Finding}")]
    private partial void LogFinding(Reason finding);

    [LoggerMessage(293, LogLevel.Error, "the device probe failed: {Error}; next try in {Seconds} s")]
    private partial void LogProbeFailed(Exception? defect, string error, double seconds);

    [LoggerMessage(294, LogLevel.Error, "no figures of the devices: {Error}; next try in {Seconds} s")]
    private partial void LogMonitorFailed(Exception? defect, string error, double seconds);

    [LoggerMessage(295, LogLevel.Error, "the devices' clock met an internal error; it goes on")]
    private partial void LogInternalError(Exception error);
}
