#pragma once
#include "../coder/coder.h"
#include <ffnvcodec/nvEncodeAPI.h>

#define EXPORT __attribute__((visibility("default")))
#define MAX_BFRAMES 4
#define MAX_WAITING 64

/* An input buffer of ours or a registered CUDA resource. */
struct surface {
    uint8_t *at;
    uint32_t width, height, pitch;
    NV_ENC_BUFFER_FORMAT format;
};

struct output {
    struct bytes bytes;
    uint64_t time, duration, ready_at;
    NV_ENC_PIC_TYPE type;
    int qp;
    uint32_t frame;
    bool coded;
};

struct input {
    const struct surface *surface;
    uint64_t time, duration, ready_at;
    int since_idr;
    uint32_t frame;
};

struct session {
    struct sim_session *shared;
    struct sim_context *context;
    struct coder *coder;
    struct coder_settings settings;
    bool broken, repeat_headers, no_headers, delimiters, idr_next;
    uint32_t idr_period, frames;
    int since_idr;
    uint64_t memory;
    struct input held[MAX_BFRAMES]; /* would be B, until the next P says so */
    int held_count;
    struct output *waiting[MAX_WAITING]; /* first given, first filled */
    int waiting_count;
    char error[128];
};

bool same_guid(GUID a, GUID b);
NVENCSTATUS session_error(struct session *session, NVENCSTATUS status, const char *text);
/* NV_ENC_SUCCESS, or what every call answers once the device or the session is gone. */
NVENCSTATUS session_check(struct session *session);

NVENCSTATUS session_initialise(void *encoder, NV_ENC_INITIALIZE_PARAMS *params);
NVENCSTATUS session_reconfigure(void *encoder, NV_ENC_RECONFIGURE_PARAMS *params);
NVENCSTATUS session_encode(void *encoder, NV_ENC_PIC_PARAMS *params);
NVENCSTATUS session_lock(void *encoder, NV_ENC_LOCK_BITSTREAM *params);
NVENCSTATUS session_unlock(void *encoder, NV_ENC_OUTPUT_PTR buffer);
NVENCSTATUS session_headers(void *encoder, NV_ENC_SEQUENCE_PARAM_PAYLOAD *payload);

NVENCSTATUS caps_codec_count(void *encoder, uint32_t *count);
NVENCSTATUS caps_codecs(void *encoder, GUID *guids, uint32_t size, uint32_t *count);
NVENCSTATUS caps_profile_count(void *encoder, GUID codec, uint32_t *count);
NVENCSTATUS caps_profiles(void *encoder, GUID codec, GUID *guids, uint32_t size, uint32_t *count);
NVENCSTATUS caps_format_count(void *encoder, GUID codec, uint32_t *count);
NVENCSTATUS caps_formats(void *encoder, GUID codec, NV_ENC_BUFFER_FORMAT *formats, uint32_t size, uint32_t *count);
NVENCSTATUS caps_value(void *encoder, GUID codec, NV_ENC_CAPS_PARAM *param, int *value);
NVENCSTATUS caps_preset_count(void *encoder, GUID codec, uint32_t *count);
NVENCSTATUS caps_presets(void *encoder, GUID codec, GUID *guids, uint32_t size, uint32_t *count);
NVENCSTATUS caps_preset(void *encoder, GUID codec, GUID preset, NV_ENC_TUNING_INFO tuning, NV_ENC_PRESET_CONFIG *config);

NVENCSTATUS buffer_create_input(void *encoder, NV_ENC_CREATE_INPUT_BUFFER *params);
NVENCSTATUS buffer_destroy_input(void *encoder, NV_ENC_INPUT_PTR buffer);
NVENCSTATUS buffer_lock_input(void *encoder, NV_ENC_LOCK_INPUT_BUFFER *params);
NVENCSTATUS buffer_unlock_input(void *encoder, NV_ENC_INPUT_PTR buffer);
NVENCSTATUS buffer_create_output(void *encoder, NV_ENC_CREATE_BITSTREAM_BUFFER *params);
NVENCSTATUS buffer_destroy_output(void *encoder, NV_ENC_OUTPUT_PTR buffer);
NVENCSTATUS buffer_register(void *encoder, NV_ENC_REGISTER_RESOURCE *params);
NVENCSTATUS buffer_unregister(void *encoder, NV_ENC_REGISTERED_PTR resource);
NVENCSTATUS buffer_map(void *encoder, NV_ENC_MAP_INPUT_RESOURCE *params);
NVENCSTATUS buffer_unmap(void *encoder, NV_ENC_INPUT_PTR buffer);
