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
        sim_scale(to[0], (size_t)pitch, 1, width, height, texture[0]->at, texture[0]->pitch, texture[0]->channels, from_width, from_height);
        return CUDA_SUCCESS;
    }
    for (int i = 0; i < 2; i++) {
        const struct texture *from = function->from_interleaved ? texture[1] : texture[1 + i];
        uint8_t *out = function->to_interleaved ? to[1] + i : to[1 + i];
        sim_scale(out, (size_t)pitch, function->to_interleaved ? 2 : 1, width, height, from->at + (function->from_interleaved ? i : 0), from->pitch,
                  from->channels, from_width, from_height);
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
