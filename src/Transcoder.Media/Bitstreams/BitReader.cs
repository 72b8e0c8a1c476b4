namespace Transcoder.Media.Bitstreams;

/// <summary>
/// Reads bits, most significant first, and Exp-Golomb codes (ITU-T H.264 §9.1). Past the end it reads zeros and says so in
/// <see cref="IsExhausted"/>, so that a parser checks once and not at every field.
/// </summary>
public ref struct BitReader
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly bool _escaped;
    private int _position;
    private int _zeros;
    private uint _current;
    private int _bitsLeft;

    /// <param name="removeEmulationPrevention">True for NAL units: 00 00 03 stands for 00 00 (H.264 and HEVC §7.3.1).</param>
    public BitReader(ReadOnlySpan<byte> bytes, bool removeEmulationPrevention = false)
    {
        _bytes = bytes;
        _escaped = removeEmulationPrevention;
    }

    /// <summary>More was read than there was.</summary>
    public bool IsExhausted { get; private set; }

    /// <param name="count">0 to 32.</param>
    public uint ReadBits(int count)
    {
        uint value = 0;
        while (count > 0)
        {
            if (_bitsLeft == 0 && !Fill())
            {
                return 0;
            }

            var take = Math.Min(count, _bitsLeft);
            _bitsLeft -= take;
            value = (value << take) | ((_current >> _bitsLeft) & ((1u << take) - 1));
            count -= take;
        }

        return value;
    }

    public bool ReadFlag() => ReadBits(1) != 0;

    /// <param name="count">Any number of bits; what goes past the end exhausts the reader.</param>
    public void Skip(int count)
    {
        while (count > 0 && !IsExhausted)
        {
            ReadBits(Math.Min(count, 32));
            count -= 32;
        }
    }

    /// <summary>ue(v). A code of more than 32 zeros is damage and exhausts the reader.</summary>
    public uint ReadUnsignedGolomb()
    {
        var zeros = 0;
        while (!ReadFlag())
        {
            if (IsExhausted || ++zeros > 32)
            {
                IsExhausted = true;
                return 0;
            }
        }

        return zeros == 0 ? 0 : (uint)((1ul << zeros) - 1 + ReadBits(zeros));
    }

    /// <summary>se(v).</summary>
    public int ReadSignedGolomb()
    {
        var code = ReadUnsignedGolomb();
        return (code & 1) != 0 ? (int)((code >> 1) + 1) : -(int)(code >> 1);
    }

    /// <summary>uvlc() of AV1 §4.10.3, which unlike ue(v) gives the largest value for 32 zeros and more.</summary>
    public uint ReadUvlc()
    {
        var zeros = 0;
        while (!ReadFlag())
        {
            if (IsExhausted)
            {
                return 0;
            }

            zeros++;
        }

        return zeros >= 32 ? uint.MaxValue : ReadBits(zeros) + (uint)((1ul << zeros) - 1);
    }

    private bool Fill()
    {
        if (_escaped && _zeros >= 2 && _position < _bytes.Length && _bytes[_position] == 3)
        {
            _position++;
            _zeros = 0;
        }

        if (_position >= _bytes.Length)
        {
            IsExhausted = true;
            return false;
        }

        _current = _bytes[_position++];
        _zeros = _current == 0 ? _zeros + 1 : 0;
        _bitsLeft = 8;
        return true;
    }
}
