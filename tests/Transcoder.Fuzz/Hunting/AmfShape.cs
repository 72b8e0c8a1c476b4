using System.Text;

namespace Transcoder.Fuzz.Hunting;

/// <summary>Trees of values (AMF 0 and AMF 3), with references to earlier ones that may not be there.</summary>
internal sealed class AmfShape(bool isAmf3) : IShape
{
    private const int Deepest = 5;

    private static readonly string[] Names = ["", "app", "tcUrl", "code", "videoFourCcInfoMap", "fourCcList", "capsEx", "objectEncoding", "duration", "é", "*", "avc1"];

    public static byte[] Command(string name, Random random)
    {
        List<byte> output = [2];
        Length(output, name.Length, 2);
        output.AddRange(Encoding.ASCII.GetBytes(name));
        Amf0(output, random, Deepest);
        for (var arguments = random.Next(5); arguments > 0; arguments--)
        {
            Amf0(output, random, 0);
        }

        return [.. output];
    }

    public int Boundary(ReadOnlySpan<byte> bytes, Random random) => random.Next(2) == 0 ? bytes.Length : random.Next(bytes.Length + 1);

    public byte[] Make(ReadOnlySpan<byte> other, Random random)
    {
        List<byte> output = [];
        if (isAmf3)
        {
            Amf3(output, random, 0);
        }
        else
        {
            Amf0(output, random, 0);
        }

        return [.. output];
    }

    private static void Amf0(List<byte> output, Random random, int depth)
    {
        var marker = (byte)random.Next(depth < Deepest ? 19 : 3);
        output.Add(marker);
        switch (marker)
        {
            case 0:
                Bytes(output, random, 8);
                break;
            case 1:
                output.Add((byte)random.Next(3));
                break;
            case 2:
                Name(output, random);
                break;
            case 3 or 8 or 16:
                if (marker == 8)
                {
                    Length(output, random.Next(4), 4);
                }
                else if (marker == 16)
                {
                    Name(output, random);
                }

                for (var properties = random.Next(4); properties > 0; properties--)
                {
                    Name(output, random);
                    Amf0(output, random, depth + 1);
                }

                output.AddRange([0, 0, 9]);
                break;
            case 7:
                Length(output, random.Next(6), 2);
                break;
            case 10:
                var items = random.Next(5);
                Length(output, items, 4);
                for (; items > 0; items--)
                {
                    Amf0(output, random, depth + 1);
                }

                break;
            case 11:
                Bytes(output, random, 10);
                break;
            case 12 or 15:
                var length = random.Next(40);
                Length(output, length, 4);
                Bytes(output, random, length);
                break;
            case 17:
                Amf3(output, random, depth + 1);
                break;
        }
    }

    private static void Amf3(List<byte> output, Random random, int depth)
    {
        var marker = (byte)random.Next(depth < Deepest ? 18 : 7);
        output.Add(marker);
        switch (marker)
        {
            case 4:
                Variable(output, random.Next(3) == 0 ? random.Next(1 << 29) : random.Next(300));
                break;
            case 5:
                Bytes(output, random, 8);
                break;
            case 6:
                Text(output, random);
                break;
            case 7 or 11 or 12:
                Counted(output, random, random.Next(12), 1);
                break;
            case 8:
                if (Variable(output, random.Next(2) == 0 ? 1 : random.Next(8)))
                {
                    Bytes(output, random, 8);
                }

                break;
            case 9:
                var items = random.Next(4);
                if (Variable(output, random.Next(5) == 0 ? random.Next(4) << 1 : (items << 1) | 1))
                {
                    Properties(output, random, depth);
                    Amf3(output, random, depth, items);
                }

                break;
            case 10:
                Object(output, random, depth);
                break;
            case 13 or 14 or 15:
                var numbers = random.Next(4);
                Variable(output, (numbers << 1) | 1);
                output.Add((byte)random.Next(2));
                Bytes(output, random, numbers * (marker == 15 ? 8 : 4));
                break;
            case 16:
                var objects = random.Next(4);
                Variable(output, (objects << 1) | 1);
                output.Add((byte)random.Next(2));
                Text(output, random);
                Amf3(output, random, depth, objects);
                break;
            case 17:
                var entries = random.Next(3);
                Variable(output, (entries << 1) | 1);
                output.Add((byte)random.Next(2));
                Amf3(output, random, depth, 2 * entries);
                break;
        }
    }

    private static void Amf3(List<byte> output, Random random, int depth, int values)
    {
        for (; values > 0; values--)
        {
            Amf3(output, random, depth + 1);
        }
    }

    /// <summary>A reference to an object or to traits, or traits with sealed members, dynamic ones or a format of their own.</summary>
    private static void Object(List<byte> output, Random random, int depth)
    {
        var members = random.Next(4);
        switch (random.Next(6))
        {
            case 0:
                Variable(output, random.Next(6) << 1);
                break;
            case 1:
                Variable(output, (random.Next(4) << 2) | 1);
                Amf3(output, random, depth, members);
                break;
            case 2:
                Variable(output, 7);
                Text(output, random);
                Amf3(output, random, depth, 1);
                break;
            default:
                var isDynamic = random.Next(2);
                Variable(output, (members << 4) | (isDynamic << 3) | 3);
                Text(output, random);
                for (var member = members; member > 0; member--)
                {
                    Text(output, random);
                }

                Amf3(output, random, depth, members);
                if (isDynamic == 1)
                {
                    Properties(output, random, depth);
                }

                break;
        }
    }

    private static void Properties(List<byte> output, Random random, int depth)
    {
        for (var properties = random.Next(3); properties > 0; properties--)
        {
            Text(output, random);
            Amf3(output, random, depth + 1);
        }

        output.Add(1);
    }

    private static void Text(List<byte> output, Random random)
    {
        if (random.Next(4) == 0)
        {
            Variable(output, random.Next(6) << 1);
            return;
        }

        var text = Encoding.UTF8.GetBytes(Names[random.Next(Names.Length)]);
        Variable(output, (text.Length << 1) | 1);
        output.AddRange(text);
    }

    private static void Counted(List<byte> output, Random random, int length, int size)
    {
        if (random.Next(5) == 0)
        {
            Variable(output, random.Next(6) << 1);
            return;
        }

        Variable(output, (length << 1) | 1);
        Bytes(output, random, length * size);
    }

    private static void Name(List<byte> output, Random random)
    {
        var text = Encoding.UTF8.GetBytes(Names[random.Next(Names.Length)]);
        Length(output, text.Length, 2);
        output.AddRange(text);
    }

    private static void Bytes(List<byte> output, Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        output.AddRange(bytes);
    }

    private static void Length(List<byte> output, int value, int size)
    {
        for (var index = size - 1; index >= 0; index--)
        {
            output.Add((byte)(value >> (8 * index)));
        }
    }

    /// <returns>Whether it says that the value itself follows.</returns>
    private static bool Variable(List<byte> output, int value)
    {
        if (value >= 0x200000)
        {
            output.AddRange([(byte)(0x80 | (value >> 22)), (byte)(0x80 | (value >> 15)), (byte)(0x80 | (value >> 8)), (byte)value]);
        }
        else
        {
            if (value >= 0x4000)
            {
                output.Add((byte)(0x80 | (value >> 14)));
            }

            if (value >= 0x80)
            {
                output.Add((byte)(0x80 | (value >> 7)));
            }

            output.Add((byte)(value & 0x7F));
        }

        return (value & 1) == 1;
    }
}
