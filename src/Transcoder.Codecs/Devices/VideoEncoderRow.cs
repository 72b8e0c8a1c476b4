using System.Globalization;
using Transcoder.Codecs.Libav;
using Transcoder.Codecs.Native;
using Transcoder.Media.Jobs;
using Transcoder.Media.Ports;
using Transcoder.Media.Tracks;

namespace Transcoder.Codecs.Devices;

/// <summary>How one FFmpeg encoder is told the house's settings. Entries are FFmpeg options with {settings} in them.</summary>
internal sealed record VideoEncoderRow(CodecId Codec, string Name)
{
    /// <summary>What speed, balanced and quality mean here; another encoder's word counts as the nearest of them.</summary>
    public required IReadOnlyDictionary<string, string> Words { get; init; }

    /// <summary>Preset words of the configuration that this encoder has itself.</summary>
    public IReadOnlyList<string> OwnPresets { get; init; } = [];

    public required string Preset { get; init; }

    /// <summary>Of the frames in main memory that it takes; a device's encoder takes them up in this format.</summary>
    public string PixelFormat { get; init; } = "yuv420p";

    /// <summary>FFmpeg has this encoder since a later version than 5.1: where it is missing, that is no fault.</summary>
    public bool IsOfLaterFFmpeg { get; init; }

    /// <summary>Options by the configuration's word; empty: what it makes is of that profile anyway.</summary>
    public required IReadOnlyDictionary<string, string> Profiles { get; init; }

    public string DefaultProfile { get; init; } = "";

    /// <summary>Options by the configuration's word; empty: it is always so. A word that isn't here means nothing to this encoder and is left out.</summary>
    public IReadOnlyDictionary<string, string> Tunes { get; init; } = new Dictionary<string, string>();

    public required IReadOnlyList<string> Always { get; init; }

    public required IReadOnlyList<string> Cbr { get; init; }

    public required IReadOnlyList<string> Vbr { get; init; }

    public required IReadOnlyList<string> WithoutBFrames { get; init; }

    public required IReadOnlyList<string> WithBFrames { get; init; }

    /// <summary>Options that later FFmpegs have and earlier ones do without.</summary>
    public IReadOnlyList<string> WhereDeclared { get; init; } = [];

    /// <summary>The encoder takes no wish for a keyframe; a new one, whose first picture is one, does.</summary>
    public bool RestartsAtKeyframes { get; init; }

    /// <summary>Luma samples a second that one more thread is worth; 0 where a device does the work.</summary>
    public int PixelsPerThread { get; init; }

    public bool IsInstalled => Shim.EncoderExists(Name) == 1;

    public EncoderOptions Options(VideoEncoderSettings settings)
    {
        // H.264's baseline has no B pictures; drivers refuse both together.
        settings = settings.Profile == "baseline" ? settings with { BFrames = 0 } : settings;
        var preset = OwnPresets.Contains(settings.Preset) ? settings.Preset
            : PresetWords.Nearest(Codec, settings.Preset) is { } nearest ? Words[nearest]
            : throw Unknown("preset", settings.Preset);
        var options = new EncoderOptions();
        options.Add(Fill(Preset, settings, preset));
        foreach (var entry in Always.Concat(settings.RateControl == RateControl.Cbr ? Cbr : Vbr).Concat(settings.BFrames > 0 ? WithBFrames : WithoutBFrames))
        {
            options.Add(Fill(entry, settings, ""));
        }

        foreach (var entry in WhereDeclared.Where(entry => Shim.EncoderDeclares(Name, entry[..entry.IndexOf('=', StringComparison.Ordinal)], null) == 1))
        {
            options.Add(Fill(entry, settings, ""));
        }

        // Last: what the operator chose stands over what the row has said of latency.
        if (settings.Tune.Length > 0 && !Choose(options, Tunes, settings.Tune))
        {
            options.LeaveOut($"tune {settings.Tune}");
        }

        var profile = settings.Profile.Length > 0 ? settings.Profile : DefaultProfile;
        return profile.Length == 0 || Choose(options, Profiles, profile) ? options : throw Unknown("profile", profile);
    }

    private static bool Choose(EncoderOptions options, IReadOnlyDictionary<string, string> choices, string word)
    {
        if (!choices.TryGetValue(word, out var option))
        {
            return false;
        }

        if (option.Length > 0)
        {
            options.Add(option);
        }

        return true;
    }

    // As FFmpeg answers an option that its encoder doesn't know: the word is at fault and no device.
    private CodecException Unknown(string what, string word) => new($"{Name} has no {what} {word}", Shim.InvalidArgument);

    private int Threads(VideoEncoderSettings settings)
    {
        if (settings.Threads > 0 || PixelsPerThread == 0)
        {
            return settings.Threads;
        }

        var rate = (double)settings.Width * settings.Height * (settings.FrameRate > 0 ? settings.FrameRate : 30);
        return Math.Clamp((int)Math.Ceiling(rate / PixelsPerThread), 1, Math.Min(16, Environment.ProcessorCount));
    }

    private string Fill(string template, VideoEncoderSettings settings, string word)
    {
        var buffer = (long)settings.Bitrate * settings.BufferMilliseconds / 1000;
        return template
            .Replace("{word}", word, StringComparison.Ordinal)
            .Replace("{bitrate}", Number(settings.Bitrate), StringComparison.Ordinal)
            .Replace("{bitrate_below}", Number(settings.Bitrate - (settings.Bitrate / 50)), StringComparison.Ordinal)
            .Replace("{buffer}", Number(buffer), StringComparison.Ordinal)
            .Replace("{buffer_ms}", Number(Math.Clamp(settings.BufferMilliseconds, 20, 10_000)), StringComparison.Ordinal)
            .Replace("{gop}", Number(settings.GopFrames), StringComparison.Ordinal)
            .Replace("{bframes}", Number(settings.BFrames), StringComparison.Ordinal)
            .Replace("{lookahead}", Number(Math.Max(10, settings.BFrames + 1)), StringComparison.Ordinal)
            .Replace("{threads}", Number(Threads(settings)), StringComparison.Ordinal)
            .Replace("{tile_columns}", Number(settings.Width >= 1024 ? 2 : settings.Width >= 512 ? 1 : 0), StringComparison.Ordinal);
    }

    /// <summary>Words that the encoder knows by the same name.</summary>
    public static Dictionary<string, string> Same(string option, params string[] words) => words.ToDictionary(word => word, word => $"{option}={word}");

    /// <summary>What 8-bit 4:2:0 is in any case: nothing has to be said.</summary>
    public static Dictionary<string, string> OnlyProfile(string word) => new() { [word] = "" };

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);
}
