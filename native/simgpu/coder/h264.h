#pragma once
#include "coder.h"

struct h264;
struct h264 *h264_open(const struct coder_settings *settings);
void h264_close(struct h264 *coder);
void h264_headers(struct h264 *coder, struct bytes *to);
int h264_encode(struct h264 *coder, const struct picture *picture, enum coded kind, int since_idr, struct bytes *to);
