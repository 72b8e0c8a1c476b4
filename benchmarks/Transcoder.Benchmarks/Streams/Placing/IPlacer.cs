using Transcoder.Media.Jobs;

namespace Transcoder.Benchmarks.Streams.Placing;

/// <summary>A way to choose places.</summary>
internal interface IPlacer
{
    string Name { get; }

    /// <summary>Renditions that were moved while they ran.</summary>
    int Migrations { get; }

    /// <summary>Places a stream's ladder.</summary>
    void Arrive(int stream, VideoEncoderSettings[] ladder);

    void Leave(int stream);

    void Lose(string device);

    void Find(string device);

    /// <summary>A simulated second.</summary>
    void Tick();

    /// <summary>Where a stream is decoded and where each of its rungs is encoded; null: refused.</summary>
    (string Decoder, string?[] Places) Of(int stream);
}
