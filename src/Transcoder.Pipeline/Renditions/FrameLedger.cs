using Transcoder.Media.Workers;

namespace Transcoder.Pipeline.Renditions;

/// <summary>
/// Where each source frame of a rendition went: in = encoded + dropped late + dropped by plan + lost + pending, at every moment. Every frame enters
/// as pending and leaves by one of the others. Thread safe.
/// </summary>
internal sealed class FrameLedger
{
    private readonly Lock _lock = new();
    private long _in;
    private long _encoded;
    private long _droppedLate;
    private long _droppedByPlan;
    private long _lost;
    private long _pending;

    public void Offered() => Move(ref _in, -1);

    public void Encoded(int frames) => Move(ref _encoded, frames);

    public void DroppedLate(int frames) => Move(ref _droppedLate, frames);

    public void DroppedByPlan() => Move(ref _droppedByPlan, 1);

    /// <summary>Frames that an encoder or a scaler took and never gave back.</summary>
    public void Lost(int frames) => Move(ref _lost, frames);

    public RenditionReport Report(int number, long audioUnits)
    {
        lock (_lock)
        {
            return new RenditionReport(number, _in, _encoded, _droppedLate, _droppedByPlan, _pending, audioUnits, _lost);
        }
    }

    private void Move(ref long counter, int frames)
    {
        lock (_lock)
        {
            counter += Math.Abs(frames);
            _pending -= frames;
        }
    }
}
