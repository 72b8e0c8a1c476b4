/* The two exports of libnvidia-encode.so.1, opening and closing. */
#include "session.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORT const char SIM_MARKER[] = "simulated libnvidia-encode.so.1";

bool same_guid(GUID a, GUID b)
{
    return !memcmp(&a, &b, sizeof(a));
}

NVENCSTATUS session_error(struct session *session, NVENCSTATUS status, const char *text)
{
    snprintf(session->error, sizeof(session->error), "%s", text);
    return status;
}

NVENCSTATUS session_check(struct session *session)
{
    if (!session)
        return NV_ENC_ERR_INVALID_PTR;
    if (sim_lost(session->context->device, session->context->losses)) {
        session->broken = true;
        return session_error(session, (NVENCSTATUS)sim_config()->device[session->context->device].lost_nvenc_error, "simulated: the device is lost");
    }
    if (session->broken)
        return session_error(session, NV_ENC_ERR_GENERIC, "simulated: the session has failed");
    return NV_ENC_SUCCESS;
}

static NVENCSTATUS open_session(NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS *params, void **encoder)
{
    *encoder = NULL;
    if (params->version != NV_ENC_OPEN_ENCODE_SESSION_EX_PARAMS_VER || params->apiVersion != NVENCAPI_VERSION)
        return NV_ENC_ERR_INVALID_VERSION;
    if (params->deviceType != NV_ENC_DEVICE_TYPE_CUDA || !params->device)
        return NV_ENC_ERR_INVALID_ENCODERDEVICE;
    struct sim_context *context = params->device;
    struct session *session = calloc(1, sizeof(*session));
    if (!session)
        abort();
    session->context = context;
    session->idr_next = true;
    long error = NV_ENC_ERR_GENERIC;
    NVENCSTATUS status = NV_ENC_SUCCESS;
    switch (sim_open_session(context->device, &session->shared, &error)) {
    case SIM_OPENED:
        *encoder = session;
        return NV_ENC_SUCCESS;
    case SIM_FAILED:
        status = (NVENCSTATUS)error;
        break;
    case SIM_LIMIT:
        status = (NVENCSTATUS)sim_config()->session_limit_error;
        break;
    case SIM_NO_MEMORY:
        status = NV_ENC_ERR_OUT_OF_MEMORY;
        break;
    case SIM_IS_LOST:
        status = (NVENCSTATUS)sim_config()->device[context->device].lost_nvenc_error;
        break;
    case SIM_NO_ENCODER:
        status = NV_ENC_ERR_UNSUPPORTED_DEVICE;
        break;
    }
    free(session);
    return status;
}

static NVENCSTATUS destroy(void *encoder)
{
    struct session *session = encoder;
    if (!session)
        return NV_ENC_ERR_INVALID_PTR;
    if (session->coder)
        coder_close(session->coder);
    if (session->memory)
        sim_give_memory(session->context->device, session->memory);
    sim_close_session(session->shared);
    free(session);
    return NV_ENC_SUCCESS;
}

static const char *last_error(void *encoder)
{
    return encoder ? ((struct session *)encoder)->error : "";
}

static NVENCSTATUS set_streams(void *encoder, NV_ENC_CUSTREAM_PTR in, NV_ENC_CUSTREAM_PTR out)
{
    (void)encoder, (void)in, (void)out;
    return NV_ENC_SUCCESS;
}

EXPORT NVENCSTATUS NvEncodeAPIGetMaxSupportedVersion(uint32_t *version)
{
    double number = sim_config()->nvenc_version;
    uint32_t major = (uint32_t)number;
    *version = major << 4 | (uint32_t)((number - major) * 10 + 0.5);
    return NV_ENC_SUCCESS;
}

EXPORT NVENCSTATUS NvEncodeAPICreateInstance(NV_ENCODE_API_FUNCTION_LIST *list)
{
    if (!list)
        return NV_ENC_ERR_INVALID_PTR;
    if (list->version != NV_ENCODE_API_FUNCTION_LIST_VER)
        return NV_ENC_ERR_INVALID_VERSION;
    list->nvEncOpenEncodeSessionEx = open_session;
    list->nvEncDestroyEncoder = destroy;
    list->nvEncGetLastErrorString = last_error;
    list->nvEncSetIOCudaStreams = set_streams;
    list->nvEncGetEncodeGUIDCount = caps_codec_count;
    list->nvEncGetEncodeGUIDs = caps_codecs;
    list->nvEncGetEncodeProfileGUIDCount = caps_profile_count;
    list->nvEncGetEncodeProfileGUIDs = caps_profiles;
    list->nvEncGetInputFormatCount = caps_format_count;
    list->nvEncGetInputFormats = caps_formats;
    list->nvEncGetEncodeCaps = caps_value;
    list->nvEncGetEncodePresetCount = caps_preset_count;
    list->nvEncGetEncodePresetGUIDs = caps_presets;
    list->nvEncGetEncodePresetConfigEx = caps_preset;
    list->nvEncInitializeEncoder = session_initialise;
    list->nvEncReconfigureEncoder = session_reconfigure;
    list->nvEncEncodePicture = session_encode;
    list->nvEncLockBitstream = session_lock;
    list->nvEncUnlockBitstream = session_unlock;
    list->nvEncGetSequenceParams = session_headers;
    list->nvEncCreateInputBuffer = buffer_create_input;
    list->nvEncDestroyInputBuffer = buffer_destroy_input;
    list->nvEncLockInputBuffer = buffer_lock_input;
    list->nvEncUnlockInputBuffer = buffer_unlock_input;
    list->nvEncCreateBitstreamBuffer = buffer_create_output;
    list->nvEncDestroyBitstreamBuffer = buffer_destroy_output;
    list->nvEncRegisterResource = buffer_register;
    list->nvEncUnregisterResource = buffer_unregister;
    list->nvEncMapInputResource = buffer_map;
    list->nvEncUnmapInputResource = buffer_unmap;
    return NV_ENC_SUCCESS;
}
