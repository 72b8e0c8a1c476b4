#include "internal.h"

#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libavutil/samplefmt.h>
#include <stdlib.h>
#include <string.h>

struct tc_encoder {
    AVCodecContext *context;
    AVFrame *frame;
    AVPacket *packet;
    int frames_sent;
    /* Where frames in main memory are taken up; NULL for software. */
    AVBufferRef *frames;
    int own_pool_only;
};

static int apply_settings(AVCodecContext *context, const char *format, const tc_encoder_settings *settings)
{
    context->time_base = (AVRational){ settings->time_base_num, settings->time_base_den };
    if (context->codec_type == AVMEDIA_TYPE_VIDEO) {
        context->pix_fmt = av_get_pix_fmt(format);
        if (context->pix_fmt == AV_PIX_FMT_NONE) {
            return AVERROR(EINVAL);
        }
        context->width = settings->width;
        context->height = settings->height;
        context->framerate = (AVRational){ settings->frame_rate_num, settings->frame_rate_den };
        context->sample_aspect_ratio = (AVRational){ settings->sar_num, settings->sar_den };
        context->color_range = AVCOL_RANGE_MPEG;
        context->color_primaries = settings->primaries;
        context->color_trc = settings->transfer;
        context->colorspace = settings->matrix;
    } else {
        context->sample_fmt = av_get_sample_fmt(format);
        if (context->sample_fmt == AV_SAMPLE_FMT_NONE || settings->channels < 1) {
            return AVERROR(EINVAL);
        }
        context->sample_rate = settings->sample_rate;
        av_channel_layout_default(&context->ch_layout, settings->channels);
    }
    /* The configuration record must be known at opening and stay out of the stream. */
    context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    return 0;
}

/* FFmpeg's device encoders want to know at opening where frames come from. */
static int use_device(tc_encoder *encoder, const tc_device *device, const AVFrame *pool_of)
{
    AVCodecContext *context = encoder->context;
    int error = 0;
    if (pool_of != NULL && tc_frame_is_on(pool_of, device)) {
        encoder->frames = av_buffer_ref(pool_of->hw_frames_ctx);
    } else {
        error = tc_device_frames(device, context->pix_fmt, context->width, context->height, &encoder->frames);
    }
    if (error < 0) {
        return error;
    }
    /* QSV finds a surface by its place in the pool that it was opened with. */
    encoder->own_pool_only = device->type == AV_HWDEVICE_TYPE_QSV;
    context->sw_pix_fmt = context->pix_fmt;
    context->pix_fmt = device->format;
    context->hw_frames_ctx = encoder->frames != NULL ? av_buffer_ref(encoder->frames) : NULL;
    return context->hw_frames_ctx != NULL ? 0 : AVERROR(ENOMEM);
}

int32_t tc_encoder_open(const char *name, const char *format, const tc_encoder_settings *settings, const char *options, const tc_device *device, const tc_frame *pool_of, tc_encoder **out)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    AVDictionary *dictionary = NULL;
    tc_encoder *encoder;
    int error;
    *out = NULL;
    if (codec == NULL) {
        return AVERROR_ENCODER_NOT_FOUND;
    }
    encoder = av_mallocz(sizeof(*encoder));
    if (encoder == NULL) {
        return AVERROR(ENOMEM);
    }
    encoder->context = avcodec_alloc_context3(codec);
    encoder->frame = av_frame_alloc();
    encoder->packet = av_packet_alloc();
    error = AVERROR(ENOMEM);
    if (encoder->context != NULL && encoder->frame != NULL && encoder->packet != NULL) {
        error = apply_settings(encoder->context, format, settings);
    }
    if (error >= 0 && device != NULL) {
        error = use_device(encoder, device, pool_of);
    }
    if (error >= 0) {
        error = tc_options_parse(options, &dictionary);
    }
    if (error >= 0) {
        error = avcodec_open2(encoder->context, codec, &dictionary);
    }
    if (error >= 0) {
        error = tc_options_check_used(dictionary, name);
    }
    av_dict_free(&dictionary);
    if (error < 0) {
        tc_encoder_close(encoder);
        return error;
    }
    *out = encoder;
    return TC_OK;
}

