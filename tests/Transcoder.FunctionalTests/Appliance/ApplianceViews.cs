namespace Transcoder.FunctionalTests.Appliance;

/// <summary>What <c>/api/v1/streams</c> shows, in the test's own words: the API is judged from outside.</summary>
internal sealed record StreamList(IReadOnlyList<SourceFacts> Streams, WorkerFacts Workers);

internal sealed record WorkerFacts(int Idle, int Busy, long Deaths);

internal sealed record SourceFacts(string App, string Stream, string State, int Publishers, MediaFacts Media, TranscoderFacts? Transcoder, IReadOnlyList<RenditionFacts> Renditions)
{
    public long TimelineRepairs { get; init; }

    public RenditionFacts Rendition(string name) => Renditions.Single(r => r.Name == name);
}

internal sealed record MediaFacts(VideoFacts? Video, AudioFacts? Audio, double Bitrate, double KeyframeInterval, long VideoPackets, long AudioPackets);

internal sealed record VideoFacts(string Codec, int Width, int Height, double FrameRate);

internal sealed record AudioFacts(string Codec, int SampleRate, int Channels);

internal sealed record TranscoderFacts(int WorkerProcessId, int WorkerDeaths, long SourceFrames);

internal sealed record RenditionFacts(
    string Name,
    string Stream,
    string State,
    ReasonFacts Reason,
    string Device,
    string Encoder,
    MediaFacts? Media,
    long FramesEncoded,
    long FramesDroppedLate,
    long FramesDroppedByPlan,
    long FramesLost);

internal sealed record ReasonFacts(string Code, string Detail);
