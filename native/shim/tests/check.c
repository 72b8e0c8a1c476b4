/* Run under sanitizers by `make check`: once through everything the shim has, with its own pictures and tones. */
#include "tc_shim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                     \
    do {                                                                     \
        if (!(condition)) {                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                         \
        }                                                                    \
    } while (0)

static void paint(tc_frame *frame, int index)
{
    for (int plane = 0; plane < 3; plane++) {
        int32_t stride;
        int32_t rows;
        uint8_t *data = tc_frame_plane(frame, plane, &stride, &rows);
        for (int y = 0; y < rows; y++) {
            for (int x = 0; x < stride; x++) {
                data[y * stride + x] = (uint8_t)(plane == 0 ? 16 + (x + y + index * 3) % 200 : 128);
            }
        }
    }
}

static int take_frames(tc_decoder *decoder, tc_frame *frame, int damaged, int64_t *next)
{
    tc_frame_facts facts;
    int count = 0;
    int32_t status;
    while ((status = tc_decoder_receive(decoder, frame, &facts)) == TC_OK) {
        CHECK(facts.width == 322 && facts.height == 182);
        CHECK(damaged || facts.pts == *next);
        *next += 1000;
        count++;
    }
    CHECK(status == TC_AGAIN || status == TC_EOF || damaged);
    return count;
}

static void video(const char *encoder_name, const char *codec, const char *options, int damage)
{
    const tc_encoder_settings settings = { .width = 322, .height = 182, .time_base_num = 1, .time_base_den = 25, .frame_rate_num = 25, .frame_rate_den = 1,
                                           .sar_num = 1, .sar_den = 1, .primaries = 1, .transfer = 1, .matrix = 1 };
    tc_encoder *encoder;
    tc_encoder_facts facts;
    tc_decoder *decoder;
    tc_scaler *scaler;
    tc_frame_facts frame_facts;
    tc_frame *source = tc_frame_alloc();
    tc_frame *scaled = tc_frame_alloc();
    int64_t next = 0;
    int frames = 0;
    if (!tc_encoder_exists(encoder_name)) {
        printf("skipped: no %s\n", encoder_name);
        tc_frame_free(source);
        tc_frame_free(scaled);
        return;
    }
    CHECK(tc_encoder_open(encoder_name, "yuv420p", &settings, "no-such-option=1", NULL, NULL, &encoder) < 0 && encoder == NULL);
    CHECK(tc_encoder_open(encoder_name, "yuv420p", &settings, options, NULL, NULL, &encoder) == TC_OK);
    CHECK(tc_encoder_read(encoder, &facts) == TC_OK);
    CHECK(tc_decoder_open(NULL, codec, NULL, 0, facts.extradata, facts.extradata_size, 0, 0, "threads=1", &decoder) == TC_OK);
    CHECK(tc_scaler_open(322, 182, "yuv420p", 4, &scaler) == TC_OK);
    for (int i = 0; i <= 30; i++) {
        tc_unit unit;
        if (i < 30) {
            /* The input's size and range change on the way. */
            CHECK(tc_frame_make_video(source, i < 10 ? 641 : 322, i < 10 ? 363 : 182, "yuv420p", i < 20, i) == TC_OK);
            paint(source, i);
            const int32_t status = tc_scaler_scale(scaler, source, scaled, &frame_facts);
            CHECK(status == (i < 20 ? TC_OK : TC_UNCHANGED));
            CHECK(tc_encoder_send(encoder, status == TC_OK ? scaled : source, i, i % 10 == 0) == TC_OK);
        } else {
            tc_encoder_send(encoder, NULL, 0, 0);
        }
        while (tc_encoder_receive(encoder, &unit) == TC_OK) {
            uint8_t *copy = malloc((size_t)unit.size);
            memcpy(copy, unit.data, (size_t)unit.size);
            if (damage) {
                for (int at = 20; at < unit.size; at += 37) {
                    copy[at] ^= (uint8_t)(at * 7 + 1);
                }
            }
            CHECK(tc_decoder_send(decoder, copy, unit.size, unit.pts * 1000, unit.dts * 1000, 0) == TC_OK || damage);
            free(copy);
            frames += take_frames(decoder, scaled, damage, &next);
        }
    }
    tc_decoder_send(decoder, NULL, 0, 0, 0, 0);
    frames += take_frames(decoder, scaled, damage, &next);
    CHECK(frames == 30 || damage);
    tc_scaler_close(scaler);
    tc_encoder_close(encoder);
    tc_decoder_close(decoder);
    tc_frame_free(source);
    tc_frame_free(scaled);
    printf("%s%s: %d frames\n", encoder_name, damage ? ", damaged" : "", frames);
}

