#include "internal.h"

#include <libavutil/buffer.h>
#include <libavutil/imgutils.h>
#include <libavutil/mem.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
#include <string.h>

/* The widest SIMD store; swscale writes whole vectors. */
#define ALIGNMENT 64

struct tc_scaler {
    struct SwsContext *context;
    AVBufferPool *pool;
    int width;
    int height;
    enum AVPixelFormat format;
    int flags;
    /* What the context was made for. */
    int source_width;
    int source_height;
    enum AVPixelFormat source_format;
    int source_full;
    int source_matrix;
    int strides[4];
    ptrdiff_t offsets[4];
};

/* The yuvj formats are the plain ones with a range in their name. */
static enum AVPixelFormat without_range(enum AVPixelFormat format, int *full)
{
    switch (format) {
    case AV_PIX_FMT_YUVJ420P: *full = 1; return AV_PIX_FMT_YUV420P;
    case AV_PIX_FMT_YUVJ422P: *full = 1; return AV_PIX_FMT_YUV422P;
    case AV_PIX_FMT_YUVJ444P: *full = 1; return AV_PIX_FMT_YUV444P;
    case AV_PIX_FMT_YUVJ440P: *full = 1; return AV_PIX_FMT_YUV440P;
    case AV_PIX_FMT_YUVJ411P: *full = 1; return AV_PIX_FMT_YUV411P;
    default: return format;
    }
}

int32_t tc_scaler_open(int32_t width, int32_t height, const char *format, int32_t flags, tc_scaler **out)
{
    tc_scaler *scaler;
    size_t sizes[4];
    ptrdiff_t strides[4];
    size_t total = 0;
    int error;
    *out = NULL;
    scaler = av_mallocz(sizeof(*scaler));
    if (scaler == NULL) {
        return AVERROR(ENOMEM);
    }
    scaler->width = width;
    scaler->height = height;
    scaler->flags = flags;
    scaler->format = av_get_pix_fmt(format);
    scaler->source_format = AV_PIX_FMT_NONE;
    error = av_image_check_size((unsigned)width, (unsigned)height, 0, NULL);
    if (error >= 0) {
        error = scaler->format == AV_PIX_FMT_NONE ? AVERROR(EINVAL) : av_image_fill_linesizes(scaler->strides, scaler->format, FFALIGN(width, ALIGNMENT));
    }
    if (error >= 0) {
        for (int i = 0; i < 4; i++) {
            scaler->strides[i] = FFALIGN(scaler->strides[i], ALIGNMENT);
            strides[i] = scaler->strides[i];
        }
        error = av_image_fill_plane_sizes(sizes, scaler->format, height, strides);
    }
    if (error < 0) {
        av_free(scaler);
        return error;
    }
    for (int i = 0; i < 4; i++) {
        scaler->offsets[i] = (ptrdiff_t)total;
        total += FFALIGN(sizes[i], ALIGNMENT);
    }
    scaler->pool = av_buffer_pool_init(total + ALIGNMENT, NULL);
    if (scaler->pool == NULL) {
        av_free(scaler);
        return AVERROR(ENOMEM);
    }
    *out = scaler;
    return TC_OK;
}

static int prepare(tc_scaler *scaler, const AVFrame *source, enum AVPixelFormat format, int full, int matrix)
{
    struct SwsContext *context = scaler->context;
    const int *coefficients = sws_getCoefficients(matrix);
    int error;
    if (context != NULL && scaler->source_width == source->width && scaler->source_height == source->height && scaler->source_format == format &&
        scaler->source_full == full && scaler->source_matrix == matrix) {
        return 0;
    }
    sws_freeContext(scaler->context);
    scaler->context = NULL;
    context = sws_alloc_context();
    if (context == NULL) {
        return AVERROR(ENOMEM);
    }
    /* The ranges must be known before init: afterwards a same-size conversion has already become a plain copy. */
    av_opt_set_int(context, "srcw", source->width, 0);
    av_opt_set_int(context, "srch", source->height, 0);
    av_opt_set_int(context, "src_format", format, 0);
    av_opt_set_int(context, "src_range", full, 0);
    av_opt_set_int(context, "dstw", scaler->width, 0);
    av_opt_set_int(context, "dsth", scaler->height, 0);
    av_opt_set_int(context, "dst_format", scaler->format, 0);
    av_opt_set_int(context, "dst_range", 0, 0);
    av_opt_set_int(context, "sws_flags", scaler->flags, 0);
    error = sws_init_context(context, NULL, NULL);
    if (error < 0) {
        sws_freeContext(context);
        return error;
    }
    sws_setColorspaceDetails(context, coefficients, full, coefficients, 0, 0, 1 << 16, 1 << 16);
    scaler->context = context;
    scaler->source_width = source->width;
    scaler->source_height = source->height;
    scaler->source_format = format;
    scaler->source_full = full;
    scaler->source_matrix = matrix;
    return 0;
}

int32_t tc_scaler_scale(tc_scaler *scaler, const tc_frame *source, tc_frame *target, tc_frame_facts *facts)
{
    int full = source->color_range == AVCOL_RANGE_JPEG;
    const enum AVPixelFormat format = without_range(source->format, &full);
    const AVPixFmtDescriptor *descriptor = av_pix_fmt_desc_get(format);
    const int rgb = descriptor != NULL && (descriptor->flags & AV_PIX_FMT_FLAG_RGB) != 0;
    const int matrix = rgb || source->colorspace == AVCOL_SPC_RGB ? AVCOL_SPC_BT709 : (int)source->colorspace;
    AVRational sar = source->sample_aspect_ratio;
    int error;
    if (descriptor == NULL || source->width <= 0 || source->height <= 0) {
        return AVERROR(EINVAL);
    }
    if (format == scaler->format && !full && source->width == scaler->width && source->height == scaler->height) {
        return TC_UNCHANGED;
    }
    error = prepare(scaler, source, format, full, matrix);
    if (error < 0) {
        return error;
    }
    av_frame_unref(target);
    error = av_frame_copy_props(target, source);
    if (error < 0) {
        return error;
    }
    target->buf[0] = av_buffer_pool_get(scaler->pool);
    if (target->buf[0] == NULL) {
        av_frame_unref(target);
        return AVERROR(ENOMEM);
    }
    for (int i = 0; i < 4; i++) {
        target->linesize[i] = scaler->strides[i];
        target->data[i] = scaler->strides[i] > 0 ? target->buf[0]->data + scaler->offsets[i] : NULL;
    }
    target->format = scaler->format;
    target->width = scaler->width;
    target->height = scaler->height;
    target->color_range = AVCOL_RANGE_MPEG;
    target->colorspace = rgb ? AVCOL_SPC_BT709 : source->colorspace;
    target->crop_left = target->crop_right = target->crop_top = target->crop_bottom = 0;
    if (sar.num > 0 && sar.den > 0) {
        target->sample_aspect_ratio =
            av_mul_q(sar, (AVRational){ scaler->height * source->width, scaler->width * source->height });
    }
    error = sws_scale(scaler->context, (const uint8_t *const *)source->data, source->linesize, 0, source->height, target->data, target->linesize);
    if (error < 0) {
        av_frame_unref(target);
        return error;
    }
    return tc_frame_read(target, facts);
}

void tc_scaler_close(tc_scaler *scaler)
{
    if (scaler == NULL) {
        return;
    }
    sws_freeContext(scaler->context);
    /* Frames still out keep the pool alive until they return. */
    av_buffer_pool_uninit(&scaler->pool);
    av_free(scaler);
}
