using System.Buffers;
using Transcoder.Media;
using Transcoder.Rtmp.Handshakes;
using Xunit;

namespace Transcoder.UnitTests.Rtmp.Handshakes;

public sealed class HandshakeTests
{
    [Fact]
    public void The_simple_form_is_answered_in_one_piece_with_an_echo()
    {
        var c1 = C1();
        var handshake = new Handshake();
        var output = new ArrayBufferWriter<byte>();
        var input = new ReadOnlySequence<byte>([3, .. c1]);
        Assert.Equal(HandshakeResult.Answer, handshake.Read(ref input, output));
        Assert.False(handshake.Digest);
        var answer = output.WrittenSpan;
        Assert.Equal(1 + 1536 + 1536, answer.Length);
        Assert.Equal(3, answer[0]);
        Assert.Equal(c1, answer[(1 + 1536)..].ToArray());

        // Any C2 will do.
        input = new ReadOnlySequence<byte>(new byte[1536 + 3]);
        Assert.Equal(HandshakeResult.Done, handshake.Read(ref input, output));
        Assert.Equal(3, input.Length);
    }

    [Theory]
    [InlineData(8)]
    [InlineData(772)]
    public void Both_places_of_the_digest_are_found_and_answered_in_kind(int offsetField)
    {
        var c1 = C1();
        c1[4] = 9;
        HandshakeDigest.SignPlayer(c1, offsetField);
        var handshake = new Handshake();
        var output = new ArrayBufferWriter<byte>();
        var input = new ReadOnlySequence<byte>([3, .. c1]);
        Assert.Equal(HandshakeResult.Answer, handshake.Read(ref input, output));
        Assert.True(handshake.Digest);
        Assert.NotEqual(c1, output.WrittenSpan[(1 + 1536)..].ToArray());
        Assert.NotEqual(0, output.WrittenSpan[5]);
    }

    [Fact]
    public void A_wrong_digest_falls_back_to_the_simple_form()
    {
        var c1 = C1();
        c1[4] = 9;
        var output = new ArrayBufferWriter<byte>();
        var handshake = new Handshake();
        var input = new ReadOnlySequence<byte>([3, .. c1]);
        Assert.Equal(HandshakeResult.Answer, handshake.Read(ref input, output));
        Assert.False(handshake.Digest);
        Assert.Equal(c1, output.WrittenSpan[(1 + 1536)..].ToArray());
    }

    [Fact]
    public void One_byte_at_a_time_is_as_good()
    {
        var handshake = new Handshake();
        var output = new ArrayBufferWriter<byte>();
        byte[] all = [3, .. C1(), .. new byte[1536]];
        byte[] left = [];
        var results = new List<HandshakeResult>();
        foreach (var one in all)
        {
            var input = new ReadOnlySequence<byte>([.. left, one]);
            results.Add(handshake.Read(ref input, output));
            left = input.ToArray();
        }

        Assert.Equal([HandshakeResult.Answer, HandshakeResult.Done], results.Where(static result => result != HandshakeResult.NeedMore));
        Assert.Empty(left);
    }

    [Theory]
    [InlineData(0x16, Reasons.TlsOnPlainPort)]
    [InlineData('G', Reasons.HttpOnRtmpPort)]
    [InlineData('P', Reasons.HttpOnRtmpPort)]
    [InlineData(6, Reasons.NotRtmp)]
    [InlineData(0, Reasons.NotRtmp)]
    [InlineData(0xFF, Reasons.NotRtmp)]
    public void Other_protocols_are_named_at_their_first_byte(int first, string code)
    {
        var handshake = new Handshake();
        var input = new ReadOnlySequence<byte>([(byte)first]);
        Assert.Equal(HandshakeResult.NotRtmp, handshake.Read(ref input, new ArrayBufferWriter<byte>()));
        Assert.Equal(code, handshake.Refusal.Code);
    }

    [Fact]
    public void Our_client_and_our_server_agree()
    {
        var up = new ArrayBufferWriter<byte>();
        var down = new ArrayBufferWriter<byte>();
        ClientHandshake.Begin(up);
        var handshake = new Handshake();
        var input = new ReadOnlySequence<byte>(up.WrittenMemory);
        Assert.Equal(HandshakeResult.Answer, handshake.Read(ref input, down));
        var answered = up.WrittenCount;
        Assert.True(ClientHandshake.Finish(new ReadOnlySequence<byte>(down.WrittenMemory), up));
        input = new ReadOnlySequence<byte>(up.WrittenMemory[answered..]);
        Assert.Equal(HandshakeResult.Done, handshake.Read(ref input, down));
    }

    private static byte[] C1()
    {
        var c1 = new byte[1536];
        new Random(7).NextBytes(c1);
        c1.AsSpan(0, 8).Clear();
        return c1;
    }
}
