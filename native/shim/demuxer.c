#include "internal.h"

#include <libavutil/mathematics.h>
#include <libavutil/mem.h>

struct tc_demuxer {
    AVFormatContext *context;
    AVPacket *packet;
};

int32_t tc_demuxer_open(const char *path, const char *options, tc_demuxer **out)
{
    AVDictionary *dictionary = NULL;
    tc_demuxer *demuxer;
    int error;
    *out = NULL;
    demuxer = av_mallocz(sizeof(*demuxer));
    if (demuxer == NULL) {
        return AVERROR(ENOMEM);
    }
    demuxer->packet = av_packet_alloc();
    error = demuxer->packet == NULL ? AVERROR(ENOMEM) : tc_options_parse(options, &dictionary);
    if (error >= 0) {
        error = avformat_open_input(&demuxer->context, path, NULL, &dictionary);
    }
    if (error >= 0) {
        error = avformat_find_stream_info(demuxer->context, NULL);
    }
    av_dict_free(&dictionary);
    if (error < 0) {
        tc_demuxer_close(demuxer);
        return error;
    }
    *out = demuxer;
    return TC_OK;
}

int32_t tc_demuxer_streams(const tc_demuxer *demuxer)
{
    return (int32_t)demuxer->context->nb_streams;
}

int32_t tc_demuxer_stream(const tc_demuxer *demuxer, int32_t index, tc_stream_facts *facts)
{
    const AVStream *stream;
    const AVCodecParameters *parameters;
    AVRational rate;
    if (index < 0 || (unsigned)index >= demuxer->context->nb_streams) {
        return AVERROR(EINVAL);
    }
    stream = demuxer->context->streams[index];
    parameters = stream->codecpar;
    rate = stream->avg_frame_rate.num > 0 ? stream->avg_frame_rate : stream->r_frame_rate;
    facts->codec = avcodec_get_name(parameters->codec_id);
    facts->extradata = parameters->extradata;
    facts->extradata_size = parameters->extradata_size;
    facts->is_video = parameters->codec_type == AVMEDIA_TYPE_VIDEO && (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) == 0;
    facts->is_audio = parameters->codec_type == AVMEDIA_TYPE_AUDIO;
    facts->width = parameters->width;
    facts->height = parameters->height;
    facts->frame_rate_num = rate.num;
    facts->frame_rate_den = rate.den;
    facts->sample_rate = parameters->sample_rate;
    facts->channels = parameters->ch_layout.nb_channels;
    facts->profile = parameters->profile;
    facts->level = parameters->level;
    facts->bits = parameters->bits_per_raw_sample;
    return TC_OK;
}

static int64_t nanoseconds(int64_t time, AVRational base)
{
    return time == AV_NOPTS_VALUE ? TC_NO_TIME : av_rescale_q_rnd(time, base, (AVRational){ 1, 1000000000 }, AV_ROUND_NEAR_INF);
}

int32_t tc_demuxer_read(tc_demuxer *demuxer, tc_packet_facts *facts)
{
    AVRational base;
    size_t extradata_size = 0;
    int error;
    av_packet_unref(demuxer->packet);
    error = av_read_frame(demuxer->context, demuxer->packet);
    if (error < 0) {
        return tc_status(error);
    }
    base = demuxer->context->streams[demuxer->packet->stream_index]->time_base;
    facts->pts = nanoseconds(demuxer->packet->pts, base);
    facts->dts = nanoseconds(demuxer->packet->dts, base);
    facts->duration = nanoseconds(demuxer->packet->duration, base);
    facts->data = demuxer->packet->data;
    facts->size = demuxer->packet->size;
    facts->flags = (demuxer->packet->flags & AV_PKT_FLAG_KEY ? TC_UNIT_KEY : 0) | (demuxer->packet->flags & AV_PKT_FLAG_DISPOSABLE ? TC_UNIT_DISPOSABLE : 0);
    facts->stream = demuxer->packet->stream_index;
    facts->extradata = av_packet_get_side_data(demuxer->packet, AV_PKT_DATA_NEW_EXTRADATA, &extradata_size);
    facts->extradata_size = (int32_t)extradata_size;
    return TC_OK;
}

int32_t tc_demuxer_rewind(tc_demuxer *demuxer)
{
    av_packet_unref(demuxer->packet);
    /* Before the first time: a start time may be negative. */
    return avformat_seek_file(demuxer->context, -1, INT64_MIN, INT64_MIN + 1, INT64_MAX, AVSEEK_FLAG_BACKWARD);
}

void tc_demuxer_close(tc_demuxer *demuxer)
{
    if (demuxer == NULL) {
        return;
    }
    avformat_close_input(&demuxer->context);
    av_packet_free(&demuxer->packet);
    av_free(demuxer);
}
