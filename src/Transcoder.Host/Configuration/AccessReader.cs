using System.Net;

namespace Transcoder.Host.Configuration;

/// <summary>Makes the options of <see cref="AccessSchema"/>'s keys, in a file that was found to be free of errors.</summary>
internal static class AccessReader
{
    public static AccessOptions Access(BoundMap map)
    {
        var signed = map.Map("signed");
        var jwt = map.Map("jwt");
        var keySet = jwt.Get<string>("jwks");
        var address = keySet is null ? null : HttpAddress.TryParse(keySet);
        return new AccessOptions(
            Secrets(map, "keys"),
            map.Get<string>("keys_file"),
            new SignedOptions(Secrets(signed, "secrets"), signed.Value<TimeSpan>("clock_skew")),
            new JwtOptions(
                address,
                address is null ? keySet : null,
                Secrets(jwt, "secrets"),
                jwt.Get<string>("issuer"),
                jwt.Get<string>("audience"),
                jwt.Value<TimeSpan>("clock_skew"),
                jwt.Value<TimeSpan>("refresh")));
    }

    public static HookOptions Hooks(BoundMap hooks) => new(
        hooks.Get<HttpAddress>("on_publish"),
        hooks.Get<HttpAddress>("on_play"),
        hooks.Get<HttpAddress>("on_unpublish"),
        hooks.Get<HttpAddress>("on_stop"),
        hooks.Get<string>("secret") is { } secret ? new Secret(secret) : null,
        hooks.Value<TimeSpan>("timeout"),
        hooks.Value<int>("retries"),
        hooks.Value<HookFailure>("on_failure"),
        hooks.Value<int>("concurrency"),
        hooks.Value<int>("queue"));

    public static RtmpsListenOptions Rtmps(BoundMap rtmps) => new(
        rtmps.Value<IPEndPoint>("listen"),
        new ValueList<CertificateFiles>(rtmps.List("other_certificates").Cast<BoundMap>().Prepend(rtmps).Select(pair =>
            new CertificateFiles(pair.Value<string>("certificate"), pair.Value<string>("private_key")))),
        rtmps.Value<TimeSpan>("handshake_timeout"));

    public static LimitOptions Limits(BoundMap limits)
    {
        var address = limits.Map("per_address");
        return new LimitOptions(
            limits.Scalar("memory")?.Value as long?,
            new ValueList<IPNetwork>(limits.List("trusted").Cast<BoundScalar>().Select(network => (IPNetwork)network.Value!)),
            address.Value<int>("connections"),
            address.Value<int>("half_open"),
            address.Value<int>("connection_rate"),
            address.Get<int>("bandwidth"));
    }

    public static PushTlsOptions PushTls(BoundMap? tls) => new(tls?.Get<string>("pin"), tls?.Get<string>("ca_file"));

    private static ValueList<Secret> Secrets(BoundMap map, string key) => new(map.List(key).Cast<BoundScalar>().Select(item => new Secret((string)item.Value!)));
}
