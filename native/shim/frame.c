#include "internal.h"

#include <libavutil/channel_layout.h>
#include <libavutil/pixdesc.h>
#include <libavutil/samplefmt.h>
#include <string.h>

tc_frame *tc_frame_alloc(void)
{
    return av_frame_alloc();
}

void tc_frame_free(tc_frame *frame)
{
    av_frame_free(&frame);
}

void tc_frame_unref(tc_frame *frame)
{
    av_frame_unref(frame);
}

int32_t tc_frame_read(const tc_frame *frame, tc_frame_facts *facts)
{
    const AVPixFmtDescriptor *format = frame->width > 0 ? av_pix_fmt_desc_get(frame->format) : NULL;
    facts->pts = frame->pts != AV_NOPTS_VALUE ? frame->pts : frame->best_effort_timestamp;
    facts->width = frame->width;
    facts->height = frame->height;
    facts->sar_num = frame->sample_aspect_ratio.num;
    facts->sar_den = frame->sample_aspect_ratio.den;
    facts->full_range = frame->color_range == AVCOL_RANGE_JPEG || (format != NULL && strncmp(format->name, "yuvj", 4) == 0);
    facts->primaries = frame->color_primaries;
    facts->transfer = frame->color_trc;
    facts->matrix = frame->colorspace;
    facts->samples = frame->nb_samples;
    facts->sample_rate = frame->sample_rate;
    facts->channels = frame->ch_layout.nb_channels;
    facts->key = TC_FRAME_IS_KEY(frame);
    facts->interlaced = TC_FRAME_IS_INTERLACED(frame);
    facts->corrupt = frame->decode_error_flags != 0 || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0;
    facts->hardware = frame->hw_frames_ctx != NULL;
    facts->reserved = 0;
    return TC_OK;
}

int32_t tc_frame_make_video(tc_frame *frame, int32_t width, int32_t height, const char *format, int32_t full_range, int64_t pts)
{
    av_frame_unref(frame);
    frame->format = av_get_pix_fmt(format);
    if (frame->format == AV_PIX_FMT_NONE) {
        return AVERROR(EINVAL);
    }
    frame->width = width;
    frame->height = height;
    frame->color_range = full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    frame->pts = pts;
    return av_frame_get_buffer(frame, 0);
}

int32_t tc_frame_make_audio(tc_frame *frame, int32_t samples, int32_t sample_rate, int32_t channels, const char *format, int64_t pts)
{
    av_frame_unref(frame);
    frame->format = av_get_sample_fmt(format);
    if (frame->format == AV_SAMPLE_FMT_NONE || channels < 1 || samples < 1) {
        return AVERROR(EINVAL);
    }
    frame->nb_samples = samples;
    frame->sample_rate = sample_rate;
    frame->pts = pts;
    av_channel_layout_default(&frame->ch_layout, channels);
    return av_frame_get_buffer(frame, 0);
}

uint8_t *tc_frame_plane(const tc_frame *frame, int32_t plane, int32_t *stride, int32_t *rows)
{
    if (frame->nb_samples > 0) {
        const int planar = av_sample_fmt_is_planar(frame->format);
        if (plane < 0 || plane >= (planar ? frame->ch_layout.nb_channels : 1)) {
            return NULL;
        }
        *stride = frame->linesize[0];
        *rows = 1;
        return frame->extended_data[plane];
    }
    if (plane < 0 || plane >= 4 || frame->data[plane] == NULL) {
        return NULL;
    }
    const AVPixFmtDescriptor *format = av_pix_fmt_desc_get(frame->format);
    const int shift = format != NULL && (plane == 1 || plane == 2) ? format->log2_chroma_h : 0;
    *stride = frame->linesize[plane];
    *rows = AV_CEIL_RSHIFT(frame->height, shift);
    return frame->data[plane];
}
