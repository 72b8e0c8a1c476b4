#pragma once
#include "../simgpu.h"
#include <ffnvcodec/dynlink_cuda.h>

#define EXPORT __attribute__((visibility("default")))
#define CONTEXT_MAGIC 0x43545853u

#define CUDA_INVALID_VALUE ((CUresult)1)
#define CUDA_OUT_OF_MEMORY ((CUresult)2)
#define CUDA_NO_DEVICE ((CUresult)100)
#define CUDA_INVALID_DEVICE ((CUresult)101)
#define CUDA_INVALID_CONTEXT ((CUresult)201)
#define CUDA_INVALID_HANDLE ((CUresult)400)
#define CUDA_NOT_FOUND ((CUresult)500)
#define CUDA_NOT_SUPPORTED ((CUresult)801)

struct texture {
    const uint8_t *at;
    int channels, width, height;
    size_t pitch;
};

/* The current context, or null. */
struct sim_context *cuda_current(void);
/* CUDA_SUCCESS, or what a call answers without a context or on a lost device. */
CUresult cuda_ready(struct sim_context **context);
/* By name, since the PTX that comes along is not run; null where it is not simulated. */
CUfunction kernel_find(const char *name);
CUresult kernel_run(CUfunction function, void **arguments, struct sim_context *context);
