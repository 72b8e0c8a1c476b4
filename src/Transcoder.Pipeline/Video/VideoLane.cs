using Transcoder.Media;
using Transcoder.Media.Ports;
using Transcoder.Media.Workers;
using Transcoder.Pipeline.Encoding;
using Transcoder.Pipeline.Planning;
using Transcoder.Pipeline.Threads;

namespace Transcoder.Pipeline.Video;

/// <summary>
/// One encode thread and the renditions that share its encoder. It opens what the daemon grants, moves when a later grant says so (the new session is
/// open before the old one goes), and asks for another place when its encoder fails. Frames that have not left are encoded again there.
/// </summary>
internal sealed class VideoLane
{
    // The daemon answers in milliseconds unless it is gone or stuck.
    private static readonly TimeSpan GrantDeadline = TimeSpan.FromSeconds(10);

    // How long the other renditions have patience with one that has said that it can't keep up.
    private static readonly TimeSpan StrainPatience = TimeSpan.FromSeconds(1);

    private readonly PipelineScope _scope;
    private readonly LaneMembers _members;
    private readonly SessionOpenings _openings;
    private readonly RestartBudget _restarts;
    private readonly LaneEncode _encode;
    private PipelineThread _thread = null!;
    private FramePath _path;
    private PlannedVideo _plan;
    private PlannedVideo? _newPlan;
    private LaneTarget _target;
    private VideoSession? _session;
    private VideoSession? _next;
    private Picture _current;
    private long? _askedAt;
    private long? _strainedAt;
    private string _lastFailure = "";

    /// <param name="grant">The place that it has been given.</param>
    public VideoLane(PipelineScope scope, LaneMembers members, PlannedVideo plan, FramePath path, LeaseGrant grant)
    {
        _scope = scope;
        _members = members;
        _plan = plan;
        _path = path;
        _target = new LaneTarget(null, new PictureSize(plan.Settings.Width, plan.Settings.Height), plan.ReducedFrameRate);
        _restarts = RestartBudget.ForCodecs(scope.Time);
        _encode = new LaneEncode(scope, members);
        _openings = new SessionOpenings(scope, members.Name, Queue.Notify);
        _openings.Take(grant);
    }

    public LaneMembers Members => _members;

    public FrameQueue Queue { get; } = new();

    /// <summary>What the lane's frames shall be. Read by the decode thread.</summary>
    public LaneTarget Target => Volatile.Read(ref _target);

    /// <summary>As the ladder and the source want it; a grant may have reduced it.</summary>
    public PlannedVideo Plan => Volatile.Read(ref _newPlan) ?? Volatile.Read(ref _plan);

    /// <summary>The lease in use, and where; for the watchdog and for renditions that join.</summary>
    public VideoSession? Session => Volatile.Read(ref _session);

    /// <summary>Whether it has the lease, or is about to open it.</summary>
    public bool Has(long lease) => Session?.Grant.Lease == lease || _openings.LatestLease == lease;

    /// <summary>The source's picture has changed, and with it what is wanted. A grant for it follows.</summary>
    public void Change(PlannedVideo plan, FramePath path)
    {
        SetPath(path);
        Volatile.Write(ref _newPlan, plan);
        Queue.Notify();
    }

    /// <summary>The encode thread.</summary>
    public void Run(PipelineThread thread)
    {
        _thread = thread;
        thread.Hung = TellHung;
        foreach (var member in _members.All)
        {
            _scope.Desk.Route(member.Rendition.Number, _openings.Take);
        }

        try
        {
            while (!_members.HaveEnded && Step())
            {
            }
        }
        finally
        {
            End();
        }
    }

    private bool Step()
    {
        _thread.Idle();
        var what = Queue.Take(out var picture);
        _thread.Busy();
        switch (what)
        {
            case FrameQueueEvent.Aborted:
                return false;
            case FrameQueueEvent.Picture:
                try
                {
                    Encode(picture);
                }
                finally
                {
                    picture.Release();
                }

                return true;
            case FrameQueueEvent.Drained:
                Attempt(static lane => lane._encode.Drain(lane._session!, lane._thread));
                return _session is null;
            default:
                Attend();
                return true;
        }
    }

    public void SetPath(FramePath path) => Volatile.Write(ref _path, path);

