using System.Text.Json;
using Transcoder.Host.Configuration;
using Transcoder.Streams.Resources;

namespace Transcoder.Host.Serving;

/// <summary>
/// Keeps what the resource manager learned over a restart: each minute when it changed, and at the stop. A file that can't be read or written is told and costs
/// nothing else: what it holds is learned again.
/// </summary>
internal sealed partial class LearnedState(EncoderOptions options, ResourceManager resources, TimeProvider clock, ILogger<LearnedState> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private byte[] _saved = [];

    /// <summary>Null: nothing is kept.</summary>
    public static string? PathOf(EncoderOptions options) =>
        options.StateFile ?? (Environment.GetEnvironmentVariable("STATE_DIRECTORY") is { Length: > 0 } directory ? Path.Combine(directory.Split(':')[0], "state.json") : null);

    public static ResourceState Load(EncoderOptions options, ILogger log)
    {
        var state = Read(PathOf(options), path => path is null ? ResourceState.Empty : ResourceStateFile.Load(path), ResourceState.Empty, log);
        return state with { Calibrations = Read(options.CalibrationFile, path => CalibrationFile.Load(path!), ResourceState.Empty.Calibrations, log) };
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                Save();
            }
        }
        catch (OperationCanceledException)
        {
            Save();
        }
    }

    private void Save()
    {
        if (PathOf(options) is not { } path)
        {
            return;
        }

        var state = ResourceStateFile.Format(resources.State());
        if (state.AsSpan().SequenceEqual(_saved))
        {
            return;
        }

        try
        {
            ResourceStateFile.Save(path, state);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNotWritten(log, path, e.Message);
        }

        // Also when it failed: told once, and tried again when there is something new.
        _saved = state;
    }

    private static T Read<T>(string? path, Func<string?, T> load, T nothing, ILogger log)
    {
        try
        {
            return load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            LogNotRead(log, path, e.Message);
            return nothing;
        }
    }

    [LoggerMessage(110, LogLevel.Warning, "{Path} can't be read, what it held is learned anew: {Error}")]
    private static partial void LogNotRead(ILogger log, string? path, string error);

    [LoggerMessage(111, LogLevel.Warning, "{Path} can't be written, what was learned is lost at the stop: {Error}")]
    private static partial void LogNotWritten(ILogger log, string path, string error);
}
