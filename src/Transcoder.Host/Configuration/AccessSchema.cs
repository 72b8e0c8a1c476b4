namespace Transcoder.Host.Configuration;

/// <summary>The keys of the front door, a part of <see cref="ConfigurationSchema"/>: TLS, limits, and who may publish and play.</summary>
internal static class AccessSchema
{
    private const string Never = "Left out: this way in is closed.";

    private static readonly SchemaKey ClockSkew = new("clock_skew", new ScalarNode(ScalarType.Duration, "0s", "10m"), "30s",
        "By how much the clocks of who issues and this machine may differ.", "Machines with NTP differ by less than a second; those without it by half a minute.");

    private static readonly ObjectNode Jwt = new(
    [
        new("jwks", new ScalarNode(ScalarType.Text with { Example = "https://login.example.com/jwks.json" }), null,
            "File or web address of the key set (JWKS) that signs tokens with RS, PS or ES algorithms.", "Left out: such tokens are refused."),
        new("secrets", new ListNode(new ScalarNode(ScalarType.Text), Max: 16), "[]",
            "Secrets of 32 characters and more for tokens signed with HS256.", "None: such tokens are refused. Several: rotate by adding one and removing the other later."),
        new("issuer", new ScalarNode(ScalarType.Text), null,
            "What the claim iss must be.", "Left out: not looked at."),
        new("audience", new ScalarNode(ScalarType.Text), null,
            "What the claim aud must hold.", "Left out: not looked at."),
        ClockSkew,
        new("refresh", new ScalarNode(ScalarType.Duration, "1m", "24h"), "10m",
            "How often a key set at a web address is fetched again.", "A new key is found at once by its first token; this is for keys that were withdrawn."),
    ]);

    private static readonly ObjectNode Signed = new(
    [
        new("secrets", new ListNode(new ScalarNode(ScalarType.Text), Max: 16), "[]",
            "Secrets that sign addresses, see `transcoder url sign`; any of them is good.", Never + " Several: rotate by adding one and removing the other later."),
        ClockSkew,
    ]);

    /// <summary>What stands below publish and below play.</summary>
    public static readonly IReadOnlyList<SchemaKey> Credentials =
    [
        new("keys", new ListNode(new ScalarNode(ScalarType.Text), Max: 1000), "[]",
            "Secrets, one of which a client gives as ?key=.", "No default key could be safe."),
        new("keys_file", new ScalarNode(ScalarType.File with { Example = "/etc/transcoder/live.keys" }), null,
            "A file with one more key on each line, read again when it changes.", "Left out: none. With it keys are changed without a restart; nobody is disconnected."),
        new("signed", Signed, null, "Addresses that were signed and end: ?expires= and &signature=.", Never),
        new("jwt", Jwt, null, "Tokens: ?token=.", Never),
    ];

    public static readonly ObjectNode Play = new(Credentials);

    public static readonly ObjectNode Hooks = new(
    [
        new("on_publish", new ScalarNode(ScalarType.HttpUrl), null,
            "Asked before a publisher is let in: 2xx lets it in, 4xx does not.", "Left out: nobody is asked."),
        new("on_play", new ScalarNode(ScalarType.HttpUrl), null,
            "Asked before a player is let in.", "Left out: nobody is asked."),
        new("on_unpublish", new ScalarNode(ScalarType.HttpUrl), null,
            "Told when a publisher has gone, with the reason.", "Left out: nobody is told."),
        new("on_stop", new ScalarNode(ScalarType.HttpUrl), null,
            "Told when a player has gone.", "Left out: nobody is told."),
        new("secret", new ScalarNode(ScalarType.Text), null,
            "Signs what is sent: X-Transcoder-Signature is the HMAC-SHA256 of the body, in hex.", "Left out: no signature."),
        new("timeout", new ScalarNode(ScalarType.Duration, "100ms", "5s"), "2s",
            "How long one attempt may take.", "The encoder waits meanwhile; most give up after five seconds or ten."),
        new("retries", new ScalarNode(ScalarType.Integer, "0", "3"), "1",
            "Further attempts after one that got no answer; the wait doubles from 100 ms.", "One covers a restart of the hook's server; more only keep the encoder waiting."),
        new("on_failure", new ScalarNode(ScalarType.WordOf("a failure policy", ("deny", HookFailure.Deny), ("allow", HookFailure.Allow))), "deny",
            "What happens when no attempt got an answer: deny, or allow.", "A door that opens when its guard is knocked down is no door."),
        new("concurrency", new ScalarNode(ScalarType.Integer, "1", "256"), "16",
            "Calls at once: so many each that publishers wait for, that players wait for, and that tell of ends.", "Enough for hundreds of clients a second, and no flood for the hook's server."),
        new("queue", new ScalarNode(ScalarType.Integer, "1", "100000"), "1000",
            "Calls of each kind that may wait; one more counts as failed.", "A minute's worth; memory stays bounded when the hook's server is gone."),
    ]);

