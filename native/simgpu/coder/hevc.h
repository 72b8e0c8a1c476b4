#pragma once
#include "coder.h"

struct hevc;
struct hevc *hevc_open(const struct coder_settings *settings);
void hevc_close(struct hevc *coder);
void hevc_headers(struct hevc *coder, struct bytes *to);
int hevc_encode(struct hevc *coder, const struct picture *picture, enum coded kind, struct bytes *to);
