using Transcoder.Media;
using Transcoder.Media.Ports;

namespace Transcoder.Pipeline.Encoding;

/// <summary>One open encoder and why it is on this device. Its owner disposes it.</summary>
internal sealed class EncoderSession<T>(IDevice device, T encoder, Reason reason) : IDisposable
    where T : class, IDisposable
{
    public IDevice Device => device;

    public T Encoder => encoder;

    public Reason Reason => reason;

    public void Dispose() => encoder.Dispose();
}
