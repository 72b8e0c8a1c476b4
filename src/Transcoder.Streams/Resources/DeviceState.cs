using Transcoder.Media;
using Transcoder.Media.Devices;
using Transcoder.Media.Jobs;
using Transcoder.Media.Tracks;

namespace Transcoder.Streams.Resources;

/// <summary>One device: what it can do, what is on it, and how it is.</summary>
internal sealed class DeviceState
{
    /// <summary>The last part of the memory stays free: drivers answer a full one with errors that look like other faults.</summary>
    private const double MemoryShare = 0.95;

    private const int MostRefusals = 64;

    private readonly Dictionary<(EngineKind Engine, string Kind, CodecId Codec), EngineCapability> _abilities = [];
    private readonly Dictionary<(string Kind, VideoEncoderSettings Settings), (Reason Reason, TimeSpan Until)> _refusals = [];
    private int _strains;
    private DeviceCalibration? _calibration;

    /// <summary>The CPU before any probe, or on a machine whose probe doesn't come to an end: software takes whatever the configuration can ask for.</summary>
    public DeviceState(DeviceReport report, double cores)
    {
        Report = report;
        IsCpu = report.Id == DeviceRef.Cpu.Id;
        Cores = cores;
        if (IsCpu)
        {
            Encode = Decode = Scale = new EngineState(cores, CapacitySource.Assumed);
        }

        Update(report);
    }

    public string Id => Report.Id;

    public DeviceReport Report { get; private set; }

    public bool IsCpu { get; }

    /// <summary>The CPU's, 0 for others.</summary>
    public double Cores { get; }

    /// <summary>Null where no probe has found such an engine.</summary>
    public EngineState? Encode { get; private set; }

    public EngineState? Decode { get; private set; }

    public EngineState? Scale { get; private set; }

    public Quarantine Quarantine { get; } = new();

    /// <summary>Null where the driver doesn't count sessions: the CPU.</summary>
    public SessionGroup? Group { get; set; }

    public int ForeignSessions { get; set; }

    public DeviceSample? Sample { get; set; }

    public TimeSpan SampledAt { get; set; }

    /// <summary>All that count, in no order.</summary>
    public List<Lease> Leases { get; } = [];

    /// <summary>Memory that was given out after the newest sample.</summary>
    public long UnseenBytes { get; set; }

    /// <summary>Sessions of the ladder that is being decided, besides <see cref="Leases"/>.</summary>
    public int Trials { get; set; }

    /// <summary>Which pass over the devices has met this one.</summary>
    public long Mark { get; set; }

    /// <summary>The one session that may run under probation.</summary>
    public Lease? ProbationLease { get; set; }

    /// <summary>Healthy, or on probation with nobody there yet.</summary>
    public bool MayTry => Quarantine.Health == DeviceHealth.Sound || (Quarantine.Health == DeviceHealth.Probation && Trials == 0 && ProbationLease is not { Counts: true });

    /// <summary>Seen in the newest probe.</summary>
    public bool IsPresent { get; set; } = true;

    public TimeSpan StrainedAt { get; set; } = TimeSpan.MinValue;

    /// <summary>Counts strain; strain that lies apart is not one trouble.</summary>
    public int Strains(TimeSpan now)
    {
        _strains = StrainedAt != TimeSpan.MinValue && now - StrainedAt < TimeSpan.FromSeconds(5) ? _strains + 1 : 1;
        return _strains;
    }

    public void Update(DeviceReport report)
    {
        // A card that is full now, of our sessions perhaps, still does what an earlier probe proved.
        var proved = new Dictionary<(EngineKind Engine, string Kind, CodecId Codec), EngineCapability>(_abilities);
        if (report.Driver != Report.Driver)
        {
            _refusals.Clear();
        }

        Report = report;
        _abilities.Clear();
        foreach (var found in report.Engines)
        {
            var key = (found.Engine, found.Kind, found.Codec ?? CodecId.None);
            if (found.IsUsable)
            {
                _abilities.TryAdd(key, found);
            }
            else if (found.Refusal is { Code: Reasons.SessionLimit or Reasons.MemoryFull } && proved.TryGetValue(key, out var ability))
            {
                _abilities.TryAdd(key, ability);
            }
        }

        if (!IsCpu)
        {
            Encode = EngineFor(EngineKind.Encode, Encode);
            Decode = EngineFor(EngineKind.Decode, Decode);
            Scale = EngineFor(EngineKind.Scale, Scale);
        }
    }

