/* HEVC by x265 at its cheapest, without delay and so without B pictures. */
#include "hevc.h"
#include <stdlib.h>
#include <string.h>
#include <x265.h>

struct hevc {
    struct coder_settings settings;
    x265_param *param;
    x265_encoder *x265;
    uint8_t *chroma; /* x265 takes no interleaved planes */
    int64_t pictures;
};

static void set_up(x265_param *param, const struct coder_settings *settings)
{
    x265_param_default_preset(param, "ultrafast", "zerolatency");
    param->logLevel = X265_LOG_NONE;
    param->sourceWidth = settings->width;
    param->sourceHeight = settings->height;
    param->internalCsp = X265_CSP_I420;
    param->fpsNum = (uint32_t)settings->rate_num;
    param->fpsDenom = (uint32_t)settings->rate_den;
    param->keyframeMax = -1;
    param->bOpenGOP = 0;
    param->bAnnexB = 1;
    param->bRepeatHeaders = 0;
    param->bEmitInfoSEI = 0;
    param->frameNumThreads = 1;
    param->bEnableWavefront = 0;
    x265_param_parse(param, "pools", "none");
    if (settings->signal.present) {
        param->vui.bEnableVideoSignalTypePresentFlag = 1;
        param->vui.videoFormat = settings->signal.format;
        param->vui.bEnableVideoFullRangeFlag = settings->signal.full_range;
        param->vui.bEnableColorDescriptionPresentFlag = settings->signal.colours;
        param->vui.colorPrimaries = settings->signal.primaries;
        param->vui.transferCharacteristics = settings->signal.transfer;
        param->vui.matrixCoeffs = settings->signal.matrix;
    }
    if (settings->qp >= 0) {
        param->rc.rateControlMode = X265_RC_CQP;
        param->rc.qp = settings->qp;
        return;
    }
    int bitrate = settings->bitrate / 1000 > 0 ? settings->bitrate / 1000 : 1;
    param->rc.rateControlMode = X265_RC_ABR;
    param->rc.bitrate = bitrate;
    param->rc.vbvMaxBitrate = settings->max_bitrate / 1000 > bitrate ? settings->max_bitrate / 1000 : bitrate;
    param->rc.vbvBufferSize = settings->vbv > 0 ? (settings->vbv + 999) / 1000 : param->rc.vbvMaxBitrate;
}

struct hevc *hevc_open(const struct coder_settings *settings)
{
    struct hevc *coder = calloc(1, sizeof(*coder));
    if (!coder)
        abort();
    coder->settings = *settings;
    coder->param = x265_param_alloc();
    coder->chroma = malloc((size_t)(settings->width + 1) / 2 * (size_t)((settings->height + 1) / 2) * 2);
    if (!coder->param || !coder->chroma)
        abort();
    set_up(coder->param, settings);
    coder->x265 = x265_encoder_open(coder->param);
    if (!coder->x265) {
        hevc_close(coder);
        return NULL;
    }
    return coder;
}

void hevc_close(struct hevc *coder)
{
    if (coder->x265)
        x265_encoder_close(coder->x265);
    x265_param_free(coder->param);
    free(coder->chroma);
    free(coder);
}

void hevc_headers(struct hevc *coder, struct bytes *to)
{
    x265_nal *nals;
    uint32_t count;
    if (x265_encoder_headers(coder->x265, &nals, &count) < 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        if (nals[i].type == NAL_UNIT_VPS || nals[i].type == NAL_UNIT_SPS || nals[i].type == NAL_UNIT_PPS)
            bytes_add(to, nals[i].payload, nals[i].sizeBytes);
}

int hevc_encode(struct hevc *coder, const struct picture *picture, enum coded kind, struct bytes *to)
{
    x265_picture in, out;
    x265_picture_init(coder->param, &in);
    x265_picture_init(coder->param, &out);
    in.sliceType = kind == CODED_IDR ? X265_TYPE_IDR : kind == CODED_I ? X265_TYPE_I : X265_TYPE_P;
    in.pts = coder->pictures++;
    in.colorSpace = X265_CSP_I420;
    in.bitDepth = 8;
    for (int i = 0; i < 3; i++) {
        in.planes[i] = (void *)picture->plane[i];
        in.stride[i] = picture->stride[i];
    }
    if (picture->interleaved) {
        int width = (coder->settings.width + 1) / 2, height = (coder->settings.height + 1) / 2;
        uint8_t *u = coder->chroma, *v = u + width * height;
        for (int y = 0; y < height; y++) {
            const uint8_t *row = picture->plane[1] + (ptrdiff_t)y * picture->stride[1];
            for (int x = 0; x < width; x++) {
                u[y * width + x] = row[2 * x];
                v[y * width + x] = row[2 * x + 1];
            }
        }
        in.planes[1] = u;
        in.planes[2] = v;
        in.stride[1] = in.stride[2] = width;
    }
    x265_nal *nals;
    uint32_t count;
    if (x265_encoder_encode(coder->x265, &nals, &count, &in, &out) <= 0)
        return -1;
    for (uint32_t i = 0; i < count; i++)
        if (nals[i].type < NAL_UNIT_VPS)
            bytes_add(to, nals[i].payload, nals[i].sizeBytes);
    return (int)out.frameData.qp;
}
