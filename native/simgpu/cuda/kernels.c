/* The kernels of FFmpeg's scale_cuda, found by name and run in C: Subsample_ALGORITHM_FROM_TO and ..._uv. Every algorithm is bilinear here. */
#include "cuda.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CUfunc_st {
    bool from_interleaved, to_interleaved, chroma;
};

static int layout(const char *name)
{
    return !strcmp(name, "nv12") ? 1 : !strcmp(name, "yuv420p") ? 0 : -1;
}

CUfunction kernel_find(const char *name)
{
    static struct CUfunc_st functions[8];
    char algorithm[32], from[32], to[32], plane[32] = "";
    if (sscanf(name, "Subsample_%31[^_]_%31[^_]_%31[^_]_%31s", algorithm, from, to, plane) < 3)
        return NULL;
    if (layout(from) < 0 || layout(to) < 0 || (*plane && strcmp(plane, "uv")))
        return NULL;
    struct CUfunc_st function = {layout(from) == 1, layout(to) == 1, *plane != 0};
    struct CUfunc_st *place = &functions[function.from_interleaved * 4 + function.to_interleaved * 2 + function.chroma];
    *place = function;
    return place;
}

/* One channel; sample positions are pixel centres, in 1/256. */
static void scale(uint8_t *to, size_t pitch, int step, int width, int height, const struct texture *from, int channel, int from_width, int from_height)
{
    int64_t step_x = ((int64_t)from_width << 16) / width, step_y = ((int64_t)from_height << 16) / height;
    for (int y = 0; y < height; y++) {
        int64_t at_y = y * step_y + (step_y - 65536) / 2;
        at_y = at_y < 0 ? 0 : at_y;
        int row = (int)(at_y >> 16), below = row + 1 < from_height ? row + 1 : row, fraction_y = (int)(at_y >> 8 & 255);
        const uint8_t *upper = from->at + (size_t)row * from->pitch + channel, *lower = from->at + (size_t)below * from->pitch + channel;
        uint8_t *out = to + (size_t)y * pitch;
        for (int x = 0; x < width; x++) {
            int64_t at_x = x * step_x + (step_x - 65536) / 2;
            at_x = at_x < 0 ? 0 : at_x;
            int column = (int)(at_x >> 16), right = column + 1 < from_width ? column + 1 : column, fraction_x = (int)(at_x >> 8 & 255);
            column *= from->channels;
            right *= from->channels;
            int top = upper[column] * (256 - fraction_x) + upper[right] * fraction_x;
            int bottom = lower[column] * (256 - fraction_x) + lower[right] * fraction_x;
            out[x * step] = (uint8_t)((top * (256 - fraction_y) + bottom * fraction_y + 32768) >> 16);
        }
    }
}

CUresult kernel_run(CUfunction function, void **arguments, struct sim_context *context)
{
    const struct texture *texture[4];
    uint8_t *to[4];
    for (int i = 0; i < 4; i++) {
        texture[i] = (const struct texture *)(uintptr_t)*(CUtexObject *)arguments[i];
        to[i] = (uint8_t *)(uintptr_t)*(CUdeviceptr *)arguments[4 + i];
    }
    int width = *(int *)arguments[8], height = *(int *)arguments[9], pitch = *(int *)arguments[10];
    int from_width = *(int *)arguments[11], from_height = *(int *)arguments[12];
    sim_compute(context->device, (uint64_t)width * (uint64_t)height);
    if (!function->chroma) {
        scale(to[0], (size_t)pitch, 1, width, height, texture[0], 0, from_width, from_height);
        return CUDA_SUCCESS;
    }
    for (int i = 0; i < 2; i++) {
        const struct texture *from = function->from_interleaved ? texture[1] : texture[1 + i];
        uint8_t *out = function->to_interleaved ? to[1] + i : to[1 + i];
        scale(out, (size_t)pitch, function->to_interleaved ? 2 : 1, width, height, from, function->from_interleaved ? i : 0, from_width, from_height);
    }
    return CUDA_SUCCESS;
}

EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
    (void)image;
    CUresult status = cuda_ready(NULL);
    *module = status == CUDA_SUCCESS ? malloc(1) : NULL;
    return status;
}

EXPORT CUresult cuModuleUnload(CUmodule module)
{
    free(module);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    (void)module;
    *function = kernel_find(name);
    return *function ? CUDA_SUCCESS : CUDA_NOT_FOUND;
}

EXPORT CUresult cuModuleGetGlobal(CUdeviceptr *pointer, size_t *size, CUmodule module, const char *name)
{
    (void)pointer, (void)size, (void)module, (void)name;
    return CUDA_NOT_FOUND;
}

EXPORT CUresult cuTexObjectCreate(CUtexObject *object, const CUDA_RESOURCE_DESC *resource, const CUDA_TEXTURE_DESC *sampling, const CUDA_RESOURCE_VIEW_DESC *view)
{
    (void)sampling, (void)view;
    if (resource->resType != CU_RESOURCE_TYPE_PITCH2D || resource->res.pitch2D.format != CU_AD_FORMAT_UNSIGNED_INT8)
        return CUDA_NOT_SUPPORTED;
    struct texture *texture = malloc(sizeof(*texture));
    if (!texture)
        abort();
    *texture = (struct texture){
        .at = (const uint8_t *)(uintptr_t)resource->res.pitch2D.devPtr,
        .channels = (int)resource->res.pitch2D.numChannels,
        .width = (int)resource->res.pitch2D.width,
        .height = (int)resource->res.pitch2D.height,
        .pitch = resource->res.pitch2D.pitchInBytes,
    };
    *object = (CUtexObject)(uintptr_t)texture;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuTexObjectDestroy(CUtexObject object)
{
    free((void *)(uintptr_t)object);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y, unsigned block_z,
                               unsigned shared, CUstream stream, void **arguments, void **extra)
{
    (void)grid_x, (void)grid_y, (void)grid_z, (void)block_x, (void)block_y, (void)block_z, (void)shared, (void)stream, (void)extra;
    struct sim_context *context;
    CUresult status = cuda_ready(&context);
    return status != CUDA_SUCCESS ? status : function ? kernel_run(function, arguments, context) : CUDA_INVALID_HANDLE;
}
