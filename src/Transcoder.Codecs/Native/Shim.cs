using System.Runtime.InteropServices;

namespace Transcoder.Codecs.Native;

/// <summary>The functions of tc_shim.h, one for one.</summary>
internal static unsafe partial class Shim
{
    public const int Ok = 0;
    public const int Unchanged = 1;
    public const int Foreign = 2;
    public const int Again = -1;
    public const int EndOfFile = -2;

    /// <summary>AVERROR(EINVAL).</summary>
    public const int InvalidArgument = -22;

    public const int UnitKey = 1;
    public const int UnitDisposable = 2;
    public const long NoTime = long.MinValue;

    private const string Library = ShimLibrary.Name;

    static Shim() => ShimLibrary.Register();

    [LibraryImport(Library, EntryPoint = "tc_abi_version")]
    public static partial int AbiVersion();

    [LibraryImport(Library, EntryPoint = "tc_die_of_sent_sigsegv")]
    public static partial int DieOfSentSigsegv();

    [LibraryImport(Library, EntryPoint = "tc_struct_sizes")]
    public static partial int StructSizes(int* sizes, int count);

    [LibraryImport(Library, EntryPoint = "tc_log_set")]
    public static partial void LogSet(delegate* unmanaged[Cdecl]<int, byte*, void> callback, int level);

    [LibraryImport(Library, EntryPoint = "tc_error_text")]
    public static partial void ErrorText(int error, byte* text, int size);

    [LibraryImport(Library, EntryPoint = "tc_library_versions")]
    public static partial byte* LibraryVersions();

