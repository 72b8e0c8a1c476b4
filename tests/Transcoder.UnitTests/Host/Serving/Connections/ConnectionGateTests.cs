using System.Net;
using Microsoft.Extensions.Time.Testing;
using Transcoder.Host.Serving.Connections;
using Transcoder.Media;
using Transcoder.Testing.Rtmp;
using Xunit;

namespace Transcoder.UnitTests.Host.Serving.Connections;

public sealed class ConnectionGateTests
{
    private static readonly IPAddress Peer = IPAddress.Parse("198.51.100.7");

    private readonly FakeTimeProvider _clock = new();
    private readonly CollectingLogger<RefusalLedger> _lines = new();
    private readonly RefusalLedger _ledger;
    private long _memory;

    public ConnectionGateTests() => _ledger = new RefusalLedger(_clock, _lines);

    private static GateLimits Wide => new(1000, 1 << 30, 1000, 1000, 1000, 1000, 0, []);

    [Fact]
    public void The_whole_server_has_a_limit_and_a_place_that_was_given_back_is_free()
    {
        var gate = Open(Wide with { MaxConnections = 2, Trusted = [IPNetwork.Parse("0.0.0.0/0")] });
        var first = gate.TryEnter(Peer)!;
        Assert.NotNull(gate.TryEnter(Peer));
        Refused(gate, Reasons.TooManyConnections);
        first.Dispose();
        first.Dispose();
        Assert.Equal(1, gate.Open);
        Assert.NotNull(gate.TryEnter(Peer));
        Refused(gate, Reasons.TooManyConnections);
    }

    [Fact]
    public void An_address_has_a_limit_that_touches_no_other_and_no_trusted_one()
    {
        var gate = Open(Wide with { Connections = 2, Trusted = [IPNetwork.Parse("10.0.0.0/8"), IPNetwork.Parse("2001:db8:1::/48")] });
        var lease = gate.TryEnter(Peer)!;
        Assert.NotNull(gate.TryEnter(IPAddress.Parse("::ffff:198.51.100.7")));
        Refused(gate, Reasons.AddressConnections);
        Assert.NotNull(gate.TryEnter(IPAddress.Parse("198.51.100.8")));
        for (var i = 0; i < 10; i++)
        {
            Assert.NotNull(gate.TryEnter(IPAddress.Parse("10.1.2.3")));
            Assert.NotNull(gate.TryEnter(IPAddress.Parse("::ffff:10.1.2.3")));
            Assert.NotNull(gate.TryEnter(IPAddress.Parse("2001:db8:1::5")));
        }

        lease.Dispose();
        Assert.NotNull(gate.TryEnter(Peer));
    }

    [Fact]
    public void An_IPv6_customer_is_one_address_with_all_of_its_64_bits()
    {
        var gate = Open(Wide with { Connections = 1 });
        Assert.NotNull(gate.TryEnter(IPAddress.Parse("2001:db8:0:1::1")));
        Refused(gate, Reasons.AddressConnections, "2001:db8:0:1:ffff::2");
        Assert.NotNull(gate.TryEnter(IPAddress.Parse("2001:db8:0:2::1")));
    }

    [Fact]
    public void Connections_a_second_are_limited_with_a_burst_after_a_pause()
    {
        var gate = Open(Wide with { ConnectRate = 10, ConnectBurst = 20 });
        Assert.Equal(20, Count(gate, 50));
        _clock.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(5, Count(gate, 50));
        _clock.Advance(TimeSpan.FromSeconds(60));
        Assert.Equal(20, Count(gate, 50));
        Assert.Equal(Reasons.AddressRate, Assert.Single(_ledger.Refusals).Key);
    }

    [Fact]
    public void Unfinished_handshakes_are_limited_and_finished_ones_are_not()
    {
        var gate = Open(Wide with { HalfOpen = 2 });
        var first = gate.TryEnter(Peer)!;
        var second = gate.TryEnter(Peer)!;
        Refused(gate, Reasons.AddressHalfOpen);
        first.HandshakeDone();
        first.HandshakeDone();
        Assert.NotNull(gate.TryEnter(Peer));
        Refused(gate, Reasons.AddressHalfOpen);
        second.Dispose();
        Assert.NotNull(gate.TryEnter(Peer));
    }

