using Transcoder.Media.Workers;

namespace Transcoder.Pipeline.Links;

/// <summary>The reading half of the link, for one thread. Small messages cost one read for many of them.</summary>
internal sealed class LinkReader(Stream stream)
{
    private readonly byte[] _buffer = new byte[64 << 10];
    private int _start;
    private int _end;

    /// <returns>False at the end of the link between two messages.</returns>
    /// <exception cref="EndOfStreamException">The link ended inside a message.</exception>
    /// <exception cref="InvalidDataException">The link is out of step.</exception>
    public bool ReadHeader(out WorkerMessageHeader header)
    {
        header = default;
        while (_end - _start < WorkerMessageHeader.Size)
        {
            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                _end -= _start;
                _start = 0;
            }

            var read = stream.Read(_buffer, _end, _buffer.Length - _end);
            if (read == 0)
            {
                return _end == 0 ? false : throw new EndOfStreamException("the link ended inside a message");
            }

            _end += read;
        }

        header = WorkerMessageHeader.Read(_buffer.AsSpan(_start));
        _start += WorkerMessageHeader.Size;
        return true;
    }

    public void ReadPayload(Span<byte> target)
    {
        var buffered = Math.Min(target.Length, _end - _start);
        _buffer.AsSpan(_start, buffered).CopyTo(target);
        _start += buffered;
        stream.ReadExactly(target[buffered..]);
    }
}
