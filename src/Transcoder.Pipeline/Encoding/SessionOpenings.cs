using System.Diagnostics.CodeAnalysis;
using Transcoder.Media.Ports;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Encoding;

/// <summary>
/// What became of a grant: a refusal (no lease), an open session, why none opened, or (neither) a lease that has a session already: that of the lane, which is to stay.
/// </summary>
internal sealed record SessionOpening(LeaseGrant Grant, VideoSession? Session, Exception? Failure);

/// <summary>
/// Opens the sessions of one lane, each on a thread of its own, because the lane encodes on meanwhile and a driver takes its time. A later grant replaces
/// an earlier one that is still being opened. What nobody takes is closed and given back. Thread safe.
/// </summary>
/// <param name="notify">Something can be taken.</param>
internal sealed class SessionOpenings(PipelineScope scope, string name, Action notify)
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

    /// <summary>The last one granted, whatever has become of it so far.</summary>
    public long LatestLease
    {
        get
        {
            lock (_lock)
            {
                return _latest;
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
                _opening = scope.Desk.Hold(grant.Lease) ? grant : null;
                if (_opening is null)
                {
                    _done.Enqueue(new SessionOpening(grant, null, null));
                }
                else
                {
                    scope.Threads.Start($"open:{scope.Job.Stream}:{name}", thread =>
                    {
                        thread.Hung = () => scope.Desk.Failed(
                            grant.Lease, LeaseOutcome.Hung, 0, $"opening did not return within {EncoderLimits.Opening.TotalSeconds:0} s");
                        Open(grant, thread);
                    });
                }
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

    /// <summary>Nothing is taken any more. What is being opened now is given back when it is open.</summary>
    /// <returns>What nobody has taken.</returns>
    public IReadOnlyList<SessionOpening> Shut()
    {
        lock (_lock)
        {
            _closed = true;
            _opening = null;
            SessionOpening[] left = [.. _done];
            _done.Clear();
            return left;
        }
    }

    private void Open(LeaseGrant grant, PipelineThread thread)
    {
        SessionOpening opening;
        thread.Busy(EncoderLimits.Opening);
        try
        {
            opening = new SessionOpening(grant, scope.Encoders.Open(grant), null);
        }
        catch (Exception exception)
        {
            // Whatever the codec threw: it did not open.
            opening = new SessionOpening(grant, null, exception);
        }

        bool wanted;
        thread.Idle();
        lock (_lock)
        {
            wanted = !_closed && _opening == grant;
            if (wanted)
            {
                _opening = null;
                _done.Enqueue(opening);
            }
        }

        if (wanted)
        {
            notify();
            return;
        }

        TellFailed(opening);
        if (opening.Session is { } unwanted)
        {
            thread.Busy(EncoderLimits.Opening);
            unwanted.Dispose();
            scope.Desk.Closed(grant.Lease, "not wanted any more");
        }
    }

    /// <summary>Gives the lease back where no session opened.</summary>
    public void TellFailed(SessionOpening opening)
    {
        if (opening.Failure is { } failure)
        {
            scope.Desk.NotOpened(opening.Grant.Lease, (failure as CodecException)?.Error ?? 0, failure.Message);
        }
    }
}
