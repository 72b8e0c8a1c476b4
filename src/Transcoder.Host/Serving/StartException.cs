namespace Transcoder.Host.Serving;

/// <summary>The daemon can't start with what the configuration names; the message says what and where.</summary>
internal sealed class StartException(string message, Exception? inner = null) : Exception(message, inner);