    /// <summary>What <c>transcoder calibrate</c> measured, in pixels a second. The CPU's capacity is its cores: there it says what a pixel costs.</summary>
    public void Calibrate(DeviceCalibration calibration)
    {
        _calibration = calibration;
        if (IsCpu)
        {
            Set(Encode, Encode!.Nominal);
            return;
        }

        Set(Encode, Reference(calibration));
        Set(Decode, calibration.Decode.Values.DefaultIfEmpty(0).Min());
        Set(Scale, calibration.Scale);

        static void Set(EngineState? engine, double capacity)
        {
            // Each probe brings it again: what was observed since stands.
            if (engine is { Source: CapacitySource.Assumed } && capacity > 0)
            {
                (engine.Nominal, engine.Source) = (capacity, CapacitySource.Calibrated);
            }
        }
    }

    /// <summary>It didn't open such a session, and won't be asked for one until then.</summary>
    public void Refuse(string kind, VideoEncoderSettings settings, Reason reason, TimeSpan until)
    {
        if (_refusals.Count >= MostRefusals)
        {
            _refusals.Clear();
        }

        _refusals[(kind, settings)] = (reason, until);
    }

    /// <summary>The interface of this device that encodes so, the first of the kinds; null: none, and why.</summary>
    public string? EncodesBy(IReadOnlyList<string> kinds, VideoEncoderSettings settings, TimeSpan now, out Reason refusal)
    {
        refusal = default;
        if (IsCpu && _abilities.Count == 0)
        {
            return kinds.Contains(PlacementPolicy.Software) ? PlacementPolicy.Software : null;
        }

        foreach (var kind in kinds)
        {
            if (_abilities.TryGetValue((EngineKind.Encode, kind, settings.Codec), out var ability))
            {
                if (!Fits(ability, settings.Width, settings.Height))
                {
                    refusal = new Reason(Reasons.NotCapable, Misfit(ability, settings));
                }
                else if (_refusals.Count > 0 && _refusals.TryGetValue((kind, settings with { BFrames = BFrames(kind, settings) }), out var refused) && now < refused.Until)
                {
                    refusal = refused.Reason;
                }
                else
                {
                    return kind;
                }
            }
        }

        refusal = refusal.Code is null ? new Reason(Reasons.NotCapable, $"doesn't encode {settings.Codec.Name()}") : refusal;
        return null;
    }

    public string? DecodesBy(IReadOnlyList<string> kinds, CodecId codec, int width, int height)
    {
        if (IsCpu && _abilities.Count == 0)
        {
            return kinds.Contains(PlacementPolicy.Software) ? PlacementPolicy.Software : null;
        }

        return kinds.FirstOrDefault(kind => _abilities.TryGetValue((EngineKind.Decode, kind, codec), out var ability) && Fits(ability, width, height));
    }

    /// <summary>Whether anything is encoded here by one of the kinds.</summary>
    public bool HasEncoder(IReadOnlyList<string> kinds) =>
        IsCpu ? kinds.Contains(PlacementPolicy.Software) : _abilities.Keys.Any(key => key.Engine == EngineKind.Encode && kinds.Contains(key.Kind));

    /// <summary>By any kind at all.</summary>
    public bool Encodes => IsCpu || _abilities.Keys.Any(key => key.Engine == EngineKind.Encode);

    /// <summary>B-frames that the encoder can make; it is not asked for more.</summary>
    public int BFrames(string kind, VideoEncoderSettings settings) =>
        !IsCpu && _abilities.TryGetValue((EngineKind.Encode, kind, settings.Codec), out var ability) ? Math.Min(settings.BFrames, ability.MaxBFrames) : settings.BFrames;

    public EngineLoad EncodeLoad(VideoEncoderSettings settings) =>
        EncodeLoad(new RungOutline(settings.Codec, settings.Width, settings.Height, settings.FrameRate, settings.Preset));

    /// <summary>All rungs of a ladder.</summary>
    public EngineLoad EncodeLoadOf(LadderOutline ladder) => ladder.Rungs.Aggregate(default(EngineLoad), (sum, rung) => sum + EncodeLoad(rung));

