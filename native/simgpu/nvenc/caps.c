/* What a simulated encode engine says that it can do: about an Ampere card's answers, less what is not simulated. */
#include "session.h"
#include <string.h>

static const NV_ENC_BUFFER_FORMAT formats[] = {NV_ENC_BUFFER_FORMAT_NV12, NV_ENC_BUFFER_FORMAT_YV12, NV_ENC_BUFFER_FORMAT_IYUV};

static bool knows(const struct session *session, GUID codec)
{
    const char *codecs = sim_config()->device[session->context->device].codecs;
    return (same_guid(codec, NV_ENC_CODEC_H264_GUID) && strstr(codecs, "h264")) || (same_guid(codec, NV_ENC_CODEC_HEVC_GUID) && strstr(codecs, "hevc"));
}

NVENCSTATUS caps_codecs(void *encoder, GUID *guids, uint32_t size, uint32_t *count)
{
    struct session *session = encoder;
    NVENCSTATUS status = session_check(session);
    if (status != NV_ENC_SUCCESS)
        return status;
    const GUID all[] = {NV_ENC_CODEC_H264_GUID, NV_ENC_CODEC_HEVC_GUID};
    *count = 0;
    for (int i = 0; i < 2; i++)
        if (knows(session, all[i]) && *count < size) {
            if (guids)
                guids[*count] = all[i];
            ++*count;
        }
    return NV_ENC_SUCCESS;
}

NVENCSTATUS caps_codec_count(void *encoder, uint32_t *count)
{
    return caps_codecs(encoder, NULL, UINT32_MAX, count);
}

NVENCSTATUS caps_profiles(void *encoder, GUID codec, GUID *guids, uint32_t size, uint32_t *count)
{
    (void)encoder;
    const GUID h264[] = {NV_ENC_CODEC_PROFILE_AUTOSELECT_GUID, NV_ENC_H264_PROFILE_BASELINE_GUID, NV_ENC_H264_PROFILE_MAIN_GUID, NV_ENC_H264_PROFILE_HIGH_GUID};
    const GUID hevc[] = {NV_ENC_CODEC_PROFILE_AUTOSELECT_GUID, NV_ENC_HEVC_PROFILE_MAIN_GUID};
    bool is_hevc = same_guid(codec, NV_ENC_CODEC_HEVC_GUID);
    uint32_t known = is_hevc ? 2 : 4;
    *count = known < size ? known : size;
    if (guids)
        memcpy(guids, is_hevc ? hevc : h264, *count * sizeof(GUID));
    return NV_ENC_SUCCESS;
}

NVENCSTATUS caps_profile_count(void *encoder, GUID codec, uint32_t *count)
{
    return caps_profiles(encoder, codec, NULL, UINT32_MAX, count);
}

NVENCSTATUS caps_formats(void *encoder, GUID codec, NV_ENC_BUFFER_FORMAT *result, uint32_t size, uint32_t *count)
{
    (void)encoder, (void)codec;
    *count = size < 3 ? size : 3;
    if (result)
        memcpy(result, formats, *count * sizeof(*formats));
    return NV_ENC_SUCCESS;
}

NVENCSTATUS caps_format_count(void *encoder, GUID codec, uint32_t *count)
{
    return caps_formats(encoder, codec, NULL, UINT32_MAX, count);
}

