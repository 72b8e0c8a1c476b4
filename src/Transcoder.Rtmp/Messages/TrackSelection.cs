namespace Transcoder.Rtmp.Messages;

/// <summary>
/// Which of several tracks a player asked for: <c>stream?track=2</c> is the picture of track 2 with the default sound, <c>stream?audio_track=1</c> the sound of track 1
/// with the default picture; both may stand together. What was asked for comes as if it were the only one.
/// </summary>
/// <param name="Video">Null for what the receiver can read: all tracks, or track 0.</param>
/// <param name="Audio">Likewise.</param>
internal readonly record struct TrackSelection(byte? Video, byte? Audio)
{
    public bool IsNone => Video is null && Audio is null;

    /// <param name="name">The name as it was asked for, with its query.</param>
    public static TrackSelection Parse(string name)
    {
        byte? video = null;
        byte? audio = null;
        foreach (var part in name.Split('&', '?'))
        {
            var (key, value) = part.IndexOf('=', StringComparison.Ordinal) is > 0 and var at ? (part[..at], part[(at + 1)..]) : (part, "");
            if (byte.TryParse(value, out var id))
            {
                switch (key)
                {
                    case "track" or "video_track":
                        video = id;
                        break;
                    case "audio_track":
                        audio = id;
                        break;
                }
            }
        }

        // One track alone: the other kind is its default, not all of its tracks.
        return video is null && audio is null ? default : new TrackSelection(video ?? 0, audio ?? 0);
    }
}
