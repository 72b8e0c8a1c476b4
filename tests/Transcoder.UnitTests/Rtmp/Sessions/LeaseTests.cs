using Transcoder.Rtmp;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Sessions;

public sealed class LeaseTests : SessionTest
{
    [Fact]
    public async Task A_client_that_sends_too_much_is_left_unread_until_it_has_paid_and_is_told_nothing()
    {
        var lease = new FakeLease();
        var connection = new MemoryConnection();
        connection.Features.Set<IConnectionLease>(lease);
        Another(connection);
        using var client = new ScriptedClient(connection.Client);
        await client.ConnectAsync();
        Assert.True(lease.IsShaken);
        lease.Pause = TimeSpan.FromSeconds(3);
        var before = lease.Bytes;
        await client.CommandAsync(0, "createStream", Transcoder.Rtmp.Amf.AmfValue.Null);
        await EventuallyAsync(() => lease.Bytes > before);
        await client.ExpectAsync("_result");

        // The next is not read before its time.
        before = lease.Bytes;
        await client.CommandAsync(0, "createStream", Transcoder.Rtmp.Amf.AmfValue.Null);
        lease.Pause = TimeSpan.Zero;
        for (var i = 0; i < 14; i++)
        {
            Clock.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Delay(5);
        }

        Assert.Equal(before, lease.Bytes);
        await EventuallyAsync(() =>
        {
            Clock.Advance(TimeSpan.FromMilliseconds(200));
            return lease.Bytes > before;
        });
        await client.ExpectAsync("_result");
    }

    private sealed class FakeLease : IConnectionLease
    {
        private long _bytes;

        public bool IsShaken { get; private set; }

        public long Bytes => Interlocked.Read(ref _bytes);

        public TimeSpan Pause { get; set; }

        public void HandshakeDone() => IsShaken = true;

        public TimeSpan Received(long bytes)
        {
            Interlocked.Add(ref _bytes, bytes);
            return Pause;
        }
    }
}