    [Fact]
    public void Nobody_comes_in_while_memory_is_short()
    {
        var gate = Open(Wide with { MaxMemory = 100 });
        Assert.NotNull(gate.TryEnter(Peer));
        _memory = 101;
        gate.Tick();
        Refused(gate, Reasons.MemoryLimit);
        _memory = 100;
        gate.Tick();
        Assert.NotNull(gate.TryEnter(Peer));
    }

    [Fact]
    public void Bytes_of_all_of_an_addresss_connections_count_together_and_are_slowed_to_the_rate()
    {
        var gate = Open(Wide with { BytesPerSecond = 1000 });
        var (one, two) = (gate.TryEnter(Peer)!, gate.TryEnter(Peer)!);
        Assert.Equal(TimeSpan.Zero, one.Received(1000));
        Assert.Equal(TimeSpan.FromSeconds(0.5), two.Received(500));
        Assert.Equal(TimeSpan.Zero, gate.TryEnter(IPAddress.Parse("198.51.100.8"))!.Received(1000));
        _clock.Advance(TimeSpan.FromSeconds(0.5));
        Assert.Equal(TimeSpan.FromSeconds(0.25), one.Received(250));
        Assert.Equal((Reasons.AddressBandwidth, 2L), (_ledger.Pauses.Single().Key, _ledger.Pauses.Single().Value));
        Assert.Single(_lines.Lines);
    }

    [Fact]
    public void An_address_is_forgotten_when_it_has_nothing_open_and_owes_nothing()
    {
        var gate = Open(Wide with { ConnectRate = 10, ConnectBurst = 10 });
        for (var i = 0; i < 200; i++)
        {
            gate.TryEnter(new IPAddress(0x0A000000 + i))!.Dispose();
        }

        var staying = gate.TryEnter(Peer)!;
        gate.Tick();
        Assert.Equal(201, gate.Addresses);
        _clock.Advance(TimeSpan.FromSeconds(1));
        gate.Tick();
        Assert.Equal(1, gate.Addresses);
        staying.Dispose();
        gate.Tick();
        Assert.Equal(0, gate.Addresses);
        Assert.NotNull(gate.TryEnter(Peer));
    }

    [Fact]
    public void A_flood_of_refusals_is_a_line_at_once_and_one_more_every_ten_seconds_with_the_count()
    {
        var gate = Open(Wide with { Connections = 1 });
        Assert.NotNull(gate.TryEnter(Peer));
        for (var i = 0; i < 500; i++)
        {
            Assert.Null(gate.TryEnter(Peer));
        }

        _ledger.Tick();
        Assert.Contains("198.51.100.7", Assert.Single(_lines.Lines), StringComparison.Ordinal);
        _clock.Advance(TimeSpan.FromSeconds(11));
        _ledger.Tick();
        _ledger.Tick();
        Assert.Equal(2, _lines.Lines.Count);
        Assert.Contains("refused 499 connections", _lines.Lines.Last(), StringComparison.Ordinal);
        Assert.Equal(500, _ledger.Refusals.Single().Value);
    }

    private ConnectionGate Open(GateLimits limits) => new(limits, _ledger, _clock, () => _memory);

    private int Count(ConnectionGate gate, int attempts)
    {
        var admitted = 0;
        for (var i = 0; i < attempts; i++)
        {
            if (gate.TryEnter(Peer) is { } lease)
            {
                admitted++;
                lease.Dispose();
            }
        }

        return admitted;
    }

    private void Refused(ConnectionGate gate, string code, string address = "198.51.100.7")
    {
        var before = _ledger.Refusals.Where(r => r.Key == code).Sum(r => r.Value);
        Assert.Null(gate.TryEnter(IPAddress.Parse(address)));
        Assert.Equal(before + 1, _ledger.Refusals.Single(r => r.Key == code).Value);
    }
}