    [LibraryImport(Library, EntryPoint = "tc_device_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int DeviceOpen(string type, string name, string options, out nint opened);

    [LibraryImport(Library, EntryPoint = "tc_device_check")]
    public static partial int DeviceCheck(DeviceHandle device);

    [LibraryImport(Library, EntryPoint = "tc_device_close")]
    public static partial void DeviceClose(nint device);

    [LibraryImport(Library, EntryPoint = "tc_nvenc_ask", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int NvencAsk(DeviceHandle device, string codec, out NvencCaps caps);

    [LibraryImport(Library, EntryPoint = "tc_device_scaler_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int DeviceScalerOpen(DeviceHandle device, int width, int height, string format, string filter, string uploads, out nint opened);

    [LibraryImport(Library, EntryPoint = "tc_device_scaler_scale")]
    public static partial int DeviceScalerScale(DeviceScalerHandle scaler, FrameHandle source, FrameHandle target, out FrameFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_device_scaler_close")]
    public static partial void DeviceScalerClose(nint scaler);

    [LibraryImport(Library, EntryPoint = "tc_decoder_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int DecoderOpen(string? name, string codec, DeviceHandle device, int extraFrames, byte* extradata, int extradataSize, int sampleRate, int channels, string options, out nint opened);

    [LibraryImport(Library, EntryPoint = "tc_decoder_send")]
    public static partial int DecoderSend(DecoderHandle decoder, byte* data, int size, long pts, long dts, int key);

    [LibraryImport(Library, EntryPoint = "tc_decoder_receive")]
    public static partial int DecoderReceive(DecoderHandle decoder, FrameHandle frame, out FrameFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_decoder_close")]
    public static partial void DecoderClose(nint decoder);

    [LibraryImport(Library, EntryPoint = "tc_frame_alloc")]
    public static partial nint FrameAlloc();

    [LibraryImport(Library, EntryPoint = "tc_frame_free")]
    public static partial void FrameFree(nint frame);

    [LibraryImport(Library, EntryPoint = "tc_frame_unref")]
    public static partial void FrameUnref(FrameHandle frame);

    [LibraryImport(Library, EntryPoint = "tc_frame_read")]
    public static partial int FrameRead(FrameHandle frame, out FrameFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_frame_make_video", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int FrameMakeVideo(FrameHandle frame, int width, int height, string format, int fullRange, long pts);

    [LibraryImport(Library, EntryPoint = "tc_frame_make_audio", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int FrameMakeAudio(FrameHandle frame, int samples, int sampleRate, int channels, string format, long pts);

    [LibraryImport(Library, EntryPoint = "tc_frame_download")]
    public static partial int FrameDownload(FrameHandle source, FrameHandle target, out FrameFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_frame_plane")]
    public static partial byte* FramePlane(FrameHandle frame, int plane, out int stride, out int rows);

    [LibraryImport(Library, EntryPoint = "tc_scaler_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ScalerOpen(int width, int height, string format, int flags, out nint opened);

    [LibraryImport(Library, EntryPoint = "tc_scaler_scale")]
    public static partial int ScalerScale(ScalerHandle scaler, FrameHandle source, FrameHandle target, out FrameFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_scaler_close")]
    public static partial void ScalerClose(nint scaler);

    [LibraryImport(Library, EntryPoint = "tc_encoder_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int EncoderOpen(string name, string format, in EncoderOpening settings, string options, DeviceHandle device, FrameHandle poolOf, out nint opened);

    [LibraryImport(Library, EntryPoint = "tc_encoder_takes")]
    public static partial int EncoderTakes(EncoderHandle encoder, FrameHandle frame);

    [LibraryImport(Library, EntryPoint = "tc_encoder_read")]
    public static partial int EncoderRead(EncoderHandle encoder, out EncoderFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_encoder_send")]
    public static partial int EncoderSend(EncoderHandle encoder, FrameHandle frame, long pts, int forceKey);

    /// <summary>Draining: the frame is NULL.</summary>
    [LibraryImport(Library, EntryPoint = "tc_encoder_send")]
    public static partial int EncoderDrain(EncoderHandle encoder, nint noFrame, long pts, int forceKey);

    [LibraryImport(Library, EntryPoint = "tc_encoder_receive")]
    public static partial int EncoderReceive(EncoderHandle encoder, out Unit unit);

    [LibraryImport(Library, EntryPoint = "tc_encoder_close")]
    public static partial void EncoderClose(nint encoder);

    [LibraryImport(Library, EntryPoint = "tc_encoder_exists", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int EncoderExists(string name);

    [LibraryImport(Library, EntryPoint = "tc_encoder_declares", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int EncoderDeclares(string name, string option, string? value);

    [LibraryImport(Library, EntryPoint = "tc_resampler_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int ResamplerOpen(int sampleRate, int channels, string format, out nint opened);

    [LibraryImport(Library, EntryPoint = "tc_resampler_push")]
    public static partial int ResamplerPush(ResamplerHandle resampler, FrameHandle frame);

    [LibraryImport(Library, EntryPoint = "tc_resampler_silence")]
    public static partial int ResamplerSilence(ResamplerHandle resampler, int samples);

    [LibraryImport(Library, EntryPoint = "tc_resampler_skip")]
    public static partial int ResamplerSkip(ResamplerHandle resampler, int samples);

    [LibraryImport(Library, EntryPoint = "tc_resampler_stored")]
    public static partial int ResamplerStored(ResamplerHandle resampler);

    [LibraryImport(Library, EntryPoint = "tc_resampler_pull")]
    public static partial int ResamplerPull(ResamplerHandle resampler, int samples, long pts, FrameHandle frame, out FrameFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_resampler_close")]
    public static partial void ResamplerClose(nint resampler);

    [LibraryImport(Library, EntryPoint = "tc_demuxer_open", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int DemuxerOpen(string path, string options, out nint opened);

    [LibraryImport(Library, EntryPoint = "tc_demuxer_streams")]
    public static partial int DemuxerStreams(DemuxerHandle demuxer);

    [LibraryImport(Library, EntryPoint = "tc_demuxer_stream")]
    public static partial int DemuxerStream(DemuxerHandle demuxer, int index, out StreamFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_demuxer_read")]
    public static partial int DemuxerRead(DemuxerHandle demuxer, out PacketFacts facts);

    [LibraryImport(Library, EntryPoint = "tc_demuxer_rewind")]
    public static partial int DemuxerRewind(DemuxerHandle demuxer);

    [LibraryImport(Library, EntryPoint = "tc_demuxer_close")]
    public static partial void DemuxerClose(nint demuxer);
}
