#include "internal.h"

#include <libavutil/hwcontext.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>

/* QSV's pools can't grow: what a scaler's output, the frame queues and an encoder's own references hold at once. */
#define FIXED_POOL 48

/* The picture formats of the device types that are asked for; a format that is not in the list is no device format. */
static enum AVPixelFormat format_of(enum AVHWDeviceType type)
{
    switch (type) {
    case AV_HWDEVICE_TYPE_CUDA: return AV_PIX_FMT_CUDA;
    case AV_HWDEVICE_TYPE_VAAPI: return AV_PIX_FMT_VAAPI;
    case AV_HWDEVICE_TYPE_QSV: return AV_PIX_FMT_QSV;
    default: return AV_PIX_FMT_NONE;
    }
}

int32_t tc_device_open(const char *type, const char *name, const char *options, tc_device **out)
{
    const enum AVHWDeviceType kind = av_hwdevice_find_type_by_name(type);
    AVDictionary *dictionary = NULL;
    tc_device *device;
    int error;
    *out = NULL;
    if (format_of(kind) == AV_PIX_FMT_NONE) {
        return AVERROR(ENOSYS);
    }
    device = av_mallocz(sizeof(*device));
    if (device == NULL) {
        return AVERROR(ENOMEM);
    }
    device->type = kind;
    device->format = format_of(kind);
    error = tc_options_parse(options, &dictionary);
    if (error >= 0) {
        error = av_hwdevice_ctx_create(&device->context, kind, name, dictionary, 0);
    }
    av_dict_free(&dictionary);
    if (error < 0) {
        tc_device_close(device);
        return error;
    }
    *out = device;
    return TC_OK;
}

int32_t tc_device_check(const tc_device *device)
{
    AVFrame *frame = av_frame_alloc();
    AVBufferRef *frames = NULL;
    int error = AVERROR(ENOMEM);
    if (frame != NULL) {
        error = tc_device_frames(device, AV_PIX_FMT_NV12, 256, 256, &frames);
    }
    if (error >= 0) {
        error = av_hwframe_get_buffer(frames, frame, 0);
    }
    av_frame_free(&frame);
    av_buffer_unref(&frames);
    return error < 0 ? error : TC_OK;
}

void tc_device_close(tc_device *device)
{
    if (device == NULL) {
        return;
    }
    av_buffer_unref(&device->context);
    av_free(device);
}

int tc_device_frames(const tc_device *device, enum AVPixelFormat format, int width, int height, AVBufferRef **out)
{
    AVBufferRef *reference = av_hwframe_ctx_alloc(device->context);
    AVHWFramesContext *frames;
    int error;
    *out = NULL;
    if (reference == NULL) {
        return AVERROR(ENOMEM);
    }
    frames = (AVHWFramesContext *)reference->data;
    frames->format = device->format;
    frames->sw_format = format;
    frames->width = width;
    frames->height = height;
    frames->initial_pool_size = device->type == AV_HWDEVICE_TYPE_QSV ? FIXED_POOL : 0;
    error = av_hwframe_ctx_init(reference);
    if (error < 0) {
        av_buffer_unref(&reference);
        return error;
    }
    *out = reference;
    return 0;
}

int tc_device_upload(AVBufferRef *frames, const AVFrame *source, AVFrame *target)
{
    int error = av_hwframe_get_buffer(frames, target, 0);
    if (error >= 0) {
        /* The pool may be padded; the picture is not. */
        target->width = source->width;
        target->height = source->height;
        error = av_hwframe_transfer_data(target, source, 0);
    }
    if (error >= 0) {
        error = av_frame_copy_props(target, source);
    }
    if (error < 0) {
        av_frame_unref(target);
    }
    return error;
}

int tc_frame_is_on(const AVFrame *frame, const tc_device *device)
{
    return frame->hw_frames_ctx != NULL && ((AVHWFramesContext *)frame->hw_frames_ctx->data)->device_ref->data == device->context->data;
}

enum AVPixelFormat tc_frame_memory_format(const AVFrame *frame)
{
    return frame->hw_frames_ctx != NULL ? ((AVHWFramesContext *)frame->hw_frames_ctx->data)->sw_format : (enum AVPixelFormat)frame->format;
}

int32_t tc_frame_download(const tc_frame *source, tc_frame *target, tc_frame_facts *facts)
{
    int error;
    if (source->hw_frames_ctx == NULL) {
        return AVERROR(EINVAL);
    }
    av_frame_unref(target);
    error = av_hwframe_transfer_data(target, source, 0);
    if (error >= 0) {
        error = av_frame_copy_props(target, source);
    }
    if (error < 0) {
        av_frame_unref(target);
        return error;
    }
    /* Storage is allocated by the pool's size. */
    target->width = source->width;
    target->height = source->height;
    return tc_frame_read(target, facts);
}