    /// <summary>A rendition joins, on the decode thread, with the next frame.</summary>
    public void Join(LaneMember member)
    {
        _members.Add(member);
        _scope.Desk.Route(member.Rendition.Number, _openings.Take);
        if (Session is { } session)
        {
            member.Rendition.Started(Describe(session, new Reason(Reasons.SharedSession, $"{_members.All[0].Rendition.Name} asks for the same")));
        }
    }

    /// <summary>A grant, a session that has opened, a new plan, or a deadline.</summary>
    private void Attend()
    {
        if (Interlocked.Exchange(ref _newPlan, null) is { } plan)
        {
            Volatile.Write(ref _plan, plan);
        }

        while (_openings.TryNext(out var notice))
        {
            switch (notice)
            {
                case { Grant.Lease: 0 }:
                    Park(_members.All.Where(member => member.Rendition.Number == notice.Grant.Number), notice.Grant.Reason);
                    break;
                case { Session: { } session }:
                    Close(_next, "replaced before it was used");
                    _next = session;
                    break;
                case { Failure: not null }:
                    OpenFailed(notice);
                    break;
                case { Grant.Lease: var lease } when lease == _session?.Grant.Lease:
                    Close(_next, "the rendition stays");
                    _next = null;
                    break;
                default:
                    // The session that it names is gone.
                    AskIfIdle();
                    break;
            }
        }

        if (_next is { } next && (_session is null || next.Grant.Start == LeaseStart.Now))
        {
            Switch();
        }

        if (_session is null && _askedAt is { } asked && !_openings.IsAny && _scope.Time.GetElapsedTime(asked) > GrantDeadline)
        {
            Park(_members.All, new Reason(Reasons.NoPlace, $"{_members.Name}: no answer to the request for a place within {GrantDeadline.TotalSeconds:0} s"));
        }

        LookForMove();
    }

    private void LookForMove() =>
        Queue.IsMoving = _openings.IsAny || _next is not null || (_strainedAt is { } strained && _scope.Time.GetElapsedTime(strained) < StrainPatience);

    /// <summary>A place that they are given later is no business of this lane.</summary>
    private void Park(IEnumerable<LaneMember> members, Reason reason)
    {
        foreach (var member in members.Where(member => !member.HasEnded))
        {
            _scope.Desk.Leave(member.Rendition.Number, _openings.Take);
            member.Rendition.Park(reason);
        }
    }

    private void OpenFailed(SessionOpening notice)
    {
        _lastFailure = $"{notice.Grant.Place}: {notice.Failure!.Message}";
        _scope.Link.Log("Warning", new Reason(Reasons.EncoderFailed, $"{_members.Name}: {_lastFailure}"));
        _openings.TellFailed(notice);

        // Where the old encoder still works, the daemon decides whether to try another place.
        if (!_openings.IsAny && (_session is null || notice.Grant.Start == LeaseStart.Now))
        {
            AskAgain();
        }
    }

    private void Ask()
    {
        _askedAt = _scope.Time.GetTimestamp();
        var path = Volatile.Read(ref _path);
        _scope.Desk.Ask(new LeaseRequest(path.Place, path.Width, path.Height, path.FrameRate,
            [.. _members.All.Where(member => !member.HasEnded).Select(member => new EncodeDemand(member.Rendition.Number, _plan.Settings))]));
    }

    private void AskIfIdle()
    {
        if (_session is null && _next is null && !_openings.IsAny)
        {
            AskAgain();
        }
    }

    private void AskAgain()
    {
        if (_restarts.TryRestart())
        {
            Ask();
        }
        else if (_session is null)
        {
            Park(_members.All, new Reason(Reasons.EncoderFailed, $"{_members.Name}: the encoder failed again and again; at last {_lastFailure}"));
        }
    }

    private void Encode(in Picture picture)
    {
        if (_next is not null && picture.Keyframe)
        {
            Switch();
        }

        _encode.Add(picture);
        _current = picture;
        Attempt(static lane => lane._encode.Send(lane._session!, lane._current, lane._thread));
        _current = default;
        if (_session?.Strain.Look(queued: !Queue.IsEmpty) is { } ratio)
        {
            _strainedAt = _scope.Time.GetTimestamp();
            _scope.Desk.Strained(_session.Grant.Lease, ratio);
        }

        LookForMove();
    }