int32_t tc_encoder_read(const tc_encoder *encoder, tc_encoder_facts *facts)
{
    facts->extradata = encoder->context->extradata;
    facts->extradata_size = encoder->context->extradata_size;
    facts->frame_size = encoder->context->frame_size;
    facts->initial_padding = encoder->context->initial_padding;
    facts->profile = encoder->context->profile;
    facts->level = encoder->context->level;
    facts->reserved = 0;
    return TC_OK;
}

/* Planar floats to interleaved ones, for encoders that take no planar input (libopus). */
static int interleave(tc_encoder *encoder, const AVFrame *source)
{
    AVFrame *target = encoder->frame;
    const int channels = source->ch_layout.nb_channels;
    int error;
    target->format = AV_SAMPLE_FMT_FLT;
    target->nb_samples = source->nb_samples;
    target->sample_rate = source->sample_rate;
    error = av_channel_layout_copy(&target->ch_layout, &source->ch_layout);
    if (error >= 0) {
        error = av_frame_get_buffer(target, 0);
    }
    if (error < 0) {
        av_frame_unref(target);
        return error;
    }
    for (int channel = 0; channel < channels; channel++) {
        const float *from = (const float *)source->extended_data[channel];
        float *to = (float *)target->data[0] + channel;
        for (int i = 0; i < source->nb_samples; i++) {
            to[(ptrdiff_t)i * channels] = from[i];
        }
    }
    return 0;
}

int32_t tc_encoder_takes(const tc_encoder *encoder, const tc_frame *frame)
{
    const AVCodecContext *context = encoder->context;
    const AVHWFramesContext *own = encoder->frames != NULL ? (const AVHWFramesContext *)encoder->frames->data : NULL;
    const tc_device device = { .context = own != NULL ? own->device_ref : NULL };
    if (frame->hw_frames_ctx == NULL) {
        return frame->format == (own != NULL ? own->sw_format : context->pix_fmt);
    }
    if (own == NULL || !tc_frame_is_on(frame, &device) || tc_frame_memory_format(frame) != own->sw_format) {
        return 0;
    }
    return encoder->own_pool_only && frame->hw_frames_ctx->data != encoder->frames->data ? TC_FOREIGN : 1;
}

int32_t tc_encoder_send(tc_encoder *encoder, const tc_frame *frame, int64_t pts, int32_t force_key)
{
    const AVCodecContext *context = encoder->context;
    int error;
    if (frame == NULL) {
        return tc_status(avcodec_send_frame(encoder->context, NULL));
    }
    if (context->codec_type == AVMEDIA_TYPE_VIDEO && (frame->width != context->width || frame->height != context->height || tc_encoder_takes(encoder, frame) != 1)) {
        av_log(NULL, AV_LOG_ERROR, "a frame of %dx%d (%s) was given to an encoder opened for %dx%d\n", frame->width, frame->height,
               av_get_pix_fmt_name(frame->format), context->width, context->height);
        return AVERROR(EINVAL);
    }
    /* A shallow reference of our own: the source's picture type and time must not be seen by this encoder, nor ours by another. */
    if (context->codec_type == AVMEDIA_TYPE_AUDIO && context->sample_fmt == AV_SAMPLE_FMT_FLT && frame->format == AV_SAMPLE_FMT_FLTP) {
        error = interleave(encoder, frame);
    } else if (encoder->frames != NULL && frame->hw_frames_ctx == NULL) {
        error = tc_device_upload(encoder->frames, frame, encoder->frame);
    } else {
        error = av_frame_ref(encoder->frame, frame);
    }
    if (error < 0) {
        return error;
    }
    encoder->frame->pts = pts;
    encoder->frame->pict_type = force_key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    TC_FRAME_DURATION(encoder->frame) = context->codec_type == AVMEDIA_TYPE_VIDEO ? 1 : 0;
    TC_FRAME_CLEAR_KEY(encoder->frame);
    error = avcodec_send_frame(encoder->context, encoder->frame);
    av_frame_unref(encoder->frame);
    encoder->frames_sent |= error >= 0;
    return tc_status(error);
}

