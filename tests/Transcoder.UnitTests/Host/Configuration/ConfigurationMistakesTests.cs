using Transcoder.Host.Configuration;
using Xunit;

namespace Transcoder.UnitTests.Host.Configuration;

/// <summary>One mistake each, in a file that is otherwise good: the line the operator reads, word for word.</summary>
public sealed class ConfigurationMistakesTests
{
    [Theory]
    [InlineData("server: { rtmp: { lisen: \"0.0.0.0:1\" } }", "1:19: server.rtmp.lisen is not a key — write listen")]
    [InlineData("server: { rtmp: { idle_timeout: 30 } }", "1:33: server.rtmp.idle_timeout: 30 has no unit: durations end in ms, s, m or h — write 30s")]
    [InlineData("server: { rtmp: { idle_timeout: 30x } }", "1:33: server.rtmp.idle_timeout: 30x has the unit x: durations end in ms, s, m or h — write 30s")]
    [InlineData("server: { rtmp: { idle_timeout: 1s } }", "1:33: server.rtmp.idle_timeout: 1s is out of range — write a duration from 5s to 10m")]
    [InlineData("server: { rtmp: { max_message_size: 8MB } }", "1:37: server.rtmp.max_message_size: 8MB has the unit MB: sizes end in B, KiB, MiB or GiB — write 8MiB")]
    [InlineData("server: { rtmp: { max_connections: many } }", "1:36: server.rtmp.max_connections: many is not a whole number — write max_connections: 2")]
    [InlineData("server: { rtmp: { listen: \"1935\" } }", "1:27: server.rtmp.listen: 1935 has no port — write listen: 0.0.0.0:1935")]
    [InlineData("server: { rtmp: { listen: \"0.0.0.0:8080\" } }", "1:27: server.rtmp.listen and server.http.listen share port 8080 — give each a port of its own")]
    [InlineData("server: { rtmps: { certificate: /a, private_key: /b, listen: \"0.0.0.0:1935\" } }", "1:62: server.rtmp.listen and server.rtmps.listen share port 1935 — give each a port of its own")]
    [InlineData("server: { rtmps: { certificate: /a } }", "1:18: server.rtmps.private_key is missing — write private_key: /etc/transcoder/tls/privkey.pem")]
    [InlineData("server: { limits: { trusted: [10.0.0.0/33] } }", "1:31: server.limits.trusted[0]: 10.0.0.0/33 is not a network: an address, or its first address, / and the number of its bits (10.0.0.0/8, 2001:db8::/32) — write trusted: \"10.0.0.0/8\"")]
    [InlineData("server: { limits: { memory: 4GB } }", "1:29: server.limits.memory: 4GB has the unit GB: memory ends in MiB or GiB — write memory: 4GiB")]
    [InlineData("server: { rtmp: 5 }", "1:17: server.rtmp is a single value, not a group of keys — write key: value lines, indented below it")]
    [InlineData("server: { shutdown_timeout: }", "1:29: server.shutdown_timeout has no value — write shutdown_timeout: 2s, or remove the key")]
    [InlineData("server: { shutdown_timeout: [2s] }", "1:29: server.shutdown_timeout is a list, not a duration — write shutdown_timeout: 2s")]
    [InlineData("log: { level: info }", "1:15: log.level: info is not a log level — write information")]
    [InlineData("naming: { rendition: \"{stream}\" }", "1:22: naming.rendition: {stream} is not a rendition's name: it needs {stream} and {rendition} once each, something between them, and only letters, digits, _ . and - besides — write rendition: \"{stream}_{rendition}\"")]
    [InlineData("encoders: { order: [nvenc, nvenc] }", "1:28: encoders.order: nvenc is written twice — remove one of them")]
    [InlineData("encoders: { order: [] }", "1:20: encoders.order is empty — name at least one, or remove the key")]
    [InlineData("encoders: { order: nvenc }", "1:20: encoders.order is a single value, not a list — write order: [nvenc]")]
    [InlineData("log: { level: debug, level: debug }", "1:22: log.level is written twice, first in line 1 — keep one of them")]
    [InlineData("zebra: 1", "1:1: zebra is not a key — write one of server, naming, ladders, apps, encoders, workers, log")]
    public void In_the_daemons_own_keys(string line, string expected) => Expect($"{line}\napps: {{ live: {{ publish: {{ keys: [long-random-word] }} }} }}", expected);

