/*
 * The C face of FFmpeg for managed code: opaque handles, fixed-width integers, AVERROR passed through, options as text.
 * Policy stays with the caller. No threads and no globals of its own but the log callback. One thread at a time per handle; a device may be
 * named by many threads at once, and what was opened on it keeps it alive. A driver's library is loaded when a device is opened, never before.
 * Times are nanoseconds for decoders and the demuxer and the encoder's own ticks for encoders; TC_NO_TIME where there is none.
 */
#ifndef TC_SHIM_H
#define TC_SHIM_H

#include <stdint.h>

#define TC_API __attribute__((visibility("default")))
#define TC_ABI_VERSION 4
#define TC_NO_TIME INT64_MIN

/* What a step says besides an AVERROR (always below -3). */
#define TC_OK 0
#define TC_UNCHANGED 1
#define TC_FOREIGN 2
#define TC_AGAIN (-1)
#define TC_EOF (-2)

#define TC_UNIT_KEY 1
#define TC_UNIT_DISPOSABLE 2

typedef struct AVFrame tc_frame;
typedef struct tc_device tc_device;
typedef struct tc_device_scaler tc_device_scaler;
typedef struct tc_decoder tc_decoder;
typedef struct tc_scaler tc_scaler;
typedef struct tc_encoder tc_encoder;
typedef struct tc_resampler tc_resampler;
typedef struct tc_demuxer tc_demuxer;

/* All structs: widest members first, no padding. */
typedef struct tc_frame_facts {
    int64_t pts;
    int32_t width;
    int32_t height;
    int32_t sar_num;
    int32_t sar_den;
    int32_t full_range;
    int32_t primaries;
    int32_t transfer;
    int32_t matrix;
    int32_t samples;
    int32_t sample_rate;
    int32_t channels;
    int32_t key;
    int32_t interlaced;
    int32_t corrupt;
    /* The pixels are a device's. */
    int32_t hardware;
    int32_t reserved;
} tc_frame_facts;

typedef struct tc_unit {
    int64_t pts;
    int64_t dts;
    const uint8_t *data;
    int32_t size;
    int32_t flags;
} tc_unit;

typedef struct tc_encoder_settings {
    int32_t width;
    int32_t height;
    int32_t time_base_num;
    int32_t time_base_den;
    int32_t frame_rate_num;
    int32_t frame_rate_den;
    int32_t sar_num;
    int32_t sar_den;
    int32_t primaries;
    int32_t transfer;
    int32_t matrix;
    int32_t sample_rate;
    int32_t channels;
    int32_t reserved;
} tc_encoder_settings;

typedef struct tc_encoder_facts {
    const uint8_t *extradata;
    int32_t extradata_size;
    int32_t frame_size;
    int32_t initial_padding;
    int32_t profile;
    int32_t level;
    int32_t reserved;
} tc_encoder_facts;

typedef struct tc_stream_facts {
    const char *codec;
    const uint8_t *extradata;
    int32_t extradata_size;
    int32_t is_video;
    int32_t is_audio;
    int32_t width;
    int32_t height;
    int32_t frame_rate_num;
    int32_t frame_rate_den;
    int32_t sample_rate;
    int32_t channels;
    int32_t profile;
    int32_t level;
    int32_t bits;
} tc_stream_facts;

typedef struct tc_packet_facts {
    int64_t pts;
    int64_t dts;
    int64_t duration;
    const uint8_t *data;
    /* A new configuration that begins with this packet; mostly NULL. */
    const uint8_t *extradata;
    int32_t extradata_size;
    int32_t size;
    int32_t flags;
    int32_t stream;
} tc_packet_facts;

typedef struct tc_nvenc_caps {
    int32_t max_width;
    int32_t max_height;
    int32_t min_width;
    int32_t min_height;
    int32_t max_b_frames;
    int32_t ten_bit;
} tc_nvenc_caps;

typedef void (*tc_log_callback)(int32_t level, const char *line);

TC_API int32_t tc_abi_version(void);

/* Managed runtimes take a SIGSEGV that a process sends for a fault that will repeat, and go on. After this call the first one ends the process,
 * as it ends any other program; real faults still reach the runtime. Call once. */
TC_API int32_t tc_die_of_sent_sigsegv(void);
/* Sizes of the structs above in their order; the caller compares them with its own before anything else. */
TC_API int32_t tc_struct_sizes(int32_t *sizes, int32_t count);
TC_API void tc_log_set(tc_log_callback callback, int32_t level);
TC_API void tc_error_text(int32_t error, char *text, int32_t size);
TC_API const char *tc_library_versions(void);

/* type: "cuda", "vaapi" or "qsv"; name and options as av_hwdevice_ctx_create takes them. */
TC_API int32_t tc_device_open(const char *type, const char *name, const char *options, tc_device **out);
/* Takes a little of the device's memory and gives it back: fails where the device has gone. */
TC_API int32_t tc_device_check(const tc_device *device);
TC_API void tc_device_close(tc_device *device);
/* Opens a session for the question and closes it; AVERROR(ENOSYS): the card does not code this. */
TC_API int32_t tc_nvenc_ask(const tc_device *device, const char *codec, tc_nvenc_caps *caps);

/* filter: libavfilter's text from a device frame to one of the target's size and format; empty: the device cannot scale. uploads: comma-separated pixel
 * formats that the device and the filter take as they are. */
TC_API int32_t tc_device_scaler_open(const tc_device *device, int32_t width, int32_t height, const char *format, const char *filter, const char *uploads, tc_device_scaler **out);
/* TC_UNCHANGED: source already is what was asked for. TC_FOREIGN: convert it in main memory first (to limited range and a format that is taken, and to
 * the target's size where the device cannot scale). */
