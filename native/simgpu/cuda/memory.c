/* Device memory, which is the process's own and counted, copies, and streams, which are always done. */
#include "cuda.h"
#include <stdlib.h>
#include <string.h>

#define HEAD 512 /* keeps what follows aligned for textures */
#define ALIGNMENT 512

struct head {
    size_t size;
    int device;
};

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *result, size_t size)
{
    struct sim_context *context;
    CUresult status = cuda_ready(&context);
    if (status != CUDA_SUCCESS)
        return status;
    if (size == 0)
        return CUDA_INVALID_VALUE;
    if (!sim_take_memory(context->device, size))
        return CUDA_OUT_OF_MEMORY;
    void *block;
    if (posix_memalign(&block, ALIGNMENT, HEAD + size))
        abort();
    *(struct head *)block = (struct head){size, context->device};
    *result = (CUdeviceptr)((uintptr_t)block + HEAD);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr *result, size_t *pitch, size_t width, size_t height, unsigned element)
{
    (void)element;
    *pitch = (width + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return cuMemAlloc_v2(result, *pitch * height);
}

EXPORT CUresult cuMemAllocManaged(CUdeviceptr *result, size_t size, unsigned flags)
{
    (void)flags;
    return cuMemAlloc_v2(result, size);
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer)
{
    if (!pointer)
        return CUDA_SUCCESS;
    struct head *head = (struct head *)((uintptr_t)pointer - HEAD);
    sim_give_memory(head->device, head->size);
    free(head);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemGetInfo_v2(size_t *unused, size_t *total)
{
    struct sim_context *context;
    CUresult status = cuda_ready(&context);
    if (status != CUDA_SUCCESS)
        return status;
    *total = sim_memory_total(context->device);
    *unused = *total - sim_memory_used(sim_lock(), context->device);
    sim_unlock();
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemsetD8Async(CUdeviceptr pointer, unsigned char value, size_t count, CUstream stream)
{
    (void)stream;
    CUresult status = cuda_ready(NULL);
    if (status == CUDA_SUCCESS)
        memset((void *)(uintptr_t)pointer, value, count);
    return status;
}

static CUresult copy(uintptr_t to, uintptr_t from, size_t size)
{
    CUresult status = cuda_ready(NULL);
    if (status == CUDA_SUCCESS)
        memcpy((void *)to, (const void *)from, size);
    return status;
}

EXPORT CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t size)
{
    return copy(to, from, size);
}

EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)
{
    (void)stream;
    return copy(to, from, size);
}

EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t size)
{
    return copy(to, (uintptr_t)from, size);
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, CUstream stream)
{
    (void)stream;
    return copy(to, (uintptr_t)from, size);
}

EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t size)
{
    return copy((uintptr_t)to, from, size);
}

EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, CUstream stream)
{
    (void)stream;
    return copy((uintptr_t)to, from, size);
}

EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t size)
{
    return copy(to, from, size);
}

EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t size, CUstream stream)
{
    (void)stream;
    return copy(to, from, size);
}

EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D *order)
{
    CUresult status = cuda_ready(NULL);
    if (status != CUDA_SUCCESS)
        return status;
    if (order->srcMemoryType == CU_MEMORYTYPE_ARRAY || order->dstMemoryType == CU_MEMORYTYPE_ARRAY)
        return CUDA_NOT_SUPPORTED;
    const uint8_t *from = order->srcMemoryType == CU_MEMORYTYPE_HOST ? order->srcHost : (const void *)(uintptr_t)order->srcDevice;
    uint8_t *to = order->dstMemoryType == CU_MEMORYTYPE_HOST ? order->dstHost : (void *)(uintptr_t)order->dstDevice;
    from += order->srcY * order->srcPitch + order->srcXInBytes;
    to += order->dstY * order->dstPitch + order->dstXInBytes;
    for (size_t row = 0; row < order->Height; row++)
        memcpy(to + row * order->dstPitch, from + row * order->srcPitch, order->WidthInBytes);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D *order, CUstream stream)
{
    (void)stream;
    return cuMemcpy2D_v2(order);
}

EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned flags)
{
    (void)flags;
    *stream = malloc(1);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamQuery(CUstream stream)
{
    (void)stream;
    return cuda_ready(NULL);
}

EXPORT CUresult cuStreamSynchronize(CUstream stream)
{
    (void)stream;
    return cuda_ready(NULL);
}

EXPORT CUresult cuStreamDestroy_v2(CUstream stream)
{
    free(stream);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuStreamAddCallback(CUstream stream, CUstreamCallback *callback, void *user, unsigned flags)
{
    (void)flags;
    callback(stream, cuda_ready(NULL), user);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventCreate(CUevent *event, unsigned flags)
{
    (void)flags;
    *event = malloc(1);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventDestroy_v2(CUevent event)
{
    free(event);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuEventSynchronize(CUevent event)
{
    (void)event;
    return cuda_ready(NULL);
}

EXPORT CUresult cuEventQuery(CUevent event)
{
    (void)event;
    return cuda_ready(NULL);
}

EXPORT CUresult cuEventRecord(CUevent event, CUstream stream)
{
    (void)event, (void)stream;
    return cuda_ready(NULL);
}
