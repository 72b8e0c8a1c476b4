using Microsoft.Extensions.Logging;
using Transcoder.Media;

namespace Transcoder.Rtmp;

/// <summary>Every log line of this project. Addresses and names, never keys.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "publisher {Address} opened {App}/{Stream}")]
    public static partial void PublisherOpened(ILogger logger, string address, string app, string stream);

    [LoggerMessage(2, LogLevel.Information, "publisher {Address} of {App}/{Stream} ended after {Seconds:0.0} s, {Bytes} bytes, {Dropped} messages dropped; {Reason}")]
    public static partial void PublisherEnded(ILogger logger, string address, string app, string stream, double seconds, long bytes, long dropped, Reason reason);

    [LoggerMessage(3, LogLevel.Information, "player {Address} opened {App}/{Stream}")]
    public static partial void PlayerOpened(ILogger logger, string address, string app, string stream);

    [LoggerMessage(4, LogLevel.Information, "player {Address} of {App}/{Stream} ended after {Seconds:0.0} s, {Bytes} bytes, {Dropped} packets dropped; {Reason}")]
    public static partial void PlayerEnded(ILogger logger, string address, string app, string stream, double seconds, long bytes, long dropped, Reason reason);

    [LoggerMessage(5, LogLevel.Information, "{Address} was refused to {Verb} {App}/{Stream}; {Reason}")]
    public static partial void Refused(ILogger logger, string address, string verb, string app, string stream, Reason reason);

    [LoggerMessage(6, LogLevel.Information, "RTMP connection from {Address} ended before it published or played; {Reason}")]
    public static partial void ConnectionEndedEarly(ILogger logger, string address, Reason reason);

    [LoggerMessage(7, LogLevel.Debug, "RTMP connection from {Address} ended after {Received} bytes in and {Sent} out; {Reason}")]
    public static partial void ConnectionEnded(ILogger logger, string address, long received, long sent, Reason reason);

    [LoggerMessage(8, LogLevel.Error, "RTMP connection from {Address} failed inside; this is a defect, please report it")]
    public static partial void InternalError(ILogger logger, Exception exception, string address);

    [LoggerMessage(9, LogLevel.Information, "{Address} was refused to connect to {App}; {Reason}")]
    public static partial void ConnectionRefused(ILogger logger, string address, string app, Reason reason);

    [LoggerMessage(11, LogLevel.Warning, "publisher {Address} of {App}/{Stream}: {Reason}")]
    public static partial void TrackLeftOut(ILogger logger, string address, string app, string stream, Reason reason);

    [LoggerMessage(10, LogLevel.Debug, "RTMP connection from {Address}: {Command} was not known and answered with null")]
    public static partial void UnknownCommand(ILogger logger, string address, string command);
}