TC_API int32_t tc_device_scaler_scale(tc_device_scaler *scaler, const tc_frame *source, tc_frame *target, tc_frame_facts *facts);
TC_API void tc_device_scaler_close(tc_device_scaler *scaler);

/* name: an implementation such as "libdav1d", or NULL for the codec's first one. codec: FFmpeg's codec name. device: NULL for software; there is no
 * way back from a device to software within a decoder: what the device can't decode is AVERROR(ENOSYS). extra_frames: device frames that the caller
 * holds at once. */
TC_API int32_t tc_decoder_open(const char *name, const char *codec, const tc_device *device, int32_t extra_frames, const uint8_t *extradata, int32_t extradata_size, int32_t sample_rate, int32_t channels, const char *options, tc_decoder **out);
/* data NULL: drain. The bytes are copied. */
TC_API int32_t tc_decoder_send(tc_decoder *decoder, const uint8_t *data, int32_t size, int64_t pts, int64_t dts, int32_t key);
TC_API int32_t tc_decoder_receive(tc_decoder *decoder, tc_frame *frame, tc_frame_facts *facts);
TC_API void tc_decoder_close(tc_decoder *decoder);

TC_API tc_frame *tc_frame_alloc(void);
TC_API void tc_frame_free(tc_frame *frame);
TC_API void tc_frame_unref(tc_frame *frame);
TC_API int32_t tc_frame_read(const tc_frame *frame, tc_frame_facts *facts);
/* Gives an empty frame writable storage of its own. */
TC_API int32_t tc_frame_make_video(tc_frame *frame, int32_t width, int32_t height, const char *format, int32_t full_range, int64_t pts);
TC_API int32_t tc_frame_make_audio(tc_frame *frame, int32_t samples, int32_t sample_rate, int32_t channels, const char *format, int64_t pts);
/* The pixels of a device's frame to main memory, in the format they have there. */
TC_API int32_t tc_frame_download(const tc_frame *source, tc_frame *target, tc_frame_facts *facts);
TC_API uint8_t *tc_frame_plane(const tc_frame *frame, int32_t plane, int32_t *stride, int32_t *rows);

TC_API int32_t tc_scaler_open(int32_t width, int32_t height, const char *format, int32_t flags, tc_scaler **out);
/* TC_UNCHANGED: source already is what was asked for and target was not touched. */
TC_API int32_t tc_scaler_scale(tc_scaler *scaler, const tc_frame *source, tc_frame *target, tc_frame_facts *facts);
TC_API void tc_scaler_close(tc_scaler *scaler);

/* format: a pixel or sample format's name. Settings of the other medium are zero. device: NULL for frames in main memory, else the one that codes;
 * pool_of: a frame whose pool the frames to come share, or NULL. */
TC_API int32_t tc_encoder_open(const char *name, const char *format, const tc_encoder_settings *settings, const char *options, const tc_device *device, const tc_frame *pool_of, tc_encoder **out);
/* 1: send takes the frame. 0: it must be brought to main memory and to the format given at opening first. TC_FOREIGN: so too, or open anew with its pool. */
TC_API int32_t tc_encoder_takes(const tc_encoder *encoder, const tc_frame *frame);
TC_API int32_t tc_encoder_read(const tc_encoder *encoder, tc_encoder_facts *facts);
/* frame NULL: drain. The frame is shared, not changed: several encoders may hold it at once. An encoder on a device takes up frames in main memory. */
TC_API int32_t tc_encoder_send(tc_encoder *encoder, const tc_frame *frame, int64_t pts, int32_t force_key);
/* The unit's bytes stay valid until the next call on the encoder. */
TC_API int32_t tc_encoder_receive(tc_encoder *encoder, tc_unit *unit);
TC_API void tc_encoder_close(tc_encoder *encoder);
/* 1: the installed FFmpeg has this encoder. */
TC_API int32_t tc_encoder_exists(const char *name);
/* 1: the encoder declares the option (its own or a generic one) and, where value is given, accepts it by name or number. */
TC_API int32_t tc_encoder_declares(const char *name, const char *option, const char *value);

TC_API int32_t tc_resampler_open(int32_t sample_rate, int32_t channels, const char *format, tc_resampler **out);
TC_API int32_t tc_resampler_push(tc_resampler *resampler, const tc_frame *frame);
TC_API int32_t tc_resampler_silence(tc_resampler *resampler, int32_t samples);
TC_API int32_t tc_resampler_skip(tc_resampler *resampler, int32_t samples);
TC_API int32_t tc_resampler_stored(const tc_resampler *resampler);
TC_API int32_t tc_resampler_pull(tc_resampler *resampler, int32_t samples, int64_t pts, tc_frame *frame, tc_frame_facts *facts);
TC_API void tc_resampler_close(tc_resampler *resampler);

TC_API int32_t tc_demuxer_open(const char *path, const char *options, tc_demuxer **out);
TC_API int32_t tc_demuxer_streams(const tc_demuxer *demuxer);
TC_API int32_t tc_demuxer_stream(const tc_demuxer *demuxer, int32_t index, tc_stream_facts *facts);
/* The packet's bytes stay valid until the next call on the demuxer. */
TC_API int32_t tc_demuxer_read(tc_demuxer *demuxer, tc_packet_facts *facts);
TC_API int32_t tc_demuxer_rewind(tc_demuxer *demuxer);
TC_API void tc_demuxer_close(tc_demuxer *demuxer);

#endif
