#include "internal.h"

#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavutil/avstring.h>
#include <libavutil/hwcontext.h>
#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>

struct tc_device_scaler {
    AVBufferRef *device;
    enum AVHWDeviceType type;
    enum AVPixelFormat hardware;
    enum AVPixelFormat format;
    int width;
    int height;
    /* libavfilter's text; empty: this device cannot scale, only take up. */
    char *filter;
    /* Pixel formats that are taken up as they are. */
    char *uploads;
    AVFilterGraph *graph;
    AVFilterContext *source;
    AVFilterContext *sink;
    /* What the graph was made for, kept so that its address stays its own. */
    AVBufferRef *graph_frames;
    /* For frames that come from main memory. */
    AVBufferRef *pool;
    AVFrame *uploaded;
};

int32_t tc_device_scaler_open(const tc_device *device, int32_t width, int32_t height, const char *format, const char *filter, const char *uploads, tc_device_scaler **out)
{
    tc_device_scaler *scaler;
    *out = NULL;
    if (av_get_pix_fmt(format) == AV_PIX_FMT_NONE || width < 2 || height < 2) {
        return AVERROR(EINVAL);
    }
    scaler = av_mallocz(sizeof(*scaler));
    if (scaler == NULL) {
        return AVERROR(ENOMEM);
    }
    scaler->width = width;
    scaler->height = height;
    scaler->type = device->type;
    scaler->hardware = device->format;
    scaler->format = av_get_pix_fmt(format);
    scaler->device = av_buffer_ref(device->context);
    scaler->filter = av_strdup(filter);
    scaler->uploads = av_strdup(uploads);
    scaler->uploaded = av_frame_alloc();
    if (scaler->device == NULL || scaler->filter == NULL || scaler->uploads == NULL || scaler->uploaded == NULL) {
        tc_device_scaler_close(scaler);
        return AVERROR(ENOMEM);
    }
    *out = scaler;
    return TC_OK;
}

static void drop_graph(tc_device_scaler *scaler)
{
    avfilter_graph_free(&scaler->graph);
    av_buffer_unref(&scaler->graph_frames);
}

static int make_graph(tc_device_scaler *scaler, const AVFrame *frame)
{
    AVBufferSrcParameters *parameters = NULL;
    AVFilterInOut *inputs = NULL;
    AVFilterInOut *outputs = NULL;
    int error = AVERROR(ENOMEM);
    drop_graph(scaler);
    scaler->graph = avfilter_graph_alloc();
    parameters = av_buffersrc_parameters_alloc();
    inputs = avfilter_inout_alloc();
    outputs = avfilter_inout_alloc();
    if (scaler->graph == NULL || parameters == NULL || inputs == NULL || outputs == NULL) {
        goto end;
    }
    scaler->graph->nb_threads = 1;
    scaler->source = avfilter_graph_alloc_filter(scaler->graph, avfilter_get_by_name("buffer"), "in");
    scaler->sink = avfilter_graph_alloc_filter(scaler->graph, avfilter_get_by_name("buffersink"), "out");
    if (scaler->source == NULL || scaler->sink == NULL) {
        goto end;
    }
    parameters->format = frame->format;
    parameters->width = frame->width;
    parameters->height = frame->height;
    parameters->time_base = (AVRational){ 1, 1000000000 };
    parameters->sample_aspect_ratio = (AVRational){ 0, 1 };
    parameters->hw_frames_ctx = frame->hw_frames_ctx;
    error = av_buffersrc_parameters_set(scaler->source, parameters);
    if (error >= 0) {
        error = avfilter_init_str(scaler->source, NULL);
    }
    if (error >= 0) {
        error = avfilter_init_str(scaler->sink, NULL);
    }
    if (error < 0) {
        goto end;
    }
    outputs->name = av_strdup("in");
    outputs->filter_ctx = scaler->source;
    inputs->name = av_strdup("out");
    inputs->filter_ctx = scaler->sink;
    error = avfilter_graph_parse_ptr(scaler->graph, scaler->filter, &inputs, &outputs, NULL);
    if (error < 0) {
        goto end;
    }
    for (unsigned i = 0; i < scaler->graph->nb_filters; i++) {
        AVFilterContext *filter = scaler->graph->filters[i];
        if (filter == scaler->source || filter == scaler->sink) {
            continue;
        }
        filter->hw_device_ctx = av_buffer_ref(scaler->device);
        if (filter->hw_device_ctx == NULL) {
            error = AVERROR(ENOMEM);
            goto end;
        }
    }
    error = avfilter_graph_config(scaler->graph, NULL);
    if (error >= 0) {
        scaler->graph_frames = av_buffer_ref(frame->hw_frames_ctx);
        error = scaler->graph_frames != NULL ? 0 : AVERROR(ENOMEM);
    }
end:
    av_free(parameters);
    avfilter_inout_free(&inputs);
    avfilter_inout_free(&outputs);
    if (error < 0) {
        drop_graph(scaler);
    }
    return error;
}

