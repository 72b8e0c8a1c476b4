#include "coder.h"
#include "h264.h"
#include "hevc.h"
#include <stdlib.h>

struct coder {
    struct h264 *h264;
    struct hevc *hevc;
};

struct coder *coder_open(const struct coder_settings *settings)
{
    struct coder *coder = calloc(1, sizeof(*coder));
    if (!coder)
        abort();
    if (settings->codec == SIM_HEVC)
        coder->hevc = hevc_open(settings);
    else
        coder->h264 = h264_open(settings, NULL);
    if (coder->h264 || coder->hevc)
        return coder;
    free(coder);
    return NULL;
}

void coder_close(struct coder *coder)
{
    if (coder->h264)
        h264_close(coder->h264);
    if (coder->hevc)
        hevc_close(coder->hevc);
    free(coder);
}

void coder_headers(struct coder *coder, struct bytes *to)
{
    if (coder->h264)
        h264_headers(coder->h264, to);
    else
        hevc_headers(coder->hevc, to);
}

int coder_encode(struct coder *coder, const struct picture *picture, enum coded kind, int since_idr, struct bytes *to)
{
    return coder->h264 ? h264_encode(coder->h264, picture, kind, since_idr, to) : hevc_encode(coder->hevc, picture, kind, to);
}
