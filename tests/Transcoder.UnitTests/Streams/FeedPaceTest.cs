using Microsoft.Extensions.Time.Testing;
using Transcoder.Media;
using Transcoder.Media.Packets;
using Transcoder.Media.Ports;
using Transcoder.Media.Time;
using Transcoder.Streams.Feeds;
using Transcoder.Testing;
using Xunit;

namespace Transcoder.UnitTests.Streams;

/// <summary>A feed with a clock turned by hand, and players that keep what they are given.</summary>
public abstract class FeedPaceTest : IDisposable
{
    protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    protected TrackingBufferPool Pool { get; } = new();

    protected FakeTimeProvider Clock { get; } = new();

    protected StreamFeed Feed { get; set; } = null!;

    public void Dispose()
    {
        Feed?.Complete(new Reason(Reasons.SourceEnded, ""));
        Pool.Dispose();
    }

    /// <summary>Two pictures 40 ms apart have been read; the clock stands at the second, and the player waits.</summary>
    protected Player Begin(FeedPace pace, CancellationToken cancellationToken = default)
    {
        Feed = new StreamFeed(new FeedLimits { Pace = pace }, Clock);
        var player = new Player(Feed.Subscribe());
        Feed.Publish(Pool.Video(0, keyframe: true));
        Pass(40);
        Feed.Publish(Pool.Video(40));
        Drain(player.Reader);
        Pass(pace.Always ? 300 : 0);
        player.WaitOn(cancellationToken);
        return player;
    }

    /// <returns>The time of the next one.</returns>
    protected int PicturesEvery40Milliseconds(int from, int count)
    {
        for (var i = 0; i < count; i++)
        {
            Feed.Publish(Pool.Video(from + (i * 40)));
            Pass(40);
        }

        return from + (count * 40);
    }

    protected void Pass(int milliseconds) => Clock.Advance(TimeSpan.FromMilliseconds(milliseconds));

    protected static int Drain(FeedReader reader)
    {
        var packets = 0;
        for (; reader.TryRead(out var packet); packets++)
        {
            packet.Release();
        }

        return packets;
    }

    protected static bool Eventually(Func<bool> condition) => SpinWait.SpinUntil(condition, Patience);

    /// <summary>A subscriber that takes what it is given, and keeps it.</summary>
    protected sealed class Player : IRunReceiver, IDisposable
    {
        public Player(FeedReader reader)
        {
            Reader = reader;
            reader.DeliverTo(this);
        }

        public FeedReader Reader { get; }

        public Task<bool> Wait { get; private set; } = Task.FromResult(true);

        public List<PacketRun> Runs { get; } = [];

        public IEnumerable<long[]> Times => Runs.Select(run => run.Packets.Select(packet => packet.Dts.Milliseconds).ToArray());

        /// <summary>All times, however they came.</summary>
        public List<long> All { get; } = [];

        public bool Takes { get; set; } = true;

        /// <summary>Runs that it has been told of, taken or not.</summary>
        public int Approached { get; private set; }

        /// <summary>What happens meanwhile.</summary>
        public Action? Taking { get; set; }

        public void Approach() => Approached++;

        public bool TryTake(PacketRun run)
        {
            Taking?.Invoke();
            if (!Takes)
            {
                return false;
            }

            run.AddReference();
            Runs.Add(run);
            All.AddRange(run.Packets.Select(packet => packet.Dts.Milliseconds));
            return true;
        }

        public void WaitOn(CancellationToken cancellationToken = default) => Wait = Reader.WaitToReadAsync(cancellationToken).AsTask();

        /// <param name="refuses">One of so many runs is not taken; 0: none.</param>
        public async Task ReadAllAsync(int refuses, CancellationToken cancellationToken)
        {
            var asked = 0;
            Taking = () => Takes = refuses == 0 || ++asked % refuses != 0;
            while (await Reader.WaitToReadAsync(cancellationToken))
            {
                while (Reader.TryRead(out var packet))
                {
                    All.Add(packet.Dts.Milliseconds);
                    packet.Release();
                }
            }
        }

        public void Forget()
        {
            Runs.ForEach(run => run.Release());
            Runs.Clear();
        }

        public void Dispose()
        {
            Forget();
            Reader.Dispose();
        }
    }
}
