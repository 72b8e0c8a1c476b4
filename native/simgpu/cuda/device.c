/* Devices, contexts and errors of the CUDA driver API. */
#include "cuda.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

EXPORT const char SIM_MARKER[] = "simulated libcuda.so.1";

#define MAX_STACK 32
static __thread struct sim_context *stack[MAX_STACK];
static __thread int depth;
static struct sim_context primary[SIM_MAX_GPUS];
static unsigned primary_flags[SIM_MAX_GPUS];

struct sim_context *cuda_current(void)
{
    return depth > 0 ? stack[depth - 1] : NULL;
}

CUresult cuda_ready(struct sim_context **context)
{
    struct sim_context *current = cuda_current();
    if (!current)
        return CUDA_INVALID_CONTEXT;
    if (sim_lost(current->device, current->losses))
        return (CUresult)sim_config()->device[current->device].lost_cuda_error;
    if (context)
        *context = current;
    return CUDA_SUCCESS;
}

static bool is_device(CUdevice device)
{
    return device >= 0 && device < sim_config()->devices;
}

EXPORT CUresult cuInit(unsigned flags)
{
    (void)flags;
    const struct sim_config *config = sim_config();
    return config->cuinit_error ? (CUresult)config->cuinit_error : config->devices ? CUDA_SUCCESS : CUDA_NO_DEVICE;
}

