/* libnvidia-ml.so.1: the system, and who its devices are. */
#include "internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

EXPORT const char SIM_MARKER[] = "simulated libnvidia-ml.so.1";

static nvmlReturn_t check(void)
{
    while (sim_config()->nvml_hang)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    const struct sim_config *config = sim_config();
    if (config->nvml_error)
        return (nvmlReturn_t)config->nvml_error;
    return config->cuinit_error == 803 ? NVML_ERROR_LIB_RM_VERSION_MISMATCH : NVML_SUCCESS;
}

int nvml_index(nvmlDevice_t device)
{
    return (int)(uintptr_t)device - 1;
}

nvmlReturn_t nvml_check(nvmlDevice_t device, bool measured)
{
    nvmlReturn_t status = check();
    if (status != NVML_SUCCESS)
        return status;
    if (nvml_index(device) < 0 || nvml_index(device) >= sim_config()->devices)
        return NVML_ERROR_INVALID_ARGUMENT;
    return measured && sim_lost(nvml_index(device), sim_losses(nvml_index(device))) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

const struct sim_device_config *nvml_settings(nvmlDevice_t device)
{
    return &sim_config()->device[nvml_index(device)];
}

static nvmlReturn_t put(char *to, unsigned size, const char *text)
{
    if (strlen(text) >= size)
        return NVML_ERROR_INSUFFICIENT_SIZE;
    strcpy(to, text);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlInit_v2(void)
{
    return check();
}
ALIAS(nvmlInit, nvmlInit_v2);

EXPORT nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
    (void)flags;
    return check();
}

EXPORT nvmlReturn_t nvmlShutdown(void)
{
    return NVML_SUCCESS;
}

EXPORT const char *nvmlErrorString(nvmlReturn_t error)
{
    switch (error) {
    case NVML_SUCCESS:
        return "Success";
    case NVML_ERROR_UNINITIALIZED:
        return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT:
        return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED:
        return "Not Supported";
    case NVML_ERROR_NOT_FOUND:
        return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE:
        return "Insufficient Size";
    case NVML_ERROR_GPU_IS_LOST:
        return "GPU is lost";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH:
        return "Driver/library version mismatch";
    default:
        return "Unknown Error";
    }
}

EXPORT nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned size)
{
    nvmlReturn_t status = check();
    if (status != NVML_SUCCESS)
        return status;
    char text[96];
    snprintf(text, sizeof(text), "%s.simulated", sim_config()->driver_version);
    return put(version, size, text);
}

EXPORT nvmlReturn_t nvmlSystemGetNVMLVersion(char *version, unsigned size)
{
    return put(version, size, "12.570.00.simulated");
}

EXPORT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version)
{
    *version = 12080;
    return check();
}
ALIAS(nvmlSystemGetCudaDriverVersion, nvmlSystemGetCudaDriverVersion_v2);

EXPORT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
    nvmlReturn_t status = check();
    *count = (unsigned)sim_config()->devices;
    return status;
}
ALIAS(nvmlDeviceGetCount, nvmlDeviceGetCount_v2);

EXPORT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
    *device = (nvmlDevice_t)(uintptr_t)(index + 1);
    return nvml_check(*device, false);
}
ALIAS(nvmlDeviceGetHandleByIndex, nvmlDeviceGetHandleByIndex_v2);

EXPORT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *uuid, nvmlDevice_t *device)
{
    for (int i = 0; i < sim_config()->devices; i++)
        if (!strcasecmp(uuid, sim_config()->device[i].uuid))
            return nvmlDeviceGetHandleByIndex_v2((unsigned)i, device);
    nvmlReturn_t status = check();
    return status != NVML_SUCCESS ? status : NVML_ERROR_NOT_FOUND;
}

EXPORT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *pci, nvmlDevice_t *device)
{
    unsigned asked[4] = {0}, has[4];
    if (sscanf(pci, "%x:%x:%x.%x", &asked[0], &asked[1], &asked[2], &asked[3]) < 3)
        return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < sim_config()->devices; i++) {
        sscanf(sim_config()->device[i].pci, "%x:%x:%x.%x", &has[0], &has[1], &has[2], &has[3]);
        if (!memcmp(asked, has, sizeof(has)))
            return nvmlDeviceGetHandleByIndex_v2((unsigned)i, device);
    }
    nvmlReturn_t status = check();
    return status != NVML_SUCCESS ? status : NVML_ERROR_NOT_FOUND;
}
ALIAS(nvmlDeviceGetHandleByPciBusId, nvmlDeviceGetHandleByPciBusId_v2);

EXPORT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned *index)
{
    KNOWN(device);
    *index = (unsigned)nvml_index(device);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *number)
{
    return nvmlDeviceGetIndex(device, number);
}

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned size)
{
    KNOWN(device);
    return put(name, size, nvml_settings(device)->name);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned size)
{
    KNOWN(device);
    return put(uuid, size, nvml_settings(device)->uuid);
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    KNOWN(device);
    memset(pci, 0, sizeof(*pci));
    const char *text = nvml_settings(device)->pci;
    sscanf(text, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
    pci->pciDeviceId = 0x51c010de; /* no card has it */
    snprintf(pci->busId, sizeof(pci->busId), "%s", text);
    snprintf(pci->busIdLegacy, sizeof(pci->busIdLegacy), "%.12s", text + 4);
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetPciInfo_v2, nvmlDeviceGetPciInfo_v3);
ALIAS(nvmlDeviceGetPciInfo, nvmlDeviceGetPciInfo_v3);

EXPORT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor)
{
    KNOWN(device);
    int tenths = (int)(nvml_settings(device)->compute_capability * 10 + 0.5);
    *major = tenths / 10;
    *minor = tenths % 10;
    return NVML_SUCCESS;
}
