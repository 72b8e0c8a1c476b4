using System.Net;
using Transcoder.Media.Tracks;

namespace Transcoder.Host.Configuration;

/// <summary>The rules that join several keys. They see the file after binding, with its places, and report in the same list.</summary>
internal sealed class OptionsRules(BoundMap root, ProblemList problems)
{
    public void Check()
    {
        CheckListeners();
        if (root.MapOrNull("ladders") is { } ladders)
        {
            foreach (var (name, ladder) in ladders.Values)
            {
                CheckLadder(name, (BoundList)ladder);
            }
        }

        var targets = new Dictionary<string, (Place At, string Rendition)>(StringComparer.Ordinal);
        foreach (var (name, app) in root.MapOrNull("apps")?.Values ?? new Dictionary<string, Bound>())
        {
            CheckApp(name, (BoundMap)app, targets);
        }

        foreach (var (ladder, at) in root.MapOrNull("ladders")?.Names ?? new Dictionary<string, Place>())
        {
            if (root.MapOrNull("apps") is { } apps && apps.Values.Values.All(app => ((BoundMap)app).Scalar("ladder")?.Text != ladder))
            {
                problems.Warning(at, $"no app uses the ladder {ladder}", $"write ladder: {ladder} below an app, or remove it");
            }
        }

        CheckEncoders();
    }

    private void CheckListeners()
    {
        var server = root.Map("server");
        var http = server.Map("http").Scalar("listen");
        BoundScalar?[] listeners = [server.Map("rtmp").Scalar("listen"), server.MapOrNull("rtmps")?.Scalar("listen"), http];
        string[] names = ["server.rtmp.listen", "server.rtmps.listen", "server.http.listen"];
        for (var i = 0; i < listeners.Length; i++)
        {
            for (var j = i + 1; j < listeners.Length; j++)
            {
                if (listeners[i]?.Value is IPEndPoint one && listeners[j]?.Value is IPEndPoint two && one.Port == two.Port && one.Port != 0 &&
                    (one.Address.Equals(two.Address) || IsAny(one.Address) || IsAny(two.Address)))
                {
                    problems.Error((listeners[j]!.Written ? listeners[j]! : listeners[i]!).At, $"{names[i]} and {names[j]} share port {one.Port}", "give each a port of its own");
                }
            }
        }

        if (http is { Written: true, Value: IPEndPoint { Address: var address } } && !IPAddress.IsLoopback(address))
        {
            problems.Warning(http.At, "the API and the metrics can be reached from other machines, without a password", "write listen: 127.0.0.1:8080, or guard the port");
        }
    }

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private void CheckLadder(string ladder, BoundList rungs)
    {
        var names = new Dictionary<string, Place>(StringComparer.Ordinal);
        for (var i = 0; i < rungs.Items.Count; i++)
        {
            if (rungs.Items[i] is not BoundMap rung)
            {
                continue;
            }

            var path = $"ladders.{ladder}[{i}]";
            if (rung.Scalar("name") is { Value: string name } at)
            {
                if (!names.TryAdd(name, at.At))
                {
                    problems.Error(at.At, $"{path}.name: {name} is already a rendition of this ladder, in line {names[name].Line}", "give each rendition a name of its own");
                }
                else if (name == PushOptions.SourceName)
                {
                    problems.Error(at.At, $"{path}.name: {name} means the stream as published", "give the rendition another name");
                }
            }

            if (!rung.Names.ContainsKey("video") && !rung.Names.ContainsKey("audio"))
            {
                problems.Error(rung.At, $"{path} has neither picture nor sound", "write video:, audio: or both");
            }

            if (rung.MapOrNull("video") is { } video && video.Get<CodecId>("codec") is var codec and not CodecId.None)
            {
                CheckWord(video, "preset", codec, CodecWords.PresetsOf(codec), path);
                CheckWord(video, "profile", codec, CodecWords.ProfilesOf(codec), path);
                CheckWord(video, "tune", codec, CodecWords.TunesOf(codec), path);
                if (codec == CodecId.H264 && video.Scalar("profile")?.Text == "baseline" && video.Get<int>("b_frames") > 0)
                {
                    problems.Error(video.Scalar("b_frames")!.At, $"{path}.video.b_frames: the profile baseline has no B-frames", "write b_frames: 0, or profile: main");
                }
            }
        }
    }

    private void CheckWord(BoundMap video, string key, CodecId codec, IReadOnlyList<string> words, string path)
    {
        if (video.Scalar(key) is { Value: string word, Written: true } at && !words.Contains(word))
        {
            var advice = words.Count > 0 ? Spelling.Advice(word, words) : $"remove the key: {codec.Name()} has no {key} to choose";
            problems.Error(at.At, $"{path}.video.{key}: {word} is not a {key} of {codec.Name()}", advice);
        }
    }