static int fits(const tc_device_scaler *scaler, const AVFrame *frame)
{
    return frame->width == scaler->width && frame->height == scaler->height && tc_frame_memory_format(frame) == scaler->format;
}

/* The frame is on the device. */
static int scale(tc_device_scaler *scaler, AVFrame *source, AVFrame *target)
{
    const AVRational sar = source->sample_aspect_ratio;
    int error = 0;
    if (scaler->graph == NULL || scaler->graph_frames->data != source->hw_frames_ctx->data || av_buffersink_get_w(scaler->sink) != scaler->width) {
        error = make_graph(scaler, source);
    }
    if (error >= 0) {
        error = av_buffersrc_add_frame_flags(scaler->source, source, AV_BUFFERSRC_FLAG_KEEP_REF | AV_BUFFERSRC_FLAG_PUSH);
    }
    if (error >= 0) {
        error = av_buffersink_get_frame(scaler->sink, target);
    }
    if (error < 0) {
        /* A graph that has failed once is not trusted with the next frame. */
        drop_graph(scaler);
        return error;
    }
    if (sar.num > 0 && sar.den > 0) {
        target->sample_aspect_ratio = av_mul_q(sar, (AVRational){ scaler->height * source->width, scaler->width * source->height });
    }
    return 0;
}

static int take_up(tc_device_scaler *scaler, const AVFrame *source)
{
    const AVHWFramesContext *frames = scaler->pool != NULL ? (const AVHWFramesContext *)scaler->pool->data : NULL;
    int error = 0;
    if (frames == NULL || frames->width != source->width || frames->height != source->height || frames->sw_format != (enum AVPixelFormat)source->format) {
        const tc_device device = { .context = scaler->device, .type = scaler->type, .format = scaler->hardware };
        av_buffer_unref(&scaler->pool);
        error = tc_device_frames(&device, source->format, source->width, source->height, &scaler->pool);
    }
    return error < 0 ? error : tc_device_upload(scaler->pool, source, scaler->uploaded);
}

int32_t tc_device_scaler_scale(tc_device_scaler *scaler, const tc_frame *source, tc_frame *target, tc_frame_facts *facts)
{
    const tc_device device = { .context = scaler->device };
    const char *format = av_get_pix_fmt_name(tc_frame_memory_format(source));
    AVFrame *from = (AVFrame *)source;
    int error;
    if (source->width <= 0 || format == NULL) {
        return AVERROR(EINVAL);
    }
    av_frame_unref(target);
    if (source->color_range == AVCOL_RANGE_JPEG || (source->hw_frames_ctx != NULL && !tc_frame_is_on(source, &device))) {
        return TC_FOREIGN;
    }
    if (source->hw_frames_ctx == NULL) {
        if (!av_match_name(format, scaler->uploads) || (scaler->filter[0] == '\0' && !fits(scaler, source))) {
            return TC_FOREIGN;
        }
        error = take_up(scaler, source);
        if (error < 0) {
            return error;
        }
        from = scaler->uploaded;
        if (fits(scaler, from)) {
            av_frame_move_ref(target, from);
            return tc_frame_read(target, facts);
        }
    } else if (fits(scaler, source)) {
        return TC_UNCHANGED;
    } else if (scaler->filter[0] == '\0') {
        return TC_FOREIGN;
    }
    error = scale(scaler, from, target);
    av_frame_unref(scaler->uploaded);
    return error < 0 ? error : tc_frame_read(target, facts);
}

void tc_device_scaler_close(tc_device_scaler *scaler)
{
    if (scaler == NULL) {
        return;
    }
    drop_graph(scaler);
    av_frame_free(&scaler->uploaded);
    av_buffer_unref(&scaler->pool);
    av_buffer_unref(&scaler->device);
    av_free(scaler->filter);
    av_free(scaler->uploads);
    av_free(scaler);
}
