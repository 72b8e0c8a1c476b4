using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using Transcoder.Media.Ports;

namespace Transcoder.Codecs.Native;

/// <summary>Finds and checks the shim, carries FFmpeg's log out of it, and turns its errors into exceptions.</summary>
internal static unsafe class ShimLibrary
{
    public const string Name = "transcoder_shim";

    private const int AbiVersion = 4;
    private const int LogWarning = 24;

    // Of one call. The reason stands in the first ones; what follows are FFmpeg's own consequences.
    private const int MostLines = 6;

    private static readonly Lock Gate = new();
    private static int s_registered;
    private static volatile bool s_checked;

    // The reason behind an error code is only in the log, mostly on the thread that made the call, and often as a warning.
    [ThreadStatic]
    private static List<string>? t_lines;

    /// <summary>Receives FFmpeg's warnings and errors with their AV_LOG level; called from any thread.</summary>
    public static Action<int, string>? LogSink { get; set; }

    public static void Register()
    {
        if (Interlocked.Exchange(ref s_registered, 1) == 0)
        {
            NativeLibrary.SetDllImportResolver(typeof(ShimLibrary).Assembly, Resolve);
        }
    }

    /// <summary>Loads the library once; a build that does not match this one is refused before its structs are trusted.</summary>
    /// <exception cref="CodecException">It is missing or does not match.</exception>
    public static void EnsureLoaded()
    {
        if (s_checked)
        {
            return;
        }

        lock (Gate)
        {
            try
            {
                Check();
            }
            catch (DllNotFoundException e)
            {
                throw new CodecException($"The native library lib{Name}.so could not be loaded: {e.Message}");
            }

            Shim.LogSet(&OnLog, LogWarning);
            s_checked = true;
        }
    }

    public static void ThrowIfFailed(int status, string what)
    {
        if (status < 0)
        {
            throw Failure(status, what);
        }
    }

    public static CodecException Failure(int status, string what)
    {
        var text = stackalloc byte[128];
        Shim.ErrorText(status, text, 128);
        var lines = t_lines is { Count: > 0 } ? string.Join("; ", t_lines.Distinct()) : null;
        ForgetLog();
        var reason = Marshal.PtrToStringUTF8((nint)text);
        return new CodecException(lines is null ? $"{what}: {reason}" : $"{what}: {reason} ({lines})", status);
    }

    /// <summary>Forgets what earlier calls logged, so that a later failure is not explained by it.</summary>
    public static void ForgetLog() => t_lines?.Clear();

    public static string Versions()
    {
        EnsureLoaded();
        return Marshal.PtrToStringUTF8((nint)Shim.LibraryVersions()) ?? "";
    }

    private static void Check()
    {
        var version = Shim.AbiVersion();
        Span<int> own =
        [
            sizeof(FrameFacts), sizeof(Unit), sizeof(EncoderOpening), sizeof(EncoderFacts), sizeof(StreamFacts), sizeof(PacketFacts),
            sizeof(NvencCaps),
        ];
        Span<int> theirs = stackalloc int[own.Length];
        int count;
        fixed (int* sizes = theirs)
        {
            count = Shim.StructSizes(sizes, theirs.Length);
        }

        if (version != AbiVersion || count != own.Length || !own.SequenceEqual(theirs))
        {
            throw new CodecException($"The native library lib{Name}.so has version {version}; this program needs version {AbiVersion}. Build both together.");
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Name)
        {
            return 0;
        }

        var beside = Path.Combine(AppContext.BaseDirectory, $"lib{Name}.so");
        return NativeLibrary.TryLoad(beside, out var handle) ? handle : 0;
    }

    /// <summary>"[h264_nvenc @ 0x55d0c0ffee00] text" to "h264_nvenc: text": for people, and so that equal faults read equal.</summary>
    internal static string WithoutAddress(string line)
    {
        var at = line.IndexOf(" @ 0x", StringComparison.Ordinal);
        var end = line.IndexOf("] ", StringComparison.Ordinal);
        return line.StartsWith('[') && at > 0 && end > at ? $"{line[1..at]}: {line[(end + 2)..]}" : line;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnLog(int level, byte* line)
    {
        try
        {
            var text = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(line));
            var lines = t_lines ??= [];
            if (lines.Count < MostLines)
            {
                lines.Add(WithoutAddress(text));
            }

            LogSink?.Invoke(level, text);
        }
#pragma warning disable CA1031 // An exception must not unwind through C frames; a lost log line is the lesser loss.
        catch (Exception)
        {
        }
#pragma warning restore CA1031
    }
}
