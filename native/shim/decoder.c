#include "internal.h"

#include <libavutil/buffer.h>
#include <libavutil/mem.h>
#include <string.h>

struct tc_decoder {
    AVCodecContext *context;
    AVPacket *packet;
    /* Padded copies of the packets come from here; a larger packet than any before it starts a larger pool. */
    AVBufferPool *pool;
    size_t pool_size;
    /* The device's picture format, and whether the device turned the stream down. */
    enum AVPixelFormat hardware;
    int refused;
};

/* libavcodec goes down its list, and would end at software: the caller, who chose the device, is told instead. */
static enum AVPixelFormat device_format(AVCodecContext *context, const enum AVPixelFormat *formats)
{
    tc_decoder *decoder = context->opaque;
    for (; *formats != AV_PIX_FMT_NONE; formats++) {
        if (*formats == decoder->hardware) {
            return *formats;
        }
    }
    decoder->refused = 1;
    return AV_PIX_FMT_NONE;
}

static int use_device(tc_decoder *decoder, const tc_device *device, int32_t extra_frames)
{
    const AVCodecHWConfig *config;
    for (int i = 0; (config = avcodec_get_hw_config(decoder->context->codec, i)) != NULL; i++) {
        if (config->device_type == device->type && (config->methods & AV_CODEC_HW_CONFIG_METHOD_HW_DEVICE_CTX) != 0) {
            decoder->hardware = device->format;
            decoder->context->hw_device_ctx = av_buffer_ref(device->context);
            decoder->context->opaque = decoder;
            decoder->context->get_format = device_format;
            decoder->context->extra_hw_frames = extra_frames;
            return decoder->context->hw_device_ctx != NULL ? 0 : AVERROR(ENOMEM);
        }
    }
    return AVERROR(ENOSYS);
}

int32_t tc_decoder_open(const char *name, const char *codec, const tc_device *device, int32_t extra_frames, const uint8_t *extradata, int32_t extradata_size, int32_t sample_rate, int32_t channels, const char *options, tc_decoder **out)
{
    const AVCodecDescriptor *descriptor = avcodec_descriptor_get_by_name(codec);
    const AVCodec *implementation = NULL;
    AVDictionary *dictionary = NULL;
    tc_decoder *decoder;
    int error;
    *out = NULL;
    if (name != NULL) {
        implementation = avcodec_find_decoder_by_name(name);
    }
    if (implementation == NULL && descriptor != NULL) {
        implementation = avcodec_find_decoder(descriptor->id);
    }
    if (implementation == NULL || descriptor == NULL || implementation->id != descriptor->id) {
        return AVERROR_DECODER_NOT_FOUND;
    }
    decoder = av_mallocz(sizeof(*decoder));
    if (decoder == NULL) {
        return AVERROR(ENOMEM);
    }
    error = AVERROR(ENOMEM);
    decoder->packet = av_packet_alloc();
    decoder->context = avcodec_alloc_context3(implementation);
    if (decoder->packet == NULL || decoder->context == NULL) {
        goto failed;
    }
    if (device != NULL) {
        error = use_device(decoder, device, extra_frames);
        if (error < 0) {
            goto failed;
        }
        error = AVERROR(ENOMEM);
    }
    if (extradata_size > 0) {
        decoder->context->extradata = av_mallocz((size_t)extradata_size + AV_INPUT_BUFFER_PADDING_SIZE);
        if (decoder->context->extradata == NULL) {
            goto failed;
        }
        memcpy(decoder->context->extradata, extradata, (size_t)extradata_size);
        decoder->context->extradata_size = extradata_size;
    }
    decoder->context->pkt_timebase = (AVRational){ 1, 1000000000 };
    if (sample_rate > 0 && channels > 0) {
        decoder->context->sample_rate = sample_rate;
        av_channel_layout_default(&decoder->context->ch_layout, channels);
    }
    error = tc_options_parse(options, &dictionary);
    if (error >= 0) {
        error = avcodec_open2(decoder->context, implementation, &dictionary);
    }
    if (error >= 0) {
        error = tc_options_check_used(dictionary, implementation->name);
    }
    av_dict_free(&dictionary);
    if (error < 0) {
        goto failed;
    }
    *out = decoder;
    return TC_OK;
failed:
    tc_decoder_close(decoder);
    return error;
}

static int copy_packet(tc_decoder *decoder, const uint8_t *data, int32_t size)
{
    const size_t needed = (size_t)size + AV_INPUT_BUFFER_PADDING_SIZE;
    if (needed > decoder->pool_size) {
        size_t larger = 4096;
        while (larger < needed) {
            larger *= 2;
        }
        av_buffer_pool_uninit(&decoder->pool);
        decoder->pool_size = 0;
        decoder->pool = av_buffer_pool_init(larger, NULL);
        if (decoder->pool == NULL) {
            return AVERROR(ENOMEM);
        }
        decoder->pool_size = larger;
    }
    decoder->packet->buf = av_buffer_pool_get(decoder->pool);
    if (decoder->packet->buf == NULL) {
        return AVERROR(ENOMEM);
    }
    decoder->packet->data = decoder->packet->buf->data;
    decoder->packet->size = size;
    memcpy(decoder->packet->data, data, (size_t)size);
    memset(decoder->packet->data + size, 0, AV_INPUT_BUFFER_PADDING_SIZE);
    return 0;
}

int32_t tc_decoder_send(tc_decoder *decoder, const uint8_t *data, int32_t size, int64_t pts, int64_t dts, int32_t key)
{
    int error;
    if (data == NULL) {
        return tc_status(avcodec_send_packet(decoder->context, NULL));
    }
    /* An empty packet would mean the end of the stream to libavcodec. */
    if (size <= 0) {
        return AVERROR_INVALIDDATA;
    }
    error = copy_packet(decoder, data, size);
    if (error < 0) {
        return error;
    }
    decoder->packet->pts = pts;
    decoder->packet->dts = dts;
    decoder->packet->flags = key ? AV_PKT_FLAG_KEY : 0;
    error = avcodec_send_packet(decoder->context, decoder->packet);
    av_packet_unref(decoder->packet);
    return decoder->refused ? AVERROR(ENOSYS) : tc_status(error);
}

int32_t tc_decoder_receive(tc_decoder *decoder, tc_frame *frame, tc_frame_facts *facts)
{
    const int error = avcodec_receive_frame(decoder->context, frame);
    if (decoder->refused) {
        return AVERROR(ENOSYS);
    }
    return error < 0 ? tc_status(error) : tc_frame_read(frame, facts);
}

void tc_decoder_close(tc_decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    avcodec_free_context(&decoder->context);
    av_packet_free(&decoder->packet);
    av_buffer_pool_uninit(&decoder->pool);
    av_free(decoder);
}
