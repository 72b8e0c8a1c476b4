using Transcoder.Testing;

namespace Transcoder.FunctionalTests.Appliance;

/// <summary>What the tests publish: a real clip that comes with the repository, and pictures that FFmpeg draws, made once a run.</summary>
internal static class Clips
{
    private static readonly Lazy<string> Folder = new(() =>
    {
        var folder = Directory.CreateTempSubdirectory("transcoder-clips-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    // One white flash and one beep of 100 ms at each full second.
    private const string Picture = "testsrc2=s=640x360:r=30,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.1)',format=yuv420p";
    private const string Sound = "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t,1),0.1)':s=48000:c=stereo";

    private static readonly string[] VideoCodec = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-b:v", "1M", "-g", "60"];
    private static readonly string[] AudioCodec = ["-c:a", "aac", "-b:a", "96k"];

    private static readonly Lazy<Task<string>> Flash = new(() => MakeAsync("flash.flv", ["-f", "lavfi", "-i", Picture, "-f", "lavfi", "-i", Sound, .. VideoCodec, .. AudioCodec], 30));
    private static readonly Lazy<Task<string>> Silent = new(() => MakeAsync("video.flv", ["-f", "lavfi", "-i", Picture, .. VideoCodec], 30));
    private static readonly Lazy<Task<string>> Sounds = new(() => MakeAsync("audio.flv", ["-f", "lavfi", "-i", Sound, .. AudioCodec], 30));
    private static readonly Lazy<Task<string>> Small = new(() => MakeAsync("small.flv", ["-f", "lavfi", "-i", Picture, "-f", "lavfi", "-i", Sound, "-s", "480x270", .. VideoCodec, .. AudioCodec], 6));
    private static readonly Lazy<Task<string>> Tiny = new(() => MakeAsync("tiny.flv", ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=15,format=yuv420p", .. VideoCodec, "-b:v", "200k", "-g", "15"], 20));
    private static readonly Lazy<Task<string>> Short = new(() => MakeAsync("short.flv", ["-f", "lavfi", "-i", Picture, "-f", "lavfi", "-i", Sound, .. VideoCodec, .. AudioCodec], 1));

    /// <summary>10 s of 1280x720 at 30 fps with stereo AAC: a film.</summary>
    public static string Film => Repository.PathOf("appliance/demo/bbb-720p30.flv");

    public static ClipPart FilmSeconds(int seconds) => new(Film, seconds * 1000L);

    /// <summary>30 s of 640x360 at 30 fps, stereo AAC at 48 kHz, with flashes and beeps.</summary>
    public static Task<string> FlashAndBeepAsync() => Flash.Value;

    /// <summary>The same pictures without sound.</summary>
    public static Task<string> VideoOnlyAsync() => Silent.Value;

    /// <summary>The same sound without pictures.</summary>
    public static Task<string> AudioOnlyAsync() => Sounds.Value;

    /// <summary>6 s at 480x270.</summary>
    public static Task<string> SmallAsync() => Small.Value;

    /// <summary>20 s of 320x180 at 15 fps without sound: a dozen of them fit two cores.</summary>
    public static Task<string> TinyAsync() => Tiny.Value;

    /// <summary>1 s at 640x360.</summary>
    public static Task<string> OneSecondAsync() => Short.Value;

    private static async Task<string> MakeAsync(string name, string[] arguments, int seconds)
    {
        var file = Path.Combine(Folder.Value, name);
        await ChildProcess.RunAsync("ffmpeg", ["-nostdin", "-v", "error", .. arguments, "-t", $"{seconds}", "-f", "flv", file]);
        return file;
    }
}
