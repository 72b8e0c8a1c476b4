using Transcoder.Host.Configuration;

namespace Transcoder.UnitTests.Host.Serving;

/// <summary>A configuration as an operator would write it.</summary>
internal static class ServingOptions
{
    public const string Key = "publish-secret-1";
    public const string PushSecret = "push-secret-2";

    public static TranscoderOptions Read(string app = "") => ConfigurationFile.Parse($$"""
        ladders:
          hd:
            - { name: 720p, video: { codec: h264, height: 720, bitrate: 2800k }, audio: { codec: aac, bitrate: 128k } }
        apps:
          live:
            ladder: hd
            publish: { keys: ["{{Key}}", "another-one-3"] }
            push:
              - { url: "rtmp://127.0.0.1:1/app/{stream}_{rendition}?token={{PushSecret}}", renditions: [720p, source] }
        {{app}}
          open:
            ladder: hd
        """).Options!;
}
