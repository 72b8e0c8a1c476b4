using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Time;
using Transcoder.Media.Tracks;
using Transcoder.Media.Workers;

namespace Transcoder.Pipeline.Links;

/// <summary>
/// The writing half of the link to the daemon, shared by every thread of the worker; one message is one write. The daemon always reads, so a
/// write blocks only while the daemon does. Once a write has failed the link is down and later messages go nowhere.
/// </summary>
/// <param name="onDown">Called on the thread whose write failed.</param>
internal sealed class WorkerLink(Stream stream, Action<Exception> onDown)
{
    // Up to here header and payload are copied into one write; above it a copy costs more than a second write.
    private const int GatherLimit = 64 << 10;

    // A daemon that leaves a write standing for so long is gone for us.
    private static readonly TimeSpan WriteDeadline = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly byte[] _gather = new byte[GatherLimit];
    private bool _down;

    public void SendPacket(int number, TrackKind kind, MediaTime dts, MediaTime pts, PacketFlags flags, WorkerPacketFlags linkFlags, ReadOnlySpan<byte> payload) =>
        Send(new WorkerMessageHeader(payload.Length, WorkerMessageType.Packet, kind, flags, linkFlags, number, dts, pts), payload);

    public void SendJson<T>(WorkerMessageType type, int number, T value, JsonTypeInfo<T> json, TrackKind kind = default)
    {
        var payload = JsonSerializer.SerializeToUtf8Bytes(value, json);
        Send(new WorkerMessageHeader(payload.Length, type, kind, Number: number), payload);
    }

    /// <param name="level">Debug, Information, Warning or Error.</param>
    public void Log(string level, string message) =>
        SendJson(WorkerMessageType.Log, 0, new WorkerLogLine(level, message), WorkerJson.Default.WorkerLogLine);

    public void Log(string level, Reason reason) => Log(level, reason.ToString());

    private void Send(in WorkerMessageHeader header, ReadOnlySpan<byte> payload)
    {
        Exception failure;
        if (!_lock.TryEnter(WriteDeadline))
        {
            onDown(new IOException("the daemon does not read"));
            return;
        }

        try
        {
            if (_down)
            {
                return;
            }

            try
            {
                header.Write(_gather);
                var gathered = WorkerMessageHeader.Size + payload.Length;
                if (gathered <= GatherLimit)
                {
                    payload.CopyTo(_gather.AsSpan(WorkerMessageHeader.Size));
                    stream.Write(_gather, 0, gathered);
                }
                else
                {
                    stream.Write(_gather, 0, WorkerMessageHeader.Size);
                    stream.Write(payload);
                }

                return;
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException)
            {
                // The daemon has gone; onDown ends the worker with that reason.
                _down = true;
                failure = exception;
            }
        }
        finally
        {
            _lock.Exit();
        }

        onDown(failure);
    }
}
