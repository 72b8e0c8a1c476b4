using System.Diagnostics.CodeAnalysis;
using Transcoder.Media.Ports;
using Transcoder.Media.Workers;

namespace Transcoder.Pipeline.Encoding;

/// <summary>What became of a grant: a refusal (no lease), an open session, or why none opened.</summary>
internal sealed record SessionOpening(LeaseGrant Grant, VideoSession? Session, Exception? Failure);

/// <summary>
/// Opens the sessions of one lane, each on a thread of its own, because the lane encodes on meanwhile and a driver takes its time. A later grant replaces
/// an earlier one that is still being opened. What nobody takes is closed and given back. Thread safe.
/// </summary>
/// <param name="notify">Something can be taken.</param>
internal sealed class SessionOpenings(PipelineScope scope, string name, Action notify) : IDisposable
{
    private readonly Lock _lock = new();
    private readonly Queue<SessionOpening> _done = new();
    private LeaseGrant? _opening;
    private long _latest;
    private bool _closed;

    /// <summary>A session is on its way.</summary>
    public bool IsAny
    {
        get
        {
            lock (_lock)
            {
                return _opening is not null || _done.Count > 0;
            }
        }
    }

    /// <summary>Only takes note: the caller may hold locks.</summary>
    public void Take(LeaseGrant grant)
    {
        lock (_lock)
        {
            if (grant.Lease == 0)
            {
                _done.Enqueue(new SessionOpening(grant, null, null));
            }
            else if (grant.Lease == _latest)
            {
                // Another rendition's copy of the same answer: they share the session.
                return;
            }
            else
            {
                _latest = grant.Lease;
                _opening = grant;
                scope.Desk.Hold(grant.Lease);
                scope.Threads.Start($"open:{scope.Job.Stream}:{name}", thread =>
                {
                    thread.Hung = () => scope.Desk.Close(
                        grant.Lease, LeaseOutcome.Hung, 0, $"opening did not return within {EncoderLimits.Opening.TotalSeconds:0} s");
                    thread.Busy(EncoderLimits.Opening);
                    Open(grant);
                });
            }
        }

        notify();
    }

    public bool TryNext([NotNullWhen(true)] out SessionOpening? opening)
    {
        lock (_lock)
        {
            return _done.TryDequeue(out opening);
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _closed = true;
            _opening = null;
            while (_done.TryDequeue(out var opening))
            {
                GiveBack(opening);
            }
        }
    }

    private void Open(LeaseGrant grant)
    {
        SessionOpening opening;
        try
        {
            opening = new SessionOpening(grant, scope.Encoders.Open(grant), null);
        }
        catch (Exception exception)
        {
            // Whatever the codec threw: it did not open.
            opening = new SessionOpening(grant, null, exception);
        }

        lock (_lock)
        {
            if (_closed || _opening != grant)
            {
                GiveBack(opening);
                return;
            }

            _opening = null;
            _done.Enqueue(opening);
        }

        notify();
    }

    private void GiveBack(SessionOpening opening)
    {
        opening.Session?.Dispose();
        var failure = opening.Failure;
        scope.Desk.Close(
            opening.Grant.Lease,
            failure is null ? LeaseOutcome.Released : LeaseOutcome.OpenFailed,
            (failure as CodecException)?.Error ?? 0,
            failure?.Message ?? "not wanted any more");
    }
}
