using System.Runtime.InteropServices;

namespace Transcoder.Codecs.Native;

/// <summary>
/// An owned object of the shim. No handle depends on another one: FFmpeg's own reference counts keep a frame's buffers and their pool alive
/// after the decoder or scaler that made them is closed.
/// </summary>
internal abstract class ShimHandle : SafeHandle
{
    private static int s_open;

    protected ShimHandle()
        : base(0, ownsHandle: true)
    {
    }

    /// <summary>Handles of every kind now open in the process; tests see leaks by it.</summary>
    public static int OpenCount => Volatile.Read(ref s_open);

    public override bool IsInvalid => handle == 0;

    /// <summary>Takes ownership of what a shim function opened.</summary>
    public void Adopt(nint opened)
    {
        SetHandle(opened);
        Interlocked.Increment(ref s_open);
    }

    protected abstract void Close(nint opened);

    protected sealed override bool ReleaseHandle()
    {
        Close(handle);
        Interlocked.Decrement(ref s_open);
        return true;
    }
}

internal sealed class FrameHandle : ShimHandle
{
    /// <summary>NULL to the shim.</summary>
    public static FrameHandle None { get; } = new();

    protected override void Close(nint opened) => Shim.FrameFree(opened);
}

internal sealed class DecoderHandle : ShimHandle
{
    protected override void Close(nint opened) => Shim.DecoderClose(opened);
}

internal sealed class DeviceHandle : ShimHandle
{
    /// <summary>NULL to the shim: software.</summary>
    public static DeviceHandle None { get; } = new();

    protected override void Close(nint opened) => Shim.DeviceClose(opened);
}

internal sealed class DeviceScalerHandle : ShimHandle
{
    protected override void Close(nint opened) => Shim.DeviceScalerClose(opened);
}

internal sealed class ScalerHandle : ShimHandle
{
    protected override void Close(nint opened) => Shim.ScalerClose(opened);
}

internal sealed class EncoderHandle : ShimHandle
{
    protected override void Close(nint opened) => Shim.EncoderClose(opened);
}

internal sealed class ResamplerHandle : ShimHandle
{
    protected override void Close(nint opened) => Shim.ResamplerClose(opened);
}

internal sealed class DemuxerHandle : ShimHandle
{
    protected override void Close(nint opened) => Shim.DemuxerClose(opened);
}
