namespace Transcoder.Media;

/// <summary>Every reason code the product knows. Codes are public: dashboards and alerts name them, so they are added to, never changed.</summary>
public static class Reasons
{
    // Streams and publishers
    public const string Unpublished = "unpublished";
    public const string PublisherDisconnected = "publisher_disconnected";
    public const string PublisherReplaced = "publisher_replaced";
    public const string PublisherGone = "publisher_gone";
    public const string SourceEnded = "source_ended";
    public const string Shutdown = "shutdown";

    // Refusals
    public const string StreamBusy = "stream_busy";
    public const string UnknownApp = "unknown_app";
    public const string BadKey = "bad_key";
    public const string BadName = "bad_name";
    public const string StreamNotFound = "stream_not_found";
    public const string RenditionName = "rendition_name";
    public const string TooManyConnections = "too_many_connections";
    public const string CodecNotSupported = "codec_not_supported";
    public const string AddressConnections = "address_connections";
    public const string AddressRate = "address_rate";
    public const string AddressHalfOpen = "address_half_open";
    public const string AddressBandwidth = "address_bandwidth";
    public const string MemoryLimit = "memory_limit";
    public const string Unauthorized = "unauthorized";
    public const string BadSignature = "bad_signature";
    public const string BadToken = "bad_token";
    public const string CredentialExpired = "credential_expired";
    public const string HookRefused = "hook_refused";
    public const string HookFailed = "hook_failed";

    // Connections
    public const string ClientClosed = "client_closed";
    public const string ConnectionReset = "connection_reset";
    public const string HandshakeTimeout = "handshake_timeout";
    public const string IdleTimeout = "idle_timeout";
    public const string NotRtmp = "not_rtmp";
    public const string TlsOnPlainPort = "tls_on_plain_port";
    public const string HttpOnRtmpPort = "http_on_rtmp_port";
    public const string RtmpOnTlsPort = "rtmp_on_tls_port";
    public const string TlsFailed = "tls_failed";
    public const string ProtocolError = "protocol_error";
    public const string LimitExceeded = "limit_exceeded";
    public const string WriteTimeout = "write_timeout";
    public const string InternalError = "internal_error";

    // Renditions and workers
    public const string NoUpscale = "no_upscale";
    public const string EncoderFailed = "encoder_failed";
    public const string DecoderFailed = "decoder_failed";
    public const string DeviceOrder = "device_order";
    public const string DeviceFallback = "device_fallback";
    public const string WorkerDied = "worker_died";
    public const string WorkerHung = "worker_hung";
    public const string WorkerStartFailed = "worker_start_failed";

    // Places for encoder sessions: why here
    public const string LeastCost = "least_cost";
    public const string OnlyChoice = "only_choice";
    public const string SharedSession = "shared_session";
    public const string Passthrough = "passthrough";
    public const string Reduced = "reduced";
    public const string Returned = "returned";

    // ... why not there
    public const string NotCapable = "not_capable";
    public const string NotInOrder = "not_in_order";
    public const string SessionLimit = "session_limit";
    public const string EngineFull = "engine_full";
    public const string MemoryFull = "memory_full";
    public const string CpuBudget = "cpu_budget";
    public const string Quarantined = "quarantined";
    public const string FallbackForbidden = "fallback_forbidden";
    public const string NoPlace = "no_place";

    // ... and why no longer there
    public const string DeviceLost = "device_lost";
    public const string EncoderHung = "encoder_hung";
    public const string DecoderHung = "decoder_hung";
    public const string EncoderSlow = "encoder_slow";
    public const string Preempted = "preempted";

    // What the probe and the doctor find
    public const string NoDriver = "no_driver";
    public const string DriverTooOld = "driver_too_old";
    public const string DriverMismatch = "driver_mismatch";
    public const string NoEncodeEngine = "no_encode_engine";
    public const string NoPermission = "no_permission";
    public const string NoVideoCapability = "no_video_capability";
    public const string SimulatedDriver = "simulated_driver";
    public const string ProbeFailed = "probe_failed";
    public const string Probing = "probing";
    public const string MonitorHung = "monitor_hung";

    // Push targets
    public const string TargetUnreachable = "target_unreachable";
    public const string TargetRefused = "target_refused";
    public const string TargetClosed = "target_closed";
    public const string TargetTimeout = "target_timeout";
    public const string TargetUntrusted = "target_untrusted";
}
