#pragma once
#include "coder.h"

/* What the parameter sets say of the slices' syntax. */
struct h264_syntax {
    int frame_num_bits, poc_bits, init_qp;
    bool cabac, transform_8x8, deblocking_control;
};
/* What differs between slices. */
struct h264_position {
    uint32_t frame_num, idr_pic_id, poc_lsb;
};

struct h264;
/* `syntax` is that of parameter sets which somebody else writes; null: our own. */
struct h264 *h264_open(const struct coder_settings *settings, const struct h264_syntax *syntax);
void h264_close(struct h264 *coder);
void h264_headers(struct h264 *coder, struct bytes *to);
int h264_encode(struct h264 *coder, const struct picture *picture, enum coded kind, int since_idr, struct bytes *to);
/* One picture without B where the caller counts. */
int h264_encode_at(struct h264 *coder, const struct picture *picture, enum coded kind, const struct h264_position *position, struct bytes *to);

void h264_write_sps(const struct coder_settings *settings, int level_idc, const struct h264_syntax *syntax, struct bytes *to);
void h264_write_pps(struct bytes *to);