int32_t tc_encoder_receive(tc_encoder *encoder, tc_unit *unit)
{
    int error;
    av_packet_unref(encoder->packet);
    error = avcodec_receive_packet(encoder->context, encoder->packet);
    if (error < 0) {
        return tc_status(error);
    }
    unit->pts = encoder->packet->pts;
    unit->dts = encoder->packet->dts;
    unit->data = encoder->packet->data;
    unit->size = encoder->packet->size;
    unit->flags = (encoder->packet->flags & AV_PKT_FLAG_KEY ? TC_UNIT_KEY : 0) | (encoder->packet->flags & AV_PKT_FLAG_DISPOSABLE ? TC_UNIT_DISPOSABLE : 0);
    return TC_OK;
}

/* SVT-AV1 1.4 waits for ever when it is closed before its first picture, and complains when closed before the end was announced. */
static void finish_svt_av1(tc_encoder *encoder)
{
    if (encoder->context == NULL || !avcodec_is_open(encoder->context) || strcmp(encoder->context->codec->name, "libsvtav1") != 0) {
        return;
    }
    if (!encoder->frames_sent) {
        encoder->frame->format = encoder->context->pix_fmt;
        encoder->frame->width = encoder->context->width;
        encoder->frame->height = encoder->context->height;
        encoder->frame->pts = 0;
        if (av_frame_get_buffer(encoder->frame, 0) < 0 || avcodec_send_frame(encoder->context, encoder->frame) < 0) {
            return;
        }
    }
    avcodec_send_frame(encoder->context, NULL);
    while (avcodec_receive_packet(encoder->context, encoder->packet) >= 0) {
        av_packet_unref(encoder->packet);
    }
}

void tc_encoder_close(tc_encoder *encoder)
{
    if (encoder == NULL) {
        return;
    }
    finish_svt_av1(encoder);
    avcodec_free_context(&encoder->context);
    av_frame_free(&encoder->frame);
    av_packet_free(&encoder->packet);
    av_buffer_unref(&encoder->frames);
    av_free(encoder);
}

int32_t tc_encoder_exists(const char *name)
{
    return avcodec_find_encoder_by_name(name) != NULL;
}

int32_t tc_encoder_declares(const char *name, const char *option, const char *value)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(name);
    const AVClass *generic = avcodec_get_class();
    const AVClass *own;
    const AVOption *found = NULL;
    const AVClass *holder = NULL;
    char *end = NULL;
    double number;
    if (codec == NULL) {
        return 0;
    }
    own = codec->priv_class;
    if (own != NULL) {
        found = av_opt_find((void *)&own, option, NULL, 0, AV_OPT_SEARCH_FAKE_OBJ);
        holder = own;
    }
    if (found == NULL) {
        found = av_opt_find((void *)&generic, option, NULL, 0, AV_OPT_SEARCH_FAKE_OBJ);
        holder = generic;
    }
    if (found == NULL || (found->flags & AV_OPT_FLAG_ENCODING_PARAM) == 0) {
        return 0;
    }
    if (value == NULL || found->type == AV_OPT_TYPE_STRING || found->type == AV_OPT_TYPE_DICT) {
        return 1;
    }
    if (found->unit != NULL && av_opt_find((void *)&holder, value, found->unit, 0, AV_OPT_SEARCH_FAKE_OBJ) != NULL) {
        return 1;
    }
    number = strtod(value, &end);
    return end != value && *end == '\0' && number >= found->min && number <= found->max;
}