    [Theory]
    [InlineData("{ name: a, video: { codec: h264, height: 721, bitrate: 1M } }", "3:46: ladders.hd[0].video.height: 721 is odd: sizes are even, because colour is kept for blocks of 2x2 pixels — write 720 or 722")]
    [InlineData("{ name: a, video: { codec: h265, height: 720, bitrate: 1M } }", "3:32: ladders.hd[0].video.codec: h265 is not a video codec to encode — write hevc")]
    [InlineData("{ name: a, video: { codec: h264, bitrate: 5000kbps } }", "3:47: ladders.hd[0].video.bitrate: 5000kbps has the unit kbps: bitrates are bits a second, with k or M — write 5000k")]
    [InlineData("{ name: a, video: { codec: h264, bitrate: 5000 } }", "3:47: ladders.hd[0].video.bitrate: 5000 is out of range — write a bitrate from 32k to 200M")]
    [InlineData("{ name: a, video: { codec: h264 } }", "3:23: ladders.hd[0].video.bitrate is missing — write bitrate: 5000k")]
    [InlineData("{ name: a, video: { codec: h264, bitrate: 1M, preset: ultrafst } }", "3:59: ladders.hd[0].video.preset: ultrafst is not a preset of h264 — write ultrafast")]
    [InlineData("{ name: a, video: { codec: hevc, bitrate: 1M, profile: high } }", "3:60: ladders.hd[0].video.profile: high is not a profile of hevc — write one of main")]
    [InlineData("{ name: a, video: { codec: av1, bitrate: 1M, tune: film } }", "3:56: ladders.hd[0].video.tune: film is not a tune of av1 — remove the key: av1 has no tune to choose")]
    [InlineData("{ name: a, video: { codec: h264, bitrate: 1M, profile: baseline, b_frames: 2 } }", "3:80: ladders.hd[0].video.b_frames: the profile baseline has no B-frames — write b_frames: 0, or profile: main")]
    [InlineData("{ name: a b, audio: { codec: aac } }", "3:13: ladders.hd[0].name: a b is not a name: letters, digits, _ . and - only, at most 64, first a letter or digit — write name: 720p")]
    [InlineData("{ name: source, audio: { codec: aac } }", "3:13: ladders.hd[0].name: source means the stream as published — give the rendition another name")]
    [InlineData("{ name: a }", "3:5: ladders.hd[0] has neither picture nor sound — write video:, audio: or both")]
    [InlineData("{ name: a, audio: { codec: opus } }", "3:32: ladders.hd[0].audio.codec: opus is not an audio codec to encode — write one of aac")]
    [InlineData("{ name: a, audio: { codec: aac, sample_rate: 47000 } }", "3:50: ladders.hd[0].audio.sample_rate: 47000 is not a sample rate of AAC — write 48000")]
    [InlineData("{ name: a, audio: { codec: aac } }\n  - { name: a, audio: { codec: aac } }", "4:13: ladders.hd[1].name: a is already a rendition of this ladder, in line 3 — give each rendition a name of its own")]
    public void In_a_ladder(string rung, string expected) =>
        Expect($"ladders:\n  hd:\n  - {rung}\napps: {{ live: {{ ladder: hd, publish: {{ keys: [long-random-word] }} }} }}", expected);

    [Theory]
    [InlineData("ladder: hdd", "4:12: apps.live.ladder: hdd is not a ladder of this file — write hd")]
    [InlineData("push: [ { url: \"http://h/a/b\" } ]", "4:19: apps.live.push[0].url: http://h/a/b is not an rtmp address — write rtmp://host/app/{stream}_{rendition}")]
    [InlineData("push: [ { url: \"rtmp://h/a/{strem}\" } ]", "4:19: apps.live.push[0].url: rtmp://h/a/{strem} holds {strem}, which means nothing in a push address — write {app}, {stream} or {rendition}")]
    [InlineData("push: [ { url: \"rtmp://h/a/{stream}\" } ]", "4:19: apps.live.push[0].url: live's 480p would go to the same address as live's 720p of line 4 — put {rendition} into the address, or list one rendition for it")]
    [InlineData("push: [ { url: \"rtmp://h/a/{stream}_{rendition}\", renditions: [99p] } ]", "4:67: apps.live.push[0].renditions: 99p is not a rendition of this app's ladder — write one of 720p, 480p, source")]
    [InlineData("push: [ { url: \"rtmp://h/a/{stream}_{rendition}\", retry_min: 1m } ]", "4:65: apps.live.push[0]: retry_min is longer than retry_max — write a retry_max of at least retry_min")]
    [InlineData("push: [ { url: \"rtmp://h/a/{stream}_{rendition}\", tls: { ca_file: /ca.pem } } ]", "4:59: apps.live.push[0].tls: the address is rtmp, which has no TLS — write an rtmps address, or remove tls")]
    [InlineData("push: [ { url: \"rtmps://h/a/{stream}_{rendition}\", tls: { pin: \"sha1:00\" } } ]", "4:67: apps.live.push[0].tls.pin: sha1:00 is not a fingerprint: sha256: and 64 hexadecimal digits, as `openssl x509 -fingerprint -sha256` prints them — write pin: sha256:0123...ef")]
    [InlineData("hooks: { on_publish: \"ftp://user:pass@h/\" }", "4:25: apps.live.hooks.on_publish: ftp://***@h/ is not an http or https address — write on_publish: \"http://127.0.0.1:9000/hook\"")]
    [InlineData("hooks: { timeout: 10s, on_play: \"http://h/\" }", "4:22: apps.live.hooks.timeout: 10s is out of range — write a duration from 100ms to 5s")]
    [InlineData("play: { jwt: { secrets: [too-short-a-secret] } }", "4:29: apps.live.play.jwt.secrets[0] has 18 characters — write a random word of 32 characters or more")]
    [InlineData("play: { keys: [long-random-word, long-random-word] }", "4:37: apps.live.play.keys[1] is written twice — remove one of them")]
    [InlineData("keyframe_interval: 2", "4:23: apps.live.keyframe_interval: 2 has no unit: durations end in ms, s, m or h — write 2s")]
    public void In_an_app(string line, string expected) =>
        Expect($"ladders: {{ hd: [{{ name: 720p, audio: {{ codec: aac }} }}, {{ name: 480p, audio: {{ codec: aac }} }}] }}\napps:\n  live:\n   {line}\n{(line.StartsWith("ladder", StringComparison.Ordinal) ? "" : "   ladder: hd\n")}   publish: {{ keys: [long-random-word] }}\n  user: {{ ladder: hd, publish: {{ keys: [long-random-word] }} }}", expected);