    private static readonly SchemaKey Certificate = new("certificate", new ScalarNode(ScalarType.File with { Example = "/etc/transcoder/tls/fullchain.pem" }), null,
        "PEM file with the certificate and the ones between it and its root.", "No default: it is yours. Read again when it changes; open connections stay.", Need.Required);

    private static readonly SchemaKey PrivateKey = new("private_key", new ScalarNode(ScalarType.File with { Example = "/etc/transcoder/tls/privkey.pem" }), null,
        "PEM file with its private key.", "No default: it is yours.", Need.Required);

    public static readonly ObjectNode Rtmps = new(
    [
        new("listen", new ScalarNode(ScalarType.Endpoint with { Example = "0.0.0.0:443" }), "0.0.0.0:443",
            "Address and port of the RTMPS server.", "443 is what encoders and firewalls expect of rtmps://."),
        Certificate,
        PrivateKey,
        new("other_certificates", new ListNode(new ObjectNode([Certificate, PrivateKey])), "[]",
            "More certificates; the client's server name (SNI) chooses, the first one is for all other names.", "One name is the usual case."),
        new("handshake_timeout", new ScalarNode(ScalarType.Duration, "1s", "1m"), "10s",
            "How long a TLS handshake may take.", "The slowest mobile line needs three seconds."),
    ]);

    public static readonly ObjectNode Limits = new(
    [
        new("memory", new ScalarNode(ScalarType.Memory, "64MiB", "1024GiB"), null,
            "No new connection is taken while the program takes more than this.", "Left out: nine tenths of what the machine or its container has."),
        new("trusted", new ListNode(new ScalarNode(ScalarType.Network), Max: 1000), "[127.0.0.0/8, \"::1\"]",
            "Networks to which per_address does not apply: this machine, proxies, CDNs.", "A proxy's one address stands for all its clients."),
        new("per_address", new ObjectNode(
        [
            new("connections", new ScalarNode(ScalarType.Integer, "1", "100000"), "500",
                "Connections at once.", "An office or a mobile carrier behind one address; not the whole server."),
            new("half_open", new ScalarNode(ScalarType.Integer, "1", "100000"), "50",
                "Connections whose RTMP handshake is not complete.", "A real client is through in a fraction of a second."),
            new("connection_rate", new ScalarNode(ScalarType.Integer, "1", "100000"), "50",
                "New connections a second; after a quiet time twice as many at once.", "All players of an office that come back together."),
            new("bandwidth", new ScalarNode(ScalarType.Bitrate, "100k", "2000M"), null,
                "Bits a second that an address may send; above, it is read more slowly.", "Left out: any. What is honest depends on who publishes."),
        ]), null, "For each IPv4 address, and each /64 of IPv6.", "Left out: all of its defaults."),
    ]);

    public static readonly ObjectNode PushTls = new(
    [
        new("pin", new ScalarNode(ScalarType.Pin), null,
            "sha256: and the fingerprint of the target's certificate: only this one is trusted.", "Left out: the system's roots decide, as in a browser."),
        new("ca_file", new ScalarNode(ScalarType.File with { Example = "/etc/transcoder/tls/ca.pem" }), null,
            "PEM file with the roots to trust instead of the system's.", "Left out: the system's."),
    ]);
}
