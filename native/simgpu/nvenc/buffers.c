/* Input and output buffers, and CUDA memory registered as input. */
#include "session.h"
#include <stdlib.h>

static bool planar(NV_ENC_BUFFER_FORMAT format)
{
    return format == NV_ENC_BUFFER_FORMAT_NV12 || format == NV_ENC_BUFFER_FORMAT_YV12 || format == NV_ENC_BUFFER_FORMAT_IYUV;
}

NVENCSTATUS buffer_create_input(void *encoder, NV_ENC_CREATE_INPUT_BUFFER *params)
{
    NVENCSTATUS status = session_check(encoder);
    if (status != NV_ENC_SUCCESS)
        return status;
    if (!planar(params->bufferFmt))
        return session_error(encoder, NV_ENC_ERR_UNSUPPORTED_PARAM, "simulated: only 8 bit 4:2:0");
    struct surface *surface = calloc(1, sizeof(*surface));
    uint32_t pitch = (params->width + 63) & ~63u, height = (params->height + 1) & ~1u;
    *surface = (struct surface){malloc((size_t)pitch * height * 3 / 2), params->width, height, pitch, params->bufferFmt};
    if (!surface->at)
        abort();
    params->inputBuffer = surface;
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_destroy_input(void *encoder, NV_ENC_INPUT_PTR buffer)
{
    (void)encoder;
    free(((struct surface *)buffer)->at);
    free(buffer);
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_lock_input(void *encoder, NV_ENC_LOCK_INPUT_BUFFER *params)
{
    NVENCSTATUS status = session_check(encoder);
    if (status != NV_ENC_SUCCESS)
        return status;
    struct surface *surface = params->inputBuffer;
    params->bufferDataPtr = surface->at;
    params->pitch = surface->pitch;
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_unlock_input(void *encoder, NV_ENC_INPUT_PTR buffer)
{
    (void)encoder, (void)buffer;
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_create_output(void *encoder, NV_ENC_CREATE_BITSTREAM_BUFFER *params)
{
    NVENCSTATUS status = session_check(encoder);
    if (status == NV_ENC_SUCCESS)
        params->bitstreamBuffer = calloc(1, sizeof(struct output));
    return status;
}

NVENCSTATUS buffer_destroy_output(void *encoder, NV_ENC_OUTPUT_PTR buffer)
{
    struct session *session = encoder;
    struct output *output = buffer;
    int kept = 0;
    for (int i = 0; i < session->waiting_count; i++)
        if (session->waiting[i] != output)
            session->waiting[kept++] = session->waiting[i];
    session->waiting_count = kept;
    free(output->bytes.at);
    free(output);
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_register(void *encoder, NV_ENC_REGISTER_RESOURCE *params)
{
    NVENCSTATUS status = session_check(encoder);
    if (status != NV_ENC_SUCCESS)
        return status;
    if (params->resourceType != NV_ENC_INPUT_RESOURCE_TYPE_CUDADEVICEPTR || !planar(params->bufferFormat))
        return session_error(encoder, NV_ENC_ERR_UNSUPPORTED_PARAM, "simulated: only 8 bit 4:2:0 in CUDA memory");
    struct surface *surface = calloc(1, sizeof(*surface));
    *surface = (struct surface){params->resourceToRegister, params->width, params->height, params->pitch, params->bufferFormat};
    params->registeredResource = surface;
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_unregister(void *encoder, NV_ENC_REGISTERED_PTR resource)
{
    (void)encoder;
    free(resource);
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_map(void *encoder, NV_ENC_MAP_INPUT_RESOURCE *params)
{
    NVENCSTATUS status = session_check(encoder);
    if (status != NV_ENC_SUCCESS)
        return status;
    params->mappedResource = params->registeredResource;
    params->mappedBufferFmt = ((struct surface *)params->registeredResource)->format;
    return NV_ENC_SUCCESS;
}

NVENCSTATUS buffer_unmap(void *encoder, NV_ENC_INPUT_PTR buffer)
{
    (void)encoder, (void)buffer;
    return NV_ENC_SUCCESS;
}
