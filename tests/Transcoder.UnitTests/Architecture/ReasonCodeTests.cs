using System.Reflection;
using System.Text.RegularExpressions;
using Transcoder.Media;
using Xunit;

namespace Transcoder.UnitTests.Architecture;

/// <summary>Reason codes are in dashboards, alerts and scripts of people we don't know.</summary>
public sealed class ReasonCodeTests
{
    private static readonly string[] Codes = [.. typeof(Reasons).GetFields(BindingFlags.Public | BindingFlags.Static).Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!)];

    [Fact]
    public void Each_code_is_its_own() => Assert.Equal(Codes.Distinct(), Codes);

    [Fact]
    public void Each_code_is_snake_case() => Assert.All(Codes, code => Assert.Matches(new Regex("^[a-z]+(_[a-z0-9]+)*$"), code));

    /// <summary>Add a new code here. When this fails for another cause, a code was renamed or removed: put it back.</summary>
    [Fact]
    public void The_codes_are_those_that_were_published()
    {
        string[] published =
        [
            "unpublished", "publisher_disconnected", "publisher_replaced", "publisher_gone", "source_ended", "shutdown",
            "stream_busy", "unknown_app", "bad_key", "bad_name", "stream_not_found", "rendition_name", "too_many_connections", "codec_not_supported",
            "client_closed", "connection_reset", "handshake_timeout", "idle_timeout", "not_rtmp", "tls_on_plain_port", "http_on_rtmp_port",
            "protocol_error", "limit_exceeded", "write_timeout", "internal_error",
            "no_upscale", "encoder_failed", "decoder_failed", "worker_died", "worker_hung",
            "worker_start_failed", "device_order", "device_fallback",
            "address_connections", "address_rate", "address_half_open", "address_bandwidth", "memory_limit",
            "unauthorized", "bad_signature", "bad_token", "credential_expired", "hook_refused", "hook_failed",
            "rtmp_on_tls_port", "tls_failed", "target_untrusted",
            "least_cost", "only_choice", "shared_session", "passthrough", "reduced", "returned",
            "not_capable", "not_in_order", "session_limit", "engine_full", "memory_full", "cpu_budget", "quarantined", "fallback_forbidden", "no_place",
            "device_lost", "encoder_hung", "encoder_slow", "preempted", "decoder_hung",
            "no_driver", "driver_too_old", "driver_mismatch", "no_encode_engine", "no_permission", "no_video_capability", "simulated_driver",
            "probe_failed", "probing", "monitor_hung",
            "target_unreachable", "target_refused", "target_closed", "target_timeout",
        ];
        Assert.Equal(published.Order(), Codes.Order());
    }
}
