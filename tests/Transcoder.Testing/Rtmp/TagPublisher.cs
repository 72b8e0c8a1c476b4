using System.Net.Sockets;
using Transcoder.Media.Buffers;
using Transcoder.Media.Containers.Flv;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Chunks;
using Transcoder.Rtmp.Clients;
using Transcoder.Rtmp.Messages;

namespace Transcoder.Testing.Rtmp;

/// <param name="Timestamp">As on the wire: 32 bits of milliseconds.</param>
public readonly record struct FlvTag(FlvTagType Type, uint Timestamp, byte[] Body)
{
    public static IReadOnlyList<FlvTag> Read(string file)
    {
        var bytes = File.ReadAllBytes(file);
        var reader = new FlvFileReader();
        var tags = new List<FlvTag>();
        var position = 0;
        while (reader.Read(bytes.AsSpan(position), out var consumed, out var tag) == FlvReadResult.Tag)
        {
            tags.Add(new FlvTag(tag.Type, tag.Timestamp, tag.Body(bytes.AsSpan(position)).ToArray()));
            position += consumed;
        }

        return tags;
    }
}

/// <summary>Publishes the bodies of FLV tags as messages, byte for byte: what no publisher that understands them would send is sent as well.</summary>
public sealed class TagPublisher : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    // Everything is queued at once.
    private static readonly RtmpOptions Options = RtmpOptions.Default with { MaxQueuedAnswers = 256 << 20 };

    private readonly ClientConnection _connection;
    private readonly uint _streamId;
    private readonly Task _reading;

    private TagPublisher(ClientConnection connection, uint streamId)
    {
        _connection = connection;
        _streamId = streamId;
        _reading = ReadAsync();
    }

    public static async Task<TagPublisher> ConnectAsync(string address)
    {
        var url = RtmpUrl.Parse(address);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(url.Host, url.Port);
        var connection = new ClientConnection(url, new NetworkStream(socket, ownsSocket: true), new MediaBufferPool(), Options, new RtmpStatistics(), TimeProvider.System);
        await connection.OpenAsync("", CancellationToken.None);
        return new TagPublisher(connection, await connection.BeginPublishAsync(CancellationToken.None));
    }

    /// <summary>Completes when the system has taken all of it.</summary>
    public async Task SendAsync(IEnumerable<FlvTag> tags)
    {
        var target = _connection.Link.Writer.BytesWritten;
        foreach (var tag in tags)
        {
            var id = tag.Type switch { FlvTagType.Video => ChunkStreamIds.Video, FlvTagType.Audio => ChunkStreamIds.Audio, _ => ChunkStreamIds.Data };
            var message = new byte[ChunkWriter.SizeOf(tag.Body.Length, tag.Timestamp, Options.ChunkSize)];
            target += ChunkWriter.Write(message, id, (MessageType)tag.Type, _streamId, tag.Timestamp, [], tag.Body, Options.ChunkSize);
            if (!_connection.Link.Writer.Send(message))
            {
                throw new IOException($"the server took too little: {_connection.EndReason}");
            }
        }

        var deadline = Environment.TickCount64 + (long)Patience.TotalMilliseconds;
        while (_connection.Link.Writer.BytesWritten < target && _connection.EndReason.Code is null)
        {
            if (Environment.TickCount64 > deadline)
            {
                throw new TimeoutException($"{target - _connection.Link.Writer.BytesWritten} bytes were not taken");
            }

            await Task.Delay(10);
        }
    }

    /// <summary>Says goodbye.</summary>
    public async ValueTask DisposeAsync()
    {
        _connection.SayUnpublish(_streamId);
        _connection.End(new Media.Reason(Media.Reasons.Unpublished, "the test ended the stream"));
        await _reading;
        await _connection.DisposeAsync();
    }

    private async Task ReadAsync()
    {
        try
        {
            while (await _connection.ReadMediaAsync() is { } message)
            {
                message.Buffer.Release();
            }
        }
        catch (RtmpException)
        {
            // The connection has recorded the reason.
        }
    }
}