static void audio(const char *encoder_name, const char *codec, const char *format)
{
    const tc_encoder_settings settings = { .time_base_num = 1, .time_base_den = 48000, .sample_rate = 48000, .channels = 2 };
    tc_resampler *resampler;
    tc_encoder *encoder;
    tc_decoder *decoder;
    tc_encoder_facts facts;
    tc_frame_facts frame_facts;
    tc_unit unit;
    tc_frame *frame = tc_frame_alloc();
    int64_t sent = 0;
    int decoded = 0;
    if (!tc_encoder_exists(encoder_name)) {
        printf("skipped: no %s\n", encoder_name);
        tc_frame_free(frame);
        return;
    }
    CHECK(tc_resampler_open(48000, 2, "fltp", &resampler) == TC_OK);
    CHECK(tc_encoder_open(encoder_name, format, &settings, "b=96000", NULL, NULL, &encoder) == TC_OK);
    CHECK(tc_encoder_read(encoder, &facts) == TC_OK && facts.frame_size > 0 && facts.extradata_size > 0);
    CHECK(tc_decoder_open(NULL, codec, NULL, 0, facts.extradata, facts.extradata_size, 48000, 2, "", &decoder) == TC_OK);
    CHECK(tc_resampler_silence(resampler, 5000) == TC_OK && tc_resampler_skip(resampler, 200) >= 0 && tc_resampler_stored(resampler) == 4800);
    for (int i = 0; i <= 40; i++) {
        if (i < 40) {
            const int channels = i < 20 ? 6 : 1;
            CHECK(tc_frame_make_audio(frame, 1000, i < 10 ? 44100 : 48000, channels, "fltp", 0) == TC_OK);
            for (int channel = 0; channel < channels; channel++) {
                int32_t stride;
                int32_t rows;
                float *samples = (float *)tc_frame_plane(frame, channel, &stride, &rows);
                for (int s = 0; s < 1000; s++) {
                    samples[s] = 0.3f * sinf((float)s * 0.05f);
                }
            }
            CHECK(tc_resampler_push(resampler, frame) > 0);
            while (tc_resampler_stored(resampler) >= facts.frame_size) {
                CHECK(tc_resampler_pull(resampler, facts.frame_size, sent, frame, &frame_facts) == TC_OK);
                CHECK(tc_encoder_send(encoder, frame, sent, 0) == TC_OK);
                sent += facts.frame_size;
                while (tc_encoder_receive(encoder, &unit) == TC_OK) {
                    CHECK(tc_decoder_send(decoder, unit.data, unit.size, unit.pts, unit.dts, 1) == TC_OK);
                    while (tc_decoder_receive(decoder, frame, &frame_facts) == TC_OK) {
                        decoded += frame_facts.samples;
                    }
                }
            }
        }
    }
    CHECK(decoded > 30000);
    tc_resampler_close(resampler);
    tc_encoder_close(encoder);
    tc_decoder_close(decoder);
    tc_frame_free(frame);
    printf("%s: %d samples\n", encoder_name, decoded);
}

static void silent(int32_t level, const char *line)
{
    (void)level;
    (void)line;
}

/* Without a driver everything about devices fails in order; with one, a frame goes up, through a scaler and down again. */
static void device(const char *type, const char *name, const char *filter)
{
    tc_device *opened;
    tc_device_scaler *scaler;
    tc_frame_facts facts;
    tc_frame *source = tc_frame_alloc();
    tc_frame *scaled = tc_frame_alloc();
    tc_frame *back = tc_frame_alloc();
    if (tc_device_open(type, name, "", &opened) != TC_OK) {
        CHECK(opened == NULL);
        printf("skipped: no %s\n", type);
    } else {
        CHECK(tc_device_check(opened) == TC_OK);
        CHECK(tc_device_scaler_open(opened, 160, 90, "nv12", filter, "nv12", &scaler) == TC_OK);
        CHECK(tc_frame_make_video(source, 320, 180, "nv12", 0, 7) >= 0);
        for (int i = 0; i < 3; i++) {
            CHECK(tc_device_scaler_scale(scaler, source, scaled, &facts) == TC_OK && facts.hardware && facts.width == 160 && facts.height == 90);
        }
        CHECK(tc_frame_download(scaled, back, &facts) == TC_OK && !facts.hardware && facts.width == 160);
        CHECK(tc_device_scaler_scale(scaler, back, scaled, &facts) == TC_OK && facts.hardware);
        CHECK(tc_device_scaler_scale(scaler, scaled, source, &facts) == TC_UNCHANGED);
        tc_device_scaler_close(scaler);
        tc_device_close(opened);
    }
    tc_frame_free(back);
    tc_frame_free(scaled);
    tc_frame_free(source);
}

int main(void)
{
    tc_demuxer *demuxer;
    int32_t sizes[7];
    CHECK(tc_abi_version() == TC_ABI_VERSION && tc_struct_sizes(sizes, 7) == 7 && sizes[0] == (int32_t)sizeof(tc_frame_facts));
    tc_log_set(silent, 24);
    tc_device *none;
    CHECK(tc_device_open("drm", "", "", &none) == -38 && none == NULL);
    device("cuda", "0", "scale_cuda=160:90:format=nv12");
    device("vaapi", "/dev/dri/renderD128", "scale_vaapi=w=160:h=90:format=nv12");
    CHECK(tc_demuxer_open("/nonexistent/file", "", &demuxer) < 0 && demuxer == NULL);
    video("mpeg2video", "mpeg2video", "bf=0\ng=300", 0);
    video("libx264", "h264", "preset=ultrafast\nbf=2\nforced-idr=1\nthreads=1", 0);
    video("libx264", "h264", "preset=ultrafast\nbf=2\nforced-idr=1\nthreads=1", 1);
    audio("aac", "aac", "fltp");
    audio("libopus", "opus", "flt");
    puts("shim: all well");
    return 0;
}