    private void CheckApp(string name, BoundMap app, Dictionary<string, (Place At, string Rendition)> targets)
    {
        var path = $"apps.{name}";
        var ladders = root.MapOrNull("ladders");
        IReadOnlyList<string>? rungs = [];
        if (app.Scalar("ladder") is { Value: string ladder } at)
        {
            if (ladders is null || !ladders.Has(ladder))
            {
                problems.Error(at.At, $"{path}.ladder: {ladder} is not a ladder of this file", ladders is null ? "write a ladder of that name below ladders:" : Spelling.Advice(ladder, ladders.Values.Keys));
                rungs = null;
            }
            else
            {
                rungs = [.. ladders.List(ladder).OfType<BoundMap>().Select(r => r.Get<string>("name")).OfType<string>()];
            }
        }

        new AccessRules(problems).CheckApp(path, app);
        foreach (var (push, i) in app.List("push").OfType<BoundMap>().Select((push, i) => (push, i)))
        {
            CheckPush(name, $"{path}.push[{i}]", push, rungs, targets);
        }
    }

    private void CheckPush(string app, string path, BoundMap push, IReadOnlyList<string>? rungs, Dictionary<string, (Place At, string Rendition)> targets)
    {
        if (push.MapOrNull("tls") is { Written: true } tls && push.Scalar("url") is { Value: PushUrl { IsSecure: false } })
        {
            problems.Error(tls.At, $"{path}.tls: the address is rtmp, which has no TLS", "write an rtmps address, or remove tls");
        }

        if (push.Get<TimeSpan>("retry_min") > push.Get<TimeSpan>("retry_max") && push.Scalar("retry_max")?.Value is not null)
        {
            problems.Error(push.Scalar(push.Scalar("retry_min")!.Written ? "retry_min" : "retry_max")!.At, $"{path}: retry_min is longer than retry_max", "write a retry_max of at least retry_min");
        }

        if (rungs is null)
        {
            return;
        }

        var listed = push.List("renditions").OfType<BoundScalar>().Where(r => r.Value is not null).ToList();
        foreach (var (rendition, i) in listed.Select((rendition, i) => (rendition, i)))
        {
            if (rendition.Text != PushOptions.SourceName && !rungs.Contains(rendition.Text))
            {
                problems.Error(rendition.At, $"{path}.renditions: {rendition.Text} is not a rendition of this app's ladder", Spelling.Advice(rendition.Text, [.. rungs, PushOptions.SourceName]));
            }
            else if (listed.Take(i).Any(r => r.Text == rendition.Text))
            {
                problems.Error(rendition.At, $"{path}.renditions: {rendition.Text} is written twice", "remove one of them");
            }
        }

        if (push.Scalar("url") is not { Value: PushUrl url } at)
        {
            return;
        }

        foreach (var rendition in Pushed(push, rungs).Distinct())
        {
            // {stream} stays: two streams of one app differ in it, and an address without it is warned of below.
            if (!targets.TryAdd(url.For(app, "{stream}", rendition), (at.At, $"{app}'s {rendition}")))
            {
                var first = targets[url.For(app, "{stream}", rendition)];
                problems.Error(at.At, $"{path}.url: {app}'s {rendition} would go to the same address as {first.Rendition} of line {first.At.Line}",
                    "put {rendition} into the address, or list one rendition for it");
                break;
            }
        }

        if (!url.Template.Contains("{stream}", StringComparison.Ordinal))
        {
            problems.Warning(at.At, $"{path}.url has no {{stream}}: a second stream of {app} would go to the same address", "put {stream} into the address, unless the app has one stream only");
        }
    }

    /// <summary>What a push entry sends: the list, or the whole ladder, or the source where nothing is encoded.</summary>
    public static IReadOnlyList<string> Pushed(BoundMap push, IReadOnlyList<string> rungs)
    {
        var listed = push.List("renditions").OfType<BoundScalar>().Select(r => r.Value).OfType<string>().ToList();
        return listed.Count > 0 ? listed : rungs.Count > 0 ? rungs : [PushOptions.SourceName];
    }

    private void CheckEncoders()
    {
        var order = root.Map("encoders").List("order").OfType<BoundScalar>().ToList();
        foreach (var (kind, i) in order.Select((kind, i) => (kind, i)))
        {
            if (order.Take(i).Any(k => k.Text == kind.Text))
            {
                problems.Error(kind.At, $"encoders.order: {kind.Text} is written twice", "remove one of them");
            }
        }
    }
}
