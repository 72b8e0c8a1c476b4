using System.Globalization;
using Transcoder.Codecs.Devices;

namespace Transcoder.Codecs.Monitoring;

/// <summary>Small files of /proc and /sys, which may be missing, unreadable or gone in the middle of it.</summary>
internal static class SystemFile
{
    /// <returns>Empty where there is nothing to read.</returns>
    public static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A process that ended, a file of another user, a sensor that sleeps: no figure.
            return [];
        }
    }

    public static double? Number(string path) =>
        Lines(path) is [var line, ..] && double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : null;

    public static string[] Folders(string path)
    {
        try
        {
            return Directory.Exists(path) ? Directory.GetDirectories(path) : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    public static string PathOf(string relative) => SystemTree.PathOf(relative);
}
