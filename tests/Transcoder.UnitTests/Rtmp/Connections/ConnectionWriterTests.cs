using Microsoft.Extensions.Time.Testing;
using Transcoder.Rtmp;
using Transcoder.Rtmp.Connections;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Connections;

public sealed class ConnectionWriterTests
{
    private readonly FakeTimeProvider _clock = new();
    private readonly SlowOutput _output = new();

    [Fact]
    public void A_flush_counts_as_stalled_from_the_last_part_that_left()
    {
        var writer = new ConnectionWriter(_output, _clock, new RtmpStatistics(), queueLimit: 1000);
        Assert.Equal(TimeSpan.Zero, writer.Stalled);
        Assert.True(writer.Send([1, 2, 3]));
        _clock.Advance(TimeSpan.FromSeconds(14));
        Assert.Equal(TimeSpan.FromSeconds(14), writer.Stalled);
        _output.Parts++;
        Assert.Equal(TimeSpan.Zero, writer.Stalled);
        _clock.Advance(TimeSpan.FromSeconds(3));
        Assert.Equal(TimeSpan.FromSeconds(3), writer.Stalled);
        _output.Finish();
        Assert.True(SpinWait.SpinUntil(() => writer.Stalled == TimeSpan.Zero, TimeSpan.FromSeconds(20)));
    }

    [Fact]
    public void A_fault_in_an_answer_gives_the_turn_back_and_nothing_more_is_sent()
    {
        var writer = new ConnectionWriter(_output, _clock, new RtmpStatistics(), queueLimit: 1000);
        _output.Fault = new NotImplementedException();
        Assert.Throws<NotImplementedException>(() => writer.Send([1]));
        Assert.True(writer.CloseAsync(TimeSpan.FromMinutes(5)).IsCompletedSuccessfully);
    }

    private sealed class SlowOutput : IConnectionOutput
    {
        private readonly TaskCompletionSource<bool> _flush = new();

        public long Parts { get; set; }

        public Exception? Fault { get; set; }

        public int TrySend(ReadOnlySpan<byte> bytes) => Fault is null ? 0 : throw Fault;

        public void Approach()
        {
        }

        public void Add(ArraySegment<byte> bytes)
        {
        }

        public void Finish() => _flush.SetResult(true);

        public ValueTask<bool> FlushAsync() => new(_flush.Task);

        public ValueTask CompleteAsync() => default;
    }
}
