/* What an NVIDIA card's encoder says of itself, over NVIDIA's own interface: FFmpeg has no question for it. Loaded at run time. */
#include "internal.h"

#include <string.h>

#if __has_include(<ffnvcodec/nvEncodeAPI.h>) && __has_include(<ffnvcodec/dynlink_loader.h>)
#include <ffnvcodec/dynlink_cuda.h>
#include <ffnvcodec/nvEncodeAPI.h>

/* The loader's complaints, which would go to standard error. */
#define FFNV_LOG_FUNC(context, message, ...) av_log(NULL, AV_LOG_ERROR, message, __VA_ARGS__)
#define FFNV_DEBUG_LOG_FUNC(context, message, ...)
#include <ffnvcodec/dynlink_loader.h>
#include <libavutil/hwcontext.h>
#include <libavutil/hwcontext_cuda.h>
#include <libavutil/mem.h>

struct asking {
    NvencFunctions *library;
    CudaFunctions *cuda;
    NV_ENCODE_API_FUNCTION_LIST api;
    void *session;
    CUcontext context;
};

static int refused(struct asking *asking, const char *call, NVENCSTATUS status)
{
    const char *text = asking->session != NULL && asking->api.nvEncGetLastErrorString != NULL ? asking->api.nvEncGetLastErrorString(asking->session) : NULL;
    av_log(NULL, AV_LOG_ERROR, "%s failed: %d %s\n", call, (int)status, text != NULL ? text : "");
    return AVERROR_EXTERNAL;
}

static const GUID *codec_guid(const char *codec)
{
    if (strcmp(codec, "h264") == 0) {
        return &NV_ENC_CODEC_H264_GUID;
    }
    if (strcmp(codec, "hevc") == 0) {
        return &NV_ENC_CODEC_HEVC_GUID;
    }
#if NVENCAPI_MAJOR_VERSION >= 12
    if (strcmp(codec, "av1") == 0) {
        return &NV_ENC_CODEC_AV1_GUID;
    }
#endif
    return NULL;
}

static int encodes(struct asking *asking, const GUID *guid)
{
    GUID *guids;
    uint32_t count = 0;
    int found = 0;
    if (asking->api.nvEncGetEncodeGUIDCount(asking->session, &count) != NV_ENC_SUCCESS || count == 0) {
        return 0;
    }
    guids = av_calloc(count, sizeof(*guids));
    if (guids != NULL && asking->api.nvEncGetEncodeGUIDs(asking->session, guids, count, &count) == NV_ENC_SUCCESS) {
        for (uint32_t i = 0; i < count; i++) {
            found |= memcmp(&guids[i], guid, sizeof(*guid)) == 0;
        }
    }
    av_free(guids);
    return found;
}

static int32_t cap(struct asking *asking, const GUID *guid, NV_ENC_CAPS what)
{
    NV_ENC_CAPS_PARAM question = { .version = NV_ENC_CAPS_PARAM_VER, .capsToQuery = what };
    int value = 0;
    return asking->api.nvEncGetEncodeCaps(asking->session, *guid, &question, &value) == NV_ENC_SUCCESS ? value : 0;
}

static int ask(struct asking *asking, const GUID *guid, tc_nvenc_caps *caps)
{
    NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS opening = { .version = NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER, .apiVersion = NVENCAPI_VERSION,
                                                     .device = asking->context, .deviceType = NV_ENC_DEVICE_TYPE_CUDA };
    NVENCSTATUS status;
    asking->api.version = NV_ENCODE_API_FUNCTION_LIST_VER;
    status = asking->library->NvEncodeAPICreateInstance(&asking->api);
    if (status != NV_ENC_SUCCESS) {
        return refused(asking, "NvEncodeAPICreateInstance", status);
    }
    status = asking->api.nvEncOpenEncodeSessionEx(&opening, &asking->session);
    if (status != NV_ENC_SUCCESS) {
        asking->session = NULL;
        return refused(asking, "OpenEncodeSessionEx", status);
    }
    if (!encodes(asking, guid)) {
        return AVERROR(ENOSYS);
    }
    caps->max_width = cap(asking, guid, NV_ENC_CAPS_WIDTH_MAX);
    caps->max_height = cap(asking, guid, NV_ENC_CAPS_HEIGHT_MAX);
    caps->min_width = cap(asking, guid, NV_ENC_CAPS_WIDTH_MIN);
    caps->min_height = cap(asking, guid, NV_ENC_CAPS_HEIGHT_MIN);
    caps->max_b_frames = cap(asking, guid, NV_ENC_CAPS_NUM_MAX_BFRAMES);
    caps->ten_bit = cap(asking, guid, NV_ENC_CAPS_SUPPORT_10BIT_ENCODE);
    return TC_OK;
}

int32_t tc_nvenc_ask(const tc_device *device, const char *codec, tc_nvenc_caps *caps)
{
    const GUID *guid = codec_guid(codec);
    const AVCUDADeviceContext *hardware;
    struct asking asking = { 0 };
    CUcontext previous;
    int error = AVERROR_EXTERNAL;
    memset(caps, 0, sizeof(*caps));
    if (device->type != AV_HWDEVICE_TYPE_CUDA || guid == NULL) {
        return AVERROR(ENOSYS);
    }
    hardware = ((AVHWDeviceContext *)device->context->data)->hwctx;
    asking.context = hardware->cuda_ctx;
    if (cuda_load_functions(&asking.cuda, NULL) == 0 && nvenc_load_functions(&asking.library, NULL) == 0 &&
        asking.cuda->cuCtxPushCurrent(asking.context) == CUDA_SUCCESS) {
        error = ask(&asking, guid, caps);
        if (asking.session != NULL) {
            asking.api.nvEncDestroyEncoder(asking.session);
        }
        asking.cuda->cuCtxPopCurrent(&previous);
    }
    nvenc_free_functions(&asking.library);
    cuda_free_functions(&asking.cuda);
    return error;
}

#else

int32_t tc_nvenc_ask(const tc_device *device, const char *codec, tc_nvenc_caps *caps)
{
    (void)device;
    (void)codec;
    memset(caps, 0, sizeof(*caps));
    return AVERROR(ENOSYS);
}

#endif
