/* Codes pictures in coding order with no delay: what goes in comes out at once. */
#pragma once
#include "../simgpu.h"

enum coded { CODED_IDR, CODED_I, CODED_P, CODED_B };

struct bytes {
    uint8_t *at;
    size_t size, room;
};
void bytes_add(struct bytes *bytes, const void *from, size_t size);
void bytes_free(struct bytes *bytes);

struct coder_settings {
    enum sim_codec codec;
    int width, height, rate_num, rate_den;
    int bitrate, max_bitrate, vbv; /* bit/s, bits */
    int qp;                        /* -1: by bitrate */
    int profile_idc, level_idc;    /* H.264; level 0: chosen */
    int bframes;
    int dar_width, dar_height;
    bool skip;
    struct {
        bool present, colours;
        int format, full_range, primaries, transfer, matrix;
    } signal;
};

struct picture { /* 4:2:0, 8 bit */
    const uint8_t *plane[3];
    int stride[3];
    bool interleaved; /* NV12 */
};

struct coder;
struct coder *coder_open(const struct coder_settings *settings);
void coder_close(struct coder *coder);
/* Parameter sets, with start codes. */
void coder_headers(struct coder *coder, struct bytes *to);
/* `since_idr` counts pictures in display order. A B picture needs no pixels. Returns the average QP, or -1. */
int coder_encode(struct coder *coder, const struct picture *picture, enum coded kind, int since_idr, struct bytes *to);
