/* simgpu-rate ENCODER RATE...: one encoder session of libavcodec, two seconds at each rate; prints what each came to in bit/s and its keyframes. */
#include <libavcodec/avcodec.h>
#include <libavutil/opt.h>
#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 320, HEIGHT = 180, RATE = 30, SECONDS = 2 };

static void fail(const char *what, int error)
{
    fprintf(stderr, "%s: %s\n", what, av_err2str(error));
    exit(1);
}

/* Noise, so that the rate control has something to hold down. */
static void draw(AVFrame *frame)
{
    static uint32_t seed = 1;
    for (int y = 0; y < HEIGHT * 3 / 2; y++)
        for (int x = 0; x < WIDTH; x++) {
            seed = seed * 1664525 + 1013904223;
            (y < HEIGHT ? frame->data[0] + y * frame->linesize[0] : frame->data[1] + (y - HEIGHT) * frame->linesize[1])[x] = (uint8_t)(96 + (seed >> 26));
        }
}

int main(int count, char **arguments)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(count > 1 ? arguments[1] : "");
    AVCodecContext *context = codec ? avcodec_alloc_context3(codec) : NULL;
    AVFrame *frame = av_frame_alloc();
    AVPacket *packet = av_packet_alloc();
    if (!context || !frame || !packet || count < 3)
        fail("usage: simgpu-rate ENCODER RATE...", AVERROR(EINVAL));
    context->width = frame->width = WIDTH;
    context->height = frame->height = HEIGHT;
    context->pix_fmt = frame->format = AV_PIX_FMT_NV12;
    context->time_base = (AVRational){1, RATE};
    context->framerate = (AVRational){RATE, 1};
    context->bit_rate = context->rc_max_rate = atoi(arguments[2]);
    context->max_b_frames = 0;
    context->gop_size = 10000;
    av_opt_set(context->priv_data, "delay", "0", 0);
    int status = avcodec_open2(context, codec, NULL);
    if (status < 0 || (status = av_frame_get_buffer(frame, 0)) < 0)
        fail("open", status);
    for (int phase = 2; phase < count; phase++) {
        int64_t bytes = 0;
        int keyframes = 0;
        context->bit_rate = context->rc_max_rate = atoi(arguments[phase]);
        for (int i = 0; i < RATE * SECONDS; i++) {
            if ((status = av_frame_make_writable(frame)) < 0)
                fail("frame", status);
            draw(frame);
            frame->pts = (phase - 2) * RATE * SECONDS + i;
            if ((status = avcodec_send_frame(context, frame)) < 0)
                fail("send", status);
            while ((status = avcodec_receive_packet(context, packet)) >= 0) {
                bytes += packet->size;
                keyframes += packet->flags & AV_PKT_FLAG_KEY ? 1 : 0;
                av_packet_unref(packet);
            }
            if (status != AVERROR(EAGAIN))
                fail("receive", status);
        }
        printf("asked %s came %lld keyframes %d\n", arguments[phase], (long long)bytes * 8 / SECONDS, keyframes);
    }
    av_packet_free(&packet);
    av_frame_free(&frame);
    avcodec_free_context(&context);
    return 0;
}