NVENCSTATUS caps_value(void *encoder, GUID codec, NV_ENC_CAPS_PARAM *param, int *value)
{
    struct session *session = encoder;
    NVENCSTATUS status = session_check(session);
    if (status != NV_ENC_SUCCESS)
        return status;
    if (!knows(session, codec))
        return NV_ENC_ERR_INVALID_PARAM;
    bool hevc = same_guid(codec, NV_ENC_CODEC_HEVC_GUID);
    const struct sim_device_config *device = &sim_config()->device[session->context->device];
    switch (param->capsToQuery) {
    case NV_ENC_CAPS_NUM_MAX_BFRAMES:
        *value = hevc ? 0 : MAX_BFRAMES;
        break;
    case NV_ENC_CAPS_SUPPORTED_RATECONTROL_MODES:
        *value = NV_ENC_PARAMS_RC_VBR | NV_ENC_PARAMS_RC_CBR;
        break;
    case NV_ENC_CAPS_WIDTH_MAX:
    case NV_ENC_CAPS_HEIGHT_MAX:
        *value = hevc ? 8192 : 4096;
        break;
    case NV_ENC_CAPS_WIDTH_MIN:
        *value = hevc ? 129 : 145;
        break;
    case NV_ENC_CAPS_HEIGHT_MIN:
        *value = hevc ? 33 : 49;
        break;
    case NV_ENC_CAPS_MB_NUM_MAX:
        *value = hevc ? 262144 : 65536;
        break;
    case NV_ENC_CAPS_MB_PER_SEC_MAX:
        *value = (int)(device->mpix_s * 1e6 / 256);
        break;
    case NV_ENC_CAPS_LEVEL_MAX:
        *value = hevc ? NV_ENC_LEVEL_HEVC_62 : NV_ENC_LEVEL_H264_51;
        break;
    case NV_ENC_CAPS_LEVEL_MIN:
        *value = hevc ? NV_ENC_LEVEL_HEVC_1 : NV_ENC_LEVEL_H264_1;
        break;
    case NV_ENC_CAPS_NUM_ENCODER_ENGINES:
        *value = (int)device->engines;
        break;
    case NV_ENC_CAPS_SUPPORT_CABAC:
    case NV_ENC_CAPS_SUPPORT_DYN_BITRATE_CHANGE:
    case NV_ENC_CAPS_SUPPORT_CUSTOM_VBV_BUF_SIZE:
    case NV_ENC_CAPS_SUPPORT_LOOKAHEAD:
    case NV_ENC_CAPS_SUPPORT_TEMPORAL_AQ:
    case NV_ENC_CAPS_SUPPORT_WEIGHTED_PREDICTION:
    case NV_ENC_CAPS_SUPPORT_MULTIPLE_REF_FRAMES:
    case NV_ENC_CAPS_SUPPORT_INTRA_REFRESH:
    case NV_ENC_CAPS_SUPPORT_CONSTRAINED_ENCODING:
    case NV_ENC_CAPS_SUPPORT_DYN_RES_CHANGE:
        *value = 1;
        break;
    case NV_ENC_CAPS_SUPPORT_BFRAME_REF_MODE:
        *value = hevc ? 0 : 2;
        break;
    case NV_ENC_CAPS_DYNAMIC_QUERY_ENCODER_CAPACITY:
        *value = (int)(100 * (1 - sim_foreign_load(device)));
        break;
    default:
        *value = 0;
    }
    return NV_ENC_SUCCESS;
}

NVENCSTATUS caps_presets(void *encoder, GUID codec, GUID *guids, uint32_t size, uint32_t *count)
{
    (void)encoder, (void)codec;
    const GUID all[] = {NV_ENC_PRESET_P1_GUID, NV_ENC_PRESET_P2_GUID, NV_ENC_PRESET_P3_GUID, NV_ENC_PRESET_P4_GUID,
                        NV_ENC_PRESET_P5_GUID, NV_ENC_PRESET_P6_GUID, NV_ENC_PRESET_P7_GUID};
    *count = size < 7 ? size : 7;
    if (guids)
        memcpy(guids, all, *count * sizeof(GUID));
    return NV_ENC_SUCCESS;
}

NVENCSTATUS caps_preset_count(void *encoder, GUID codec, uint32_t *count)
{
    return caps_presets(encoder, codec, NULL, UINT32_MAX, count);
}

NVENCSTATUS caps_preset(void *encoder, GUID codec, GUID preset, NV_ENC_TUNING_INFO tuning, NV_ENC_PRESET_CONFIG *result)
{
    NVENCSTATUS status = session_check(encoder);
    if (status != NV_ENC_SUCCESS)
        return status;
    if (result->version != NV_ENC_PRESET_CONFIG_VER || result->presetCfg.version != NV_ENC_CONFIG_VER)
        return NV_ENC_ERR_INVALID_VERSION;
    GUID presets[7];
    uint32_t count, speed = 0;
    caps_presets(encoder, codec, presets, 7, &count);
    while (speed < count && !same_guid(preset, presets[speed]))
        speed++;
    if (speed == count || !knows(encoder, codec))
        return session_error(encoder, NV_ENC_ERR_UNSUPPORTED_PARAM, "simulated: unknown preset or codec");
    bool hevc = same_guid(codec, NV_ENC_CODEC_HEVC_GUID);
    NV_ENC_CONFIG *config = &result->presetCfg;
    memset(config, 0, sizeof(*config));
    config->version = NV_ENC_CONFIG_VER;
    config->profileGUID = NV_ENC_CODEC_PROFILE_AUTOSELECT_GUID;
    config->gopLength = 250;
    /* The API's header: P3 and slower use B frames for high quality. How many is not documented. */
    config->frameIntervalP = !hevc && tuning == NV_ENC_TUNING_INFO_HIGH_QUALITY && speed >= 2 ? 3 : 1;
    config->rcParams.version = NV_ENC_RC_PARAMS_VER;
    config->rcParams.rateControlMode = NV_ENC_PARAMS_RC_VBR;
    config->rcParams.averageBitRate = 2000000;
    config->rcParams.maxBitRate = 4000000;
    config->rcParams.constQP = (NV_ENC_QP){28, 31, 25};
    if (hevc) {
        config->encodeCodecConfig.hevcConfig.idrPeriod = config->gopLength;
        config->encodeCodecConfig.hevcConfig.chromaFormatIDC = 1;
    } else {
        config->encodeCodecConfig.h264Config.idrPeriod = config->gopLength;
        config->encodeCodecConfig.h264Config.chromaFormatIDC = 1;
    }
    return NV_ENC_SUCCESS;
}