EXPORT CUresult cuDriverGetVersion(int *version)
{
    *version = 12080;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetCount(int *count)
{
    *count = (int)sim_config()->devices;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    if (!is_device(ordinal))
        return CUDA_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

static int compute_capability(CUdevice device, bool major)
{
    int tenths = (int)(sim_config()->device[device].compute_capability * 10 + 0.5);
    return major ? tenths / 10 : tenths % 10;
}

EXPORT CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device)
{
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    unsigned domain = 0, bus = 0, number = 0;
    sscanf(sim_config()->device[device].pci, "%x:%x:%x", &domain, &bus, &number);
    switch ((int)attribute) {
    case CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT:
        *value = 512;
        break;
    case CU_DEVICE_ATTRIBUTE_TEXTURE_PITCH_ALIGNMENT:
        *value = 32;
        break;
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
        *value = 28;
        break;
    case CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING:
        *value = 1;
        break;
    case CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID:
        *value = (int)domain;
        break;
    case CU_DEVICE_ATTRIBUTE_PCI_BUS_ID:
        *value = (int)bus;
        break;
    case CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID:
        *value = (int)number;
        break;
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
        *value = compute_capability(device, (int)attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
        break;
    default:
        *value = 0;
    }
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetName(char *name, int size, CUdevice device)
{
    if (!is_device(device) || size <= 0)
        return CUDA_INVALID_DEVICE;
    snprintf(name, (size_t)size, "%s", sim_config()->device[device].name);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetUuid(CUuuid *uuid, CUdevice device)
{
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    const char *text = sim_config()->device[device].uuid + strlen("GPU-");
    for (int i = 0; i < 16; i++) {
        unsigned byte = 0;
        text += *text == '-';
        sscanf(text, "%2x", &byte);
        uuid->bytes[i] = (char)byte;
        text += 2;
    }
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice device)
{
    if (!is_device(device) || size <= 0)
        return CUDA_INVALID_DEVICE;
    snprintf(id, (size_t)size, "%s", sim_config()->device[device].pci + 4); /* CUDA's domain has four digits, NVML's eight */
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device)
{
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    *bytes = sim_memory_total(device);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDeviceComputeCapability(int *major, int *minor, CUdevice device)
{
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    *major = compute_capability(device, true);
    *minor = compute_capability(device, false);
    return CUDA_SUCCESS;
}

static CUresult start_context(struct sim_context *context, CUdevice device)
{
    uint64_t losses = sim_losses(device);
    if (sim_lost(device, losses))
        return (CUresult)sim_config()->device[device].lost_cuda_error;
    if (!sim_take_memory(device, SIM_CONTEXT_BYTES))
        return CUDA_OUT_OF_MEMORY;
    *context = (struct sim_context){CONTEXT_MAGIC, device, losses, 1};
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxPushCurrent_v2(CUcontext context)
{
    if (depth == MAX_STACK || (context && ((struct sim_context *)context)->magic != CONTEXT_MAGIC))
        return CUDA_INVALID_CONTEXT;
    stack[depth++] = (struct sim_context *)context;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxPopCurrent_v2(CUcontext *context)
{
    if (depth == 0)
        return CUDA_INVALID_CONTEXT;
    depth--;
    if (context)
        *context = (CUcontext)stack[depth];
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxSetCurrent(CUcontext context)
{
    if (depth > 0)
        depth--;
    return context ? cuCtxPushCurrent_v2(context) : CUDA_SUCCESS;
}

EXPORT CUresult cuCtxGetCurrent(CUcontext *context)
{
    *context = (CUcontext)cuda_current();
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxCreate_v2(CUcontext *result, unsigned flags, CUdevice device)
{
    (void)flags;
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    struct sim_context *context = calloc(1, sizeof(*context));
    if (!context)
        abort();
    CUresult status = start_context(context, device);
    if (status != CUDA_SUCCESS) {
        free(context);
        return status;
    }
    *result = (CUcontext)context;
    return cuCtxPushCurrent_v2(*result);
}

EXPORT CUresult cuCtxDestroy_v2(CUcontext handle)
{
    struct sim_context *context = (struct sim_context *)handle;
    if (!context || context->magic != CONTEXT_MAGIC)
        return CUDA_INVALID_CONTEXT;
    if (cuda_current() == context)
        depth--;
    sim_give_memory(context->device, SIM_CONTEXT_BYTES);
    context->magic = 0;
    free(context);
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxSetLimit(CUlimit limit, size_t value)
{
    (void)limit, (void)value;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxSynchronize(void)
{
    return cuda_ready(NULL);
}

EXPORT CUresult cuCtxGetDevice(CUdevice *device)
{
    if (!cuda_current())
        return CUDA_INVALID_CONTEXT;
    *device = cuda_current()->device;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    if (primary[device].references++ == 0) {
        CUresult status = start_context(&primary[device], device);
        if (status != CUDA_SUCCESS) {
            primary[device].references = 0;
            return status;
        }
    }
    *context = (CUcontext)&primary[device];
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice device)
{
    if (!is_device(device) || primary[device].references == 0)
        return CUDA_INVALID_CONTEXT;
    if (--primary[device].references == 0)
        sim_give_memory(device, SIM_CONTEXT_BYTES);
    return CUDA_SUCCESS;
}
EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) __attribute__((alias("cuDevicePrimaryCtxRelease")));

EXPORT CUresult cuDevicePrimaryCtxSetFlags(CUdevice device, unsigned flags)
{
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    primary_flags[device] = flags;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active)
{
    if (!is_device(device))
        return CUDA_INVALID_DEVICE;
    *flags = primary_flags[device];
    *active = primary[device].references > 0;
    return CUDA_SUCCESS;
}

EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice device)
{
    return is_device(device) ? CUDA_SUCCESS : CUDA_INVALID_DEVICE;
}

static const struct {
    int code;
    const char *name, *text;
} errors[] = {
    {0, "CUDA_SUCCESS", "no error"},
    {1, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {2, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {3, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {46, "CUDA_ERROR_DEVICE_UNAVAILABLE", "CUDA-capable device(s) is/are busy or unavailable"},
    {100, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {101, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {201, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {214, "CUDA_ERROR_ECC_UNCORRECTABLE", "uncorrectable ECC error encountered"},
    {400, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {500, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {700, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {719, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {801, "CUDA_ERROR_NOT_SUPPORTED", "operation not supported"},
    {802, "CUDA_ERROR_SYSTEM_NOT_READY", "system not yet initialized"},
    {803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "system has unsupported display driver / cuda driver combination"},
    {999, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

static CUresult describe(CUresult error, const char **result, bool name)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++)
        if (errors[i].code == (int)error) {
            *result = name ? errors[i].name : errors[i].text;
            return CUDA_SUCCESS;
        }
    *result = NULL;
    return CUDA_INVALID_VALUE;
}

EXPORT CUresult cuGetErrorName(CUresult error, const char **name)
{
    return describe(error, name, true);
}

EXPORT CUresult cuGetErrorString(CUresult error, const char **text)
{
    return describe(error, text, false);
}
