namespace Transcoder.Testing.Rtmp;

/// <summary>A server's end that says its bytes, whatever it hears, and closes.</summary>
/// <param name="step">The most that one read gives.</param>
public sealed class AnsweringStream(byte[] bytes, int step = int.MaxValue) : MemoryStream(bytes, writable: false)
{
    public override bool CanWrite => true;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        base.ReadAsync(buffer[..Math.Min(buffer.Length, step)], cancellationToken);

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.CompletedTask;

    public override void Write(ReadOnlySpan<byte> buffer)
    {
    }

    public override void Write(byte[] buffer, int offset, int count)
    {
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
