using Transcoder.Media.Tracks;

namespace Transcoder.Media.Devices;

/// <summary>What one engine did at its limit, over one interface: what <c>transcoder worker calibrate</c> answers, as JSON on its standard output.</summary>
/// <param name="Codec">Null for scaling.</param>
/// <param name="Preset">Of encoders; empty for the others.</param>
/// <param name="PixelsPerSecond">Luma samples of all sessions together; for scaling, of the scaled picture.</param>
/// <param name="Sessions">As many at once as it took until more of them brought no more.</param>
public sealed record Calibration(DeviceRef Device, EngineKind Engine, CodecId? Codec, string Preset, double PixelsPerSecond, int Sessions);