    /// <summary>Goes over to the next session. One that is left in order at a keyframe gives out what it holds; else the next one encodes that again.</summary>
    private void Switch()
    {
        if (_session is not null && _next!.Grant.Start == LeaseStart.NextKeyframe)
        {
            Attempt(static lane => lane._encode.Drain(lane._session!, lane._thread));
            if (_next is null)
            {
                // It failed at its last: the switch has been made.
                return;
            }
        }

        var next = _next!;
        var old = _session;
        _next = null;
        Use(next);
        Attempt(static lane => lane._encode.SendAgain(lane._session!, lane._thread));
        Close(old, next.Grant.Reason.ToString());
    }

    private void Use(VideoSession? session)
    {
        Volatile.Write(ref _session, session);
        Queue.HasEncoder = session is not null;
        var planned = _plan.Settings;
        if (session is null)
        {
            Volatile.Write(ref _target, _target with { Device = null });
            return;
        }

        var settings = session.Grant.Settings;
        var rate = settings.FrameRate < planned.FrameRate * 0.99 ? settings.FrameRate : _plan.ReducedFrameRate;
        Volatile.Write(ref _target, new LaneTarget(session.ScalesOn, session.Size, rate));
        var started = Describe(session, session.Grant.Reason);
        foreach (var member in _members.All)
        {
            if (!member.HasEnded)
            {
                member.Rendition.Started(started);
            }
        }
    }

    private RenditionStarted Describe(VideoSession session, Reason reason) => session.Describe(Volatile.Read(ref _path).To(session, _scope.Encoders.Cpu), reason);

    /// <summary>Does one step on the session. Where it fails the lane goes over to the session that is ready, or asks for another place.</summary>
    private void Attempt(Action<VideoLane> step)
    {
        if (_session is null)
        {
            return;
        }

        try
        {
            step(this);
        }
        catch (Exception exception)
        {
            // Whatever the codec threw: the failure domain is this session.
            Fail(LeaseOutcome.EncoderFailed, (exception as CodecException)?.Error ?? 0, exception.Message);
            return;
        }

        if (_session.IsSilent)
        {
            Fail(LeaseOutcome.Hung, 0, _session.Silence);
        }
    }

    private void Fail(LeaseOutcome outcome, int error, string message)
    {
        var failed = _session!;
        _lastFailure = $"{failed.Device.Name}: {message}";
        _scope.Link.Log("Warning", new Reason(outcome == LeaseOutcome.Hung ? Reasons.EncoderHung : Reasons.EncoderFailed, $"{_members.Name}: {_lastFailure}"));
        Use(null);

        // Told first: the daemon must not take it for a place that still works when it is asked for another one.
        _scope.Desk.Failed(failed.Grant.Lease, outcome, error, message);
        Close(failed, message);
        if (_next is not null)
        {
            Switch();
        }
        else
        {
            AskIfIdle();
        }
    }

    /// <summary>The lease is given back when the driver really has let go of the session; the renditions don't wait for that.</summary>
    private void Close(VideoSession? session, string message)
    {
        if (session is null)
        {
            return;
        }

        var lease = session.Grant.Lease;
        _scope.CloseAside(
            _members.Name,
            session,
            closed: () => _scope.Desk.Closed(lease, message),
            hung: () => _scope.Desk.Failed(lease, LeaseOutcome.Hung, 0, $"closing a session on {session.Device.Name} did not return"));
    }

    // The watchdog calls.
    private void TellHung()
    {
        if (Session is { } session)
        {
            _scope.Desk.Failed(session.Grant.Lease, LeaseOutcome.Hung, 0, $"a call to {session.Device.Name} did not return");
        }
    }

    private void End()
    {
        foreach (var member in _members.All)
        {
            _scope.Desk.Leave(member.Rendition.Number, _openings.Take);
        }

        foreach (var pts in Queue.Abort())
        {
            _members.Lost(pts);
        }

        _encode.Clear();
        foreach (var left in _openings.Shut())
        {
            Close(left.Session, "the rendition has ended");
            _openings.TellFailed(left);
        }

        Close(_next, "the rendition has ended");
        Close(_session, "the rendition has ended");
    }
}
