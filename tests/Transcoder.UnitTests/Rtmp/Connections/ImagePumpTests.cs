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
    private readonly MessageMuxer _muxer;
    private readonly MessageComposer _composer;
    private readonly ConnectionWriter _writer;

    public ImagePumpTests()
    {
        _muxer = new MessageMuxer(_pool, RtmpOptions.Default.ChunkSize);
        _composer = new MessageComposer(_muxer, publishing: false);
        _writer = new ConnectionWriter(_output, TimeProvider.System, new RtmpStatistics(), queueLimit: 1000);
        var packet = _pool.Video(40);
        _run.Add(packet);
        packet.Release();
    }

    [Fact]
    public async Task A_fault_in_taking_a_run_is_told_and_is_not_the_publishers()
    {
        var pump = await BegunAsync(MessageMuxer.StreamId);
        Assert.True(pump.TryTake(_run));
        _output.IsBroken = true;
        Assert.False(pump.TryTake(_run));
        Assert.IsType<NotImplementedException>(Assert.Single(_faults));

        // Nor does the connection wait for a turn that nobody has any more.
        var closing = _writer.CloseAsync(TimeSpan.FromMinutes(5));
        Assert.True(closing.IsCompletedSuccessfully);
        Assert.True(_output.IsComplete);
    }

    [Fact]
    public async Task A_run_is_taken_as_long_as_the_player_wants_it_as_it_is()
    {
        var pump = await BegunAsync(MessageMuxer.StreamId);
        var before = pump.BytesWritten;
        Assert.True(pump.TryTake(_run));
        Assert.True(pump.TryTake(_run));
        Assert.Equal(before + (2 * _muxer.ImageOf(_run)!.Length), pump.BytesWritten);
        _composer.Pause(true);
        Assert.False(pump.TryTake(_run));
        _composer.Pause(false);
        Assert.True(pump.TryTake(_run));
        _composer.ReceiveVideo(false);
        Assert.False(pump.TryTake(_run));
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
        var pump = new ImagePump(_writer, _composer, streamId, RtmpOptions.Default.BatchBytes, _faults.Add);
        Assert.True(await pump.WriteAsync(_pool.Video(0, keyframe: true), TestContext.Current.CancellationToken));
        return pump;
    }

    private sealed class BrokenOutput : IConnectionOutput
    {
        public bool IsBroken { get; set; }

        public bool IsComplete { get; private set; }

        public long Parts => 0;

        public int TrySend(ReadOnlySpan<byte> bytes) => IsBroken ? throw new NotImplementedException() : bytes.Length;

        public void Approach()
        {
        }

        public void Add(ArraySegment<byte> bytes)
        {
        }

        public ValueTask<bool> FlushAsync() => new(true);

        public ValueTask CompleteAsync()
        {
            IsComplete = true;
            return default;
        }
    }
}
