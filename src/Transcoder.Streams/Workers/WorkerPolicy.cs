namespace Transcoder.Streams.Workers;

/// <summary>How workers are kept.</summary>
/// <param name="Spares">Warm workers without a job.</param>
/// <param name="StartTimeout">From process start to its hello.</param>
/// <param name="HangTimeout">A worker reports each second; silent this long it hangs, in a driver or a codec, and is killed.</param>
/// <param name="RestartDelayMax">A worker that dies is replaced at once; one that keeps dying waits longer each time, at most this.</param>
public sealed record WorkerPolicy(int Spares, TimeSpan StartTimeout, TimeSpan HangTimeout, TimeSpan RestartDelayMax);
