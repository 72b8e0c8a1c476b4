namespace Transcoder.Testing.Links;

/// <summary>Two ends of a connection in memory. Reads block; disposing one end ends the reads of both.</summary>
public sealed class DuplexStream : Stream
{
    private readonly Lane _in;
    private readonly Lane _out;

    private DuplexStream(Lane input, Lane output)
    {
        _in = input;
        _out = output;
    }

    public static (DuplexStream One, DuplexStream Other) Pair()
    {
        var (there, back) = (new Lane(), new Lane());
        return (new DuplexStream(there, back), new DuplexStream(back, there));
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Bytes written here that the other end has not read.</summary>
    public int Unread => _out.Count;

    public override int Read(byte[] buffer, int offset, int count) => _in.Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer) => _in.Read(buffer);

    public override void Write(byte[] buffer, int offset, int count) => _out.Write(buffer.AsSpan(offset, count));

    public override void Write(ReadOnlySpan<byte> buffer) => _out.Write(buffer);

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        _in.Close();
        _out.Close();
        base.Dispose(disposing);
    }

    private sealed class Lane
    {
        private readonly object _gate = new();
        private readonly Queue<ReadOnlyMemory<byte>> _blocks = new();
        private ReadOnlyMemory<byte> _first;
        private int _count;
        private bool _closed;

        public int Count
        {
            get
            {
                lock (_gate)
                {
                    return _count;
                }
            }
        }

        public int Read(Span<byte> target)
        {
            if (target.IsEmpty)
            {
                return 0;
            }

            lock (_gate)
            {
                while (_first.IsEmpty && !_blocks.TryDequeue(out _first))
                {
                    if (_closed)
                    {
                        return 0;
                    }

                    Monitor.Wait(_gate);
                }

                var count = Math.Min(target.Length, _first.Length);
                _first.Span[..count].CopyTo(target);
                _first = _first[count..];
                _count -= count;
                return count;
            }
        }

        public void Write(ReadOnlySpan<byte> source)
        {
            if (source.IsEmpty)
            {
                return;
            }

            lock (_gate)
            {
                if (_closed)
                {
                    throw new IOException("the other end is closed");
                }

                _blocks.Enqueue(source.ToArray());
                _count += source.Length;
                Monitor.PulseAll(_gate);
            }
        }

        public void Close()
        {
            lock (_gate)
            {
                _closed = true;
                Monitor.PulseAll(_gate);
            }
        }
    }
}