    [Theory]
    [InlineData("apps: { live: { publish: { keys: [] } } }", "1:28: warning: apps.live is open: anyone who reaches the port may publish — write publish: { keys: [\"a long random word\"] }")]
    [InlineData("apps: { live: { publish: { keys: [abc] } } }", "1:35: warning: apps.live.publish.keys[0] is short and can be guessed — write a long random word")]
    [InlineData("apps: { live: { publish: { keys: [change-me] } } }", "1:35: warning: apps.live.publish.keys[0] is a word that everybody tries — write a long random word")]
    [InlineData("apps: { live: { publish: { keys: [long&random&word] } } }", "1:35: warning: apps.live.publish.keys[0] holds characters that an address must escape — use letters, digits and - . _ ~ only")]
    [InlineData("apps: { live: { publish: { keys: [long-random-word] }, play: { jwt: { jwks: \"http://h/k\" } } } }", "1:77: warning: apps.live.play.jwt.jwks is fetched without TLS: who can change what the network carries can issue tokens — write an https address")]
    [InlineData("apps: { live: { publish: { keys: [long-random-word] }, push: [{ url: \"rtmp://h/a/b\" }] } }", "1:70: warning: apps.live.push[0].url has no {stream}: a second stream of live would go to the same address — put {stream} into the address, unless the app has one stream only")]
    [InlineData("server: { http: { listen: \"0.0.0.0:8080\" } }\napps: { live: { publish: { keys: [long-random-word] } } }", "1:27: warning: the API and the metrics can be reached from other machines, without a password — write listen: 127.0.0.1:8080, or guard the port")]
    [InlineData("apps: { live: { publish: { keys: [long-random-word] } } }\nladders: { hd: [{ name: a, audio: { codec: aac } }] }", "2:12: warning: no app uses the ladder hd — write ladder: hd below an app, or remove it")]
    public void A_risk_is_a_warning_and_the_file_can_be_used(string text, string expected)
    {
        var result = ConfigurationFile.Parse(text);
        Assert.NotNull(result.Options);
        Assert.Equal(["f:" + expected], result.Problems.Select(p => p.ToLine("f")));
    }

    [Theory]
    [InlineData("publish: { keys_file: /etc/keys }")]
    [InlineData("publish: { signed: { secrets: [long-random-word] } }")]
    [InlineData("publish: { jwt: { jwks: /etc/jwks.json } }")]
    [InlineData("hooks: { on_publish: \"http://127.0.0.1:1/\" }")]
    public void An_app_with_any_lock_is_not_called_open(string line) => Assert.Empty(ConfigurationFile.Parse($"apps: {{ live: {{ {line} }} }}").Problems);

    [Fact]
    public void Every_mistake_is_found_in_one_pass_and_told_in_the_order_of_the_file()
    {
        var result = ConfigurationFile.Parse("log: { level: loud, colour: red }\nworkers: { spare: -1 }\nladders: { hd: [{ name: a, video: { codec: mpeg5, bitrate: 1, height: 3 } }] }\napps: { l: { ladder: sd } }");
        Assert.Null(result.Options);
        Assert.Equal([1, 1, 2, 3, 3, 3, 4], result.Errors.Select(e => e.At.Line));
    }

    [Fact]
    public void A_tab_is_named_where_it_stands() =>
        Assert.Equal("f:2:1: this line is indented with a tab, which YAML does not allow — indent with spaces", ConfigurationFile.Parse("apps:\n\tlive:\n").Problems.Single().ToLine("f"));

    private static void Expect(string text, string expected)
    {
        var result = ConfigurationFile.Parse(text);
        Assert.Equal(["f:" + expected], result.Errors.Select(e => e.ToLine("f")));
        Assert.Null(result.Options);
    }
}
