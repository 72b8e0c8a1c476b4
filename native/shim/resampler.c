#include "internal.h"

#include <libavutil/audio_fifo.h>
#include <libavutil/channel_layout.h>
#include <libavutil/mem.h>
#include <libavutil/samplefmt.h>
#include <libswresample/swresample.h>

struct tc_resampler {
    struct SwrContext *context;
    AVAudioFifo *fifo;
    AVChannelLayout layout;
    int sample_rate;
    enum AVSampleFormat format;
    /* What the context was made for. */
    AVChannelLayout source_layout;
    int source_rate;
    enum AVSampleFormat source_format;
    /* Conversion scratch; grows, never shrinks. */
    uint8_t **scratch;
    int scratch_samples;
};

int32_t tc_resampler_open(int32_t sample_rate, int32_t channels, const char *format, tc_resampler **out)
{
    tc_resampler *resampler = av_mallocz(sizeof(*resampler));
    *out = NULL;
    if (resampler == NULL) {
        return AVERROR(ENOMEM);
    }
    resampler->sample_rate = sample_rate;
    resampler->format = av_get_sample_fmt(format);
    if (resampler->format == AV_SAMPLE_FMT_NONE || channels < 1 || sample_rate < 1) {
        av_free(resampler);
        return AVERROR(EINVAL);
    }
    av_channel_layout_default(&resampler->layout, channels);
    resampler->fifo = av_audio_fifo_alloc(resampler->format, channels, 8192);
    if (resampler->fifo == NULL) {
        tc_resampler_close(resampler);
        return AVERROR(ENOMEM);
    }
    *out = resampler;
    return TC_OK;
}

static int reserve(tc_resampler *resampler, int samples)
{
    if (samples <= resampler->scratch_samples) {
        return 0;
    }
    if (resampler->scratch != NULL) {
        av_freep(&resampler->scratch[0]);
        av_freep(&resampler->scratch);
    }
    resampler->scratch_samples = 0;
    samples += 1024;
    const int error = av_samples_alloc_array_and_samples(&resampler->scratch, NULL, resampler->layout.nb_channels, samples, resampler->format, 0);
    if (error < 0) {
        return error;
    }
    resampler->scratch_samples = samples;
    return 0;
}

/* Converts and stores; a NULL input takes what the filter still holds. Returns samples stored. */
static int convert(tc_resampler *resampler, const uint8_t **input, int samples)
{
    const int most = swr_get_out_samples(resampler->context, samples);
    int error = most < 0 ? most : reserve(resampler, most);
    if (error < 0) {
        return error;
    }
    const int converted = swr_convert(resampler->context, resampler->scratch, resampler->scratch_samples, input, samples);
    if (converted <= 0) {
        return converted;
    }
    error = av_audio_fifo_write(resampler->fifo, (void **)resampler->scratch, converted);
    return error < 0 ? error : converted;
}

static int prepare(tc_resampler *resampler, const AVFrame *frame, AVChannelLayout *layout)
{
    int stored = 0;
    int error;
    if (resampler->context != NULL && resampler->source_rate == frame->sample_rate && resampler->source_format == frame->format &&
        av_channel_layout_compare(&resampler->source_layout, layout) == 0) {
        return 0;
    }
    if (resampler->context != NULL) {
        stored = convert(resampler, NULL, 0);
        if (stored < 0) {
            return stored;
        }
    }
    swr_free(&resampler->context);
    error = swr_alloc_set_opts2(&resampler->context, &resampler->layout, resampler->format, resampler->sample_rate, layout, frame->format, frame->sample_rate, 0, NULL);
    if (error >= 0) {
        error = swr_init(resampler->context);
    }
    if (error >= 0) {
        error = av_channel_layout_copy(&resampler->source_layout, layout);
    }
    if (error < 0) {
        swr_free(&resampler->context);
        return error;
    }
    resampler->source_rate = frame->sample_rate;
    resampler->source_format = frame->format;
    return stored;
}

int32_t tc_resampler_push(tc_resampler *resampler, const tc_frame *frame)
{
    AVChannelLayout layout = { 0 };
    int drained;
    int stored;
    if (frame->nb_samples <= 0 || frame->sample_rate <= 0 || frame->ch_layout.nb_channels <= 0) {
        return AVERROR(EINVAL);
    }
    /* Some decoders give a count without places; swresample wants places. */
    if (frame->ch_layout.order == AV_CHANNEL_ORDER_UNSPEC) {
        av_channel_layout_default(&layout, frame->ch_layout.nb_channels);
    } else if (av_channel_layout_copy(&layout, &frame->ch_layout) < 0) {
        return AVERROR(ENOMEM);
    }
    drained = prepare(resampler, frame, &layout);
    av_channel_layout_uninit(&layout);
    if (drained < 0) {
        return drained;
    }
    stored = convert(resampler, (const uint8_t **)frame->extended_data, frame->nb_samples);
    return stored < 0 ? stored : stored + drained;
}

int32_t tc_resampler_silence(tc_resampler *resampler, int32_t samples)
{
    while (samples > 0) {
        const int step = FFMIN(samples, 4096);
        int error = reserve(resampler, step);
        if (error >= 0) {
            error = av_samples_set_silence(resampler->scratch, 0, step, resampler->layout.nb_channels, resampler->format);
        }
        if (error >= 0) {
            error = av_audio_fifo_write(resampler->fifo, (void **)resampler->scratch, step);
        }
        if (error < 0) {
            return error;
        }
        samples -= step;
    }
    return TC_OK;
}

int32_t tc_resampler_skip(tc_resampler *resampler, int32_t samples)
{
    return av_audio_fifo_drain(resampler->fifo, FFMIN(FFMAX(samples, 0), av_audio_fifo_size(resampler->fifo)));
}

int32_t tc_resampler_stored(const tc_resampler *resampler)
{
    return av_audio_fifo_size(resampler->fifo);
}

int32_t tc_resampler_pull(tc_resampler *resampler, int32_t samples, int64_t pts, tc_frame *frame, tc_frame_facts *facts)
{
    int error;
    if (samples < 1 || samples > av_audio_fifo_size(resampler->fifo)) {
        return AVERROR(EINVAL);
    }
    av_frame_unref(frame);
    frame->format = resampler->format;
    frame->nb_samples = samples;
    frame->sample_rate = resampler->sample_rate;
    frame->pts = pts;
    error = av_channel_layout_copy(&frame->ch_layout, &resampler->layout);
    if (error >= 0) {
        error = av_frame_get_buffer(frame, 0);
    }
    if (error >= 0) {
        error = av_audio_fifo_read(resampler->fifo, (void **)frame->extended_data, samples);
    }
    if (error < 0) {
        av_frame_unref(frame);
        return error;
    }
    return tc_frame_read(frame, facts);
}

void tc_resampler_close(tc_resampler *resampler)
{
    if (resampler == NULL) {
        return;
    }
    swr_free(&resampler->context);
    av_audio_fifo_free(resampler->fifo);
    if (resampler->scratch != NULL) {
        av_freep(&resampler->scratch[0]);
        av_freep(&resampler->scratch);
    }
    av_channel_layout_uninit(&resampler->layout);
    av_channel_layout_uninit(&resampler->source_layout);
    av_free(resampler);
}
