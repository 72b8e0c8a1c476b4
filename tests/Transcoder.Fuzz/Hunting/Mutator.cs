using System.Globalization;
using System.Text.RegularExpressions;

namespace Transcoder.Fuzz.Hunting;

/// <summary>Changes an input in place, a few steps at a time: blindly, with words of a dictionary, with pieces of other inputs, and with what the target's format has.</summary>
internal sealed partial class Mutator(byte[][] words, IShape? shape, Random random)
{
    public const int Longest = 16 << 10;

    private static readonly int[] Edges =
        [0, 1, -1, 2, 3, 4, 8, 9, 10, 11, 16, 32, 63, 64, 65, 100, 127, 128, 129, 255, 256, 511, 512, 1000, 1024, 4096, 32767, -32768, 65535, 65536, 65599, 65600,
         0xFFFFFE, 0xFFFFFF, 0x1000000, int.MaxValue, int.MinValue, -129, -2];

    private readonly byte[] _bytes = new byte[Longest];
    private int _length;

    public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _length);

    /// <summary>The lines of an AFL dictionary: <c>name="text with \xNN"</c>.</summary>
    public static byte[][] Words(string file) =>
        [.. File.ReadLines(file).Where(static line => line.Length > 0 && line[0] != '#').Select(static line => Word(line[(line.IndexOf('"', StringComparison.Ordinal) + 1)..^1]))];

    public void Change(ReadOnlySpan<byte> input, ReadOnlySpan<byte> other)
    {
        input[..Math.Min(input.Length, Longest)].CopyTo(_bytes);
        _length = Math.Min(input.Length, Longest);
        for (var steps = 1 << random.Next(6); steps > 0; steps--)
        {
            Step(other);
        }
    }

    private static byte[] Word(string text) =>
        [.. Escape().Matches(text).Select(static part => part.Length == 1 ? (byte)part.ValueSpan[0] : byte.Parse(part.ValueSpan[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture))];

    [GeneratedRegex(@"\\x[0-9A-Fa-f]{2}|.")]
    private static partial Regex Escape();

    private void Step(ReadOnlySpan<byte> other)
    {
        if (_length == 0)
        {
            Insert(0, words[random.Next(words.Length)]);
            return;
        }

        var at = random.Next(_length);
        switch (random.Next(shape is null ? 15 : 18))
        {
            case 0:
                _bytes[at] ^= (byte)(1 << random.Next(8));
                break;
            case 1:
                _bytes[at] = (byte)random.Next(256);
                break;
            case 2:
                _bytes[at] += (byte)random.Next(-35, 36);
                break;
            case 3:
                Put(at, random.Next(1, 5), Edges[random.Next(Edges.Length)]);
                break;
            case 4:
                Number(at, random.Next(2, 5), random.Next(-35, 36));
                break;
            case 5 or 6:
                Remove(at, Block(_length - at));
                break;
            case 7:
                var from = random.Next(_length);
                Insert(at, _bytes.AsSpan(from, Block(_length - from)).ToArray());
                break;
            case 8:
                var source = random.Next(_length);
                _bytes.AsSpan(source, Block(_length - Math.Max(source, at))).CopyTo(_bytes.AsSpan(at));
                break;
            case 9:
                Insert(at, [.. Enumerable.Repeat(random.Next(2) == 0 ? _bytes[at] : (byte)random.Next(256), Block(64))]);
                break;
            case 10:
                Place(at, words[random.Next(words.Length)]);
                break;
            case 11 when other.Length > 0:
                var start = random.Next(other.Length);
                Place(at, other.Slice(start, Block(other.Length - start)));
                break;
            case 12:
                Resize(at);
                break;
            case 13:
                ShiftBits(at);
                break;
            case 14:
                Repeat(at);
                break;
            case 15 or 16:
                Insert(shape!.Boundary(Bytes, random), shape.Make(other, random));
                break;
            case 17:
                var end = shape!.Boundary(Bytes, random);
                var begin = shape.Boundary(Bytes, random);
                Remove(Math.Min(begin, end), Math.Abs(end - begin));
                break;
        }
    }

    /// <summary>Short ones mostly.</summary>
    private int Block(int most) => most <= 1 ? most : random.Next(1, Math.Min(most, 2 << random.Next(2, 11)) + 1);

    private void Put(int at, int size, int value)
    {
        var bigEndian = random.Next(4) > 0;
        for (var index = 0; index < size && at + index < _length; index++)
        {
            _bytes[at + index] = (byte)(value >> (8 * (bigEndian ? size - 1 - index : index)));
        }
    }

    /// <summary>Adds to a big-endian number.</summary>
    private void Number(int at, int size, int difference)
    {
        if (at + size <= _length)
        {
            var value = Read(at, size) + difference;
            for (var index = size - 1; index >= 0; index--, value >>= 8)
            {
                _bytes[at + index] = (byte)value;
            }
        }
    }

    private long Read(int at, int size)
    {
        var value = 0L;
        for (var index = 0; index < size; index++)
        {
            value = (value << 8) | _bytes[at + index];
        }

        return value;
    }

    /// <summary>Where a number might be the length of what stands behind it, that is made longer or shorter and the number with it.</summary>
    private void Resize(int near)
    {
        for (var tries = 0; tries < 32; tries++)
        {
            var at = (near + tries) % _length;
            var size = random.Next(1, 5);
            if (at + size > _length || Read(at, size) is var value && (value == 0 || value > _length - at - size))
            {
                continue;
            }

            var change = Block(64);
            var inside = at + size + random.Next((int)Read(at, size));
            if (random.Next(2) == 0)
            {
                change = (int)Math.Min(change, at + size + Read(at, size) - inside);
                Remove(inside, change);
                Number(at, size, -change);
            }
            else if (_length + change <= Longest)
            {
                change = Math.Min(change, _length - inside);
                Insert(inside, _bytes.AsSpan(inside, change).ToArray());
                Number(at, size, change);
            }

            return;
        }
    }

    /// <summary>Many of the same, one behind the other: what opens something then nests deeply.</summary>
    private void Repeat(int at)
    {
        var piece = _bytes.AsSpan(at, Math.Min(_length - at, random.Next(1, 13))).ToArray();
        var times = Math.Min(1 << random.Next(1, 13), (Longest - _length) / piece.Length);
        Insert(at, [.. Enumerable.Repeat(piece, times).SelectMany(static piece => piece)]);
    }

    /// <summary>Takes a few bits out or puts some in, for syntax that knows no bytes.</summary>
    private void ShiftBits(int at)
    {
        var bits = random.Next(1, 8);
        if (random.Next(8) == 0)
        {
            // A prefix of many zeros says that a large number follows.
            Insert(at, new byte[random.Next(1, 6)]);
        }

        if (random.Next(2) == 0)
        {
            for (var index = at; index < _length; index++)
            {
                _bytes[index] = (byte)((_bytes[index] << bits) | (index + 1 < _length ? _bytes[index + 1] >> (8 - bits) : 0));
            }
        }
        else
        {
            for (var index = _length - 1; index > at; index--)
            {
                _bytes[index] = (byte)((_bytes[index] >> bits) | (_bytes[index - 1] << (8 - bits)));
            }

            _bytes[at] = (byte)((_bytes[at] >> bits) | (random.Next(2) == 0 ? 0 : 0xFF << (8 - bits)));
        }
    }

    private void Place(int at, ReadOnlySpan<byte> piece)
    {
        if (random.Next(2) == 0)
        {
            Insert(at, piece);
        }
        else
        {
            piece[..Math.Min(piece.Length, _length - at)].CopyTo(_bytes.AsSpan(at));
        }
    }

    private void Insert(int at, ReadOnlySpan<byte> piece)
    {
        piece = piece[..Math.Min(piece.Length, Longest - _length)];
        _bytes.AsSpan(at, _length - at).CopyTo(_bytes.AsSpan(at + piece.Length));
        piece.CopyTo(_bytes.AsSpan(at));
        _length += piece.Length;
    }

    private void Remove(int at, int length)
    {
        _bytes.AsSpan(at + length, _length - at - length).CopyTo(_bytes.AsSpan(at));
        _length -= length;
    }
}