    public EngineLoad DecodeLoadOf(LadderOutline ladder) => EngineLoad.Of(ladder.FrameRate, IsCpu
        ? CoreSeconds(ladder.Pixels, _calibration?.Decode.GetValueOrDefault(ladder.Codec.Name()), WorkCosts.CpuDecode(ladder.Codec))
        : ladder.Pixels);

    public EngineLoad ScaleLoadOf(LadderOutline ladder) => EngineLoad.Of(ladder.FrameRate, IsCpu
        ? CoreSeconds(ladder.ScaledPixels, _calibration?.Scale, WorkCosts.CpuScale)
        : ladder.ScaledPixels);

    private EngineLoad EncodeLoad(RungOutline rung) => EngineLoad.Of(rung.FrameRate, IsCpu
        ? CoreSeconds(rung.Pixels, _calibration?.Encode.GetValueOrDefault(rung.Codec.Name()), WorkCosts.CpuEncode(rung.Codec, PresetWords.Speed)) *
            (WorkCosts.CpuEncode(rung.Codec, rung.Preset) / WorkCosts.CpuEncode(rung.Codec, PresetWords.Speed))
        : rung.Pixels * Weight(rung.Codec) * WorkCosts.HardwarePresetWeight(rung.Codec, rung.Preset));

    /// <summary>A pixel of this codec by pixels of reference work.</summary>
    public double Weight(CodecId codec) => _calibration is { } known && known.Encode.TryGetValue(codec.Name(), out var speed) && speed > 0
        ? Reference(known) / speed
        : WorkCosts.HardwareWeight(codec);

    /// <param name="measured">Pixels a second of all cores; null or 0: not measured.</param>
    /// <param name="assumed">Core seconds for a million pixels.</param>
    private double CoreSeconds(double pixels, double? measured, double assumed) => pixels * (measured > 0 ? Cores / measured.Value : assumed / 1e6);

    private static double Reference(DeviceCalibration calibration) =>
        calibration.Encode.TryGetValue(CodecId.H264.Name(), out var h264) ? h264 : calibration.Encode.Values.DefaultIfEmpty(0).Max();

    /// <summary>Whether the device's memory takes so much more.</summary>
    public bool HasMemory(long bytes) => MemoryFree is not { } free || bytes + UnseenBytes <= free;

    /// <summary>As of the newest sample, less the part that is kept free; null: not known.</summary>
    public long? MemoryFree => Sample is { MemoryUsedBytes: { } used } sample && (sample.MemoryTotalBytes ?? Report.MemoryBytes) is > 0 and var total
        ? (long)(total * MemoryShare) - used
        : null;

    public void Attach(Lease lease)
    {
        lease.DeviceIndex = Leases.Count;
        Leases.Add(lease);
    }

    public void Detach(Lease lease)
    {
        var last = Leases[^1];
        Leases[lease.DeviceIndex] = last;
        last.DeviceIndex = lease.DeviceIndex;
        Leases.RemoveAt(Leases.Count - 1);
        lease.DeviceIndex = -1;
    }

    private static bool Fits(EngineCapability ability, int width, int height) =>
        (ability.MaxWidth == 0 || width <= ability.MaxWidth) && (ability.MaxHeight == 0 || height <= ability.MaxHeight) &&
        width >= ability.MinWidth && height >= ability.MinHeight;

    private static string Misfit(EngineCapability ability, VideoEncoderSettings settings) =>
        settings.Width < ability.MinWidth || settings.Height < ability.MinHeight
            ? $"{settings.Width}x{settings.Height} is smaller than {ability.Implementation}'s {ability.MinWidth}x{ability.MinHeight}"
            : $"{settings.Width}x{settings.Height} is larger than {ability.Implementation}'s {ability.MaxWidth}x{ability.MaxHeight}";

    /// <summary>One that was there stays: what is booked on it is still to be given back.</summary>
    private EngineState? EngineFor(EngineKind engine, EngineState? existing) =>
        existing ?? (_abilities.Keys.Any(key => key.Engine == engine) ? new EngineState(WorkCosts.DefaultCapacity(Report.Vendor, engine), CapacitySource.Assumed) : null);
}
