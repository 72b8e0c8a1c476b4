using Transcoder.Media.Buffers;
using Transcoder.Media.Packets;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Connections;
using Transcoder.Rtmp.Messages;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Connections;

public sealed class ImagePumpTests : IDisposable
{
    private readonly MediaBufferPool _pool = new();
    private readonly PacketRun _run = PacketRun.Begin();
    private readonly List<Exception> _faults = [];
    private readonly BrokenOutput _output = new();

    public ImagePumpTests()
    {
        var packet = _pool.Video(40);
        _run.Add(packet);
        packet.Release();
    }

    [Fact]
    public async Task A_fault_in_taking_a_run_is_told_and_is_not_the_publishers()
    {
        var pump = await BegunAsync(MessageMuxer.StreamId);
        Assert.True(pump.TryTake(_run));
        Assert.True(pump.BytesWritten > _output.Flushed);
        _output.IsBroken = true;
        Assert.False(pump.TryTake(_run));
        Assert.IsType<NotImplementedException>(Assert.Single(_faults));
    }

    [Fact]
    public async Task A_stream_with_another_number_takes_no_run()
    {
        var pump = await BegunAsync(MessageMuxer.StreamId + 1);
        Assert.False(pump.TryTake(_run));
        Assert.Empty(_faults);
    }

    public void Dispose() => _run.Release();

    private async Task<ImagePump> BegunAsync(uint streamId)
    {
        var muxer = new MessageMuxer(_pool, RtmpOptions.Default.ChunkSize);
        var writer = new ConnectionWriter(_output, TimeProvider.System, new RtmpStatistics(), queueLimit: 1000);
        var pump = new ImagePump(writer, new MessageComposer(muxer, publishing: false), streamId, RtmpOptions.Default.BatchBytes, _faults.Add);
        Assert.True(await pump.WriteAsync(_pool.Video(0, keyframe: true), TestContext.Current.CancellationToken));
        _output.Flushed = pump.BytesWritten;
        return pump;
    }

    private sealed class BrokenOutput : IConnectionOutput
    {
        public bool IsBroken { get; set; }

        public long Flushed { get; set; }

        public long Parts => 0;

        public int TrySend(ReadOnlySpan<byte> bytes) => IsBroken ? throw new NotImplementedException() : bytes.Length;

        public void Approach()
        {
        }

        public void Add(ArraySegment<byte> bytes)
        {
        }

        public ValueTask<bool> FlushAsync() => new(true);

        public ValueTask CompleteAsync() => default;
    }
}
