using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Transcoder.Host.Serving.Connections;

/// <summary>What limits count as one address: an IPv4 address, or the /64 of an IPv6 one, which is what a single customer gets at least (RFC 6177).</summary>
internal readonly record struct AddressBlock(ulong High, ulong Low)
{
    // ::ffff:0:0/96; an IPv6 block has no low half, so the two can't meet.
    private const ulong MappedPrefix = 0xFFFF_0000_0000;

    public static AddressBlock Of(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        var plain = Plain(address);
        plain.TryWriteBytes(bytes, out _);
        return plain.AddressFamily == AddressFamily.InterNetwork
            ? new AddressBlock(0, MappedPrefix | BinaryPrimitives.ReadUInt32BigEndian(bytes))
            : new AddressBlock(BinaryPrimitives.ReadUInt64BigEndian(bytes), 0);
    }

    /// <summary>The IPv4 address where it came in IPv6's clothes, as on a socket that takes both.</summary>
    public static IPAddress Plain(IPAddress address) => address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;

    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[16];
        if (Low != 0)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes, (uint)Low);
            return new IPAddress(bytes[..4]).ToString();
        }

        BinaryPrimitives.WriteUInt64BigEndian(bytes, High);
        return new IPAddress(bytes) + "/64";
    }
}
