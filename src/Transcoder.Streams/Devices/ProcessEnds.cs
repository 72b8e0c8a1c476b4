namespace Transcoder.Streams.Devices;

/// <summary>Lets one process of a sort live at a time: those that a driver holds don't die of a kill, and one more each minute would pile up for ever.</summary>
/// <param name="verb">For a person.</param>
internal sealed class ProcessEnds(string verb)
{
    private Task _last = Task.CompletedTask;

    public string Verb => verb;

    /// <exception cref="DeviceProgramException">The last one has not ended.</exception>
    public void ThrowIfOneIsLeft()
    {
        if (!Volatile.Read(ref _last).IsCompleted)
        {
            throw new DeviceProgramException($"the last device {verb} was ended and is still there: a driver holds it");
        }
    }

    /// <param name="end">Completes when the process has gone.</param>
    public void Add(Task end) => Volatile.Write(ref _last, end);
}
