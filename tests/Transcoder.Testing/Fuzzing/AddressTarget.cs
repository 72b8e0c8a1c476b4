using System.Text;
using Transcoder.Media;
using Transcoder.Rtmp.Clients;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Fuzzing;

/// <summary>URLs of targets and what clients write into connect, publish and play. Three lines of text: the first is the URL, all three are app, tcUrl and name.</summary>
internal static class AddressTarget
{
    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 4000, static bytes =>
    {
        var text = Encoding.UTF8.GetString(bytes);
        var lines = text.Split('\n');
        Url(lines[0]);
        var address = StreamAddress.Parse(lines[0], lines.Length > 1 ? lines[1] : null, lines.Length > 2 ? lines[2] : "");
        if (address.IsValid)
        {
            Promise.Holds(!address.ToString().Any(static character => char.IsControl(character) && character < 0x80), "a valid name that is not printable");
            Promise.Holds(address.App.Length <= 255 && address.Stream.Length <= 255, "a valid name that is too long");
        }

        _ = SecretRedaction.Redact(text);
    });

    private static void Url(string line)
    {
        if (!RtmpUrl.TryParse(line, out var url))
        {
            return;
        }

        Promise.Holds(url.Host.Length > 0 && url.App.Length > 0 && url.Stream.Length > 0, "a URL without host, application or stream");
        Promise.Holds(url.Port is > 0 and <= ushort.MaxValue, $"port {url.Port}");
        Promise.Holds(RtmpUrl.TryParse($"{url.TcUrl}/{url.Stream}", out var again), $"its own tcUrl and stream are refused: {url.TcUrl}");
        Promise.Holds(again.Host == url.Host && again.Port == url.Port && again.IsSecure == url.IsSecure, "its own tcUrl names another host");
        _ = url.Redact(line);
        Promise.Holds(!url.ToString().Any(char.IsControl), "a log line in two");
    }
}
