using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Transcoder.Media.Workers;

namespace Transcoder.Testing.Fuzzing;

/// <summary>A message of the worker link, head and JSON: refused with the two exceptions that its readers expect, or read as it was written.</summary>
internal static class LinkTarget
{
    // What the serializer makes once for each type must not look to the fuzzer like something that an input did.
    static LinkTarget()
    {
        foreach (var type in Enum.GetValues<WorkerMessageType>())
        {
            Payload(type, "{}"u8);
        }
    }

    public static void Run(ReadOnlySpan<byte> input) => Bounds.Check(input, 2000, static bytes =>
    {
        if (bytes.Length < WorkerMessageHeader.Size)
        {
            return;
        }

        WorkerMessageHeader header;
        try
        {
            header = WorkerMessageHeader.Read(bytes);
        }
        catch (InvalidDataException)
        {
            return;
        }

        var again = new byte[WorkerMessageHeader.Size];
        header.Write(again);
        Promise.Holds(again.AsSpan().SequenceEqual(bytes.AsSpan(0, again.Length)), "our head is not what was read");

        Payload(header.Type, bytes.AsSpan(WorkerMessageHeader.Size));
    });

    private static void Payload(WorkerMessageType type, ReadOnlySpan<byte> payload)
    {
        switch (type)
        {
            case WorkerMessageType.Hello:
                Json(payload, WorkerJson.Default.WorkerHello);
                break;
            case WorkerMessageType.Job:
                Json(payload, WorkerJson.Default.TranscodeJob);
                break;
            case WorkerMessageType.Track:
                Json(payload, WorkerJson.Default.Track);
                break;
            case WorkerMessageType.Report:
                Json(payload, WorkerJson.Default.WorkerReport);
                break;
            case WorkerMessageType.RenditionStarted:
                Json(payload, WorkerJson.Default.RenditionStarted);
                break;
            case WorkerMessageType.RenditionEnded or WorkerMessageType.Ended:
                Json(payload, WorkerJson.Default.Reason);
                break;
            case WorkerMessageType.LeaseRequest:
                Json(payload, WorkerJson.Default.LeaseRequest);
                break;
            case WorkerMessageType.LeaseGrant:
                Json(payload, WorkerJson.Default.LeaseGrant);
                break;
            case WorkerMessageType.LeaseClosed:
                Json(payload, WorkerJson.Default.LeaseClosed);
                break;
            case WorkerMessageType.LeaseStrained:
                Json(payload, WorkerJson.Default.LeaseStrained);
                break;
            case WorkerMessageType.DecoderStarted:
                Json(payload, WorkerJson.Default.DecoderStarted);
                break;
            case WorkerMessageType.DecoderFailed:
                Json(payload, WorkerJson.Default.DecoderFailed);
                break;
            case WorkerMessageType.DecodeMove:
                Json(payload, WorkerJson.Default.DecodeMove);
                break;
            case WorkerMessageType.Log:
                Json(payload, WorkerJson.Default.WorkerLogLine);
                break;
        }
    }

    private static void Json<T>(ReadOnlySpan<byte> payload, JsonTypeInfo<T> type)
    {
        T? value;
        try
        {
            value = JsonSerializer.Deserialize(payload, type);
        }
        catch (JsonException)
        {
            return;
        }

        if (value is null)
        {
            return;
        }

        var once = JsonSerializer.SerializeToUtf8Bytes(value, type);
        Promise.Holds(once.AsSpan().SequenceEqual(JsonSerializer.SerializeToUtf8Bytes(JsonSerializer.Deserialize(once, type)!, type)), "JSON is not stable");
    }
}
