using Transcoder.Rtmp.Messages;
using Transcoder.Testing.Fuzzing;

namespace Transcoder.Testing.Rtmp;

internal static class ImageBytes
{
    /// <summary>All parts one behind the other, as they leave.</summary>
    public static byte[] ToArray(this WireImage image)
    {
        var bytes = new List<byte>();
        foreach (var part in image)
        {
            bytes.AddRange(part.Span);
        }

        Promise.Holds(bytes.Count == image.Length, "the parts are not as long as the image says");
        return [.. bytes];
    }
}
