/* simgpu-devices: what CUDA says of the devices' identity, then what NVML says, a line for each device and for each encoder session. Exits with NVML's code. */
#include "../nvml/nvml.h"
#include <ffnvcodec/dynlink_cuda.h>
#include <stdio.h>

nvmlReturn_t nvmlInit_v2(void);
const char *nvmlErrorString(nvmlReturn_t error);
nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned size);
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count);
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device);
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned size);
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned size);
nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci);
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory);
nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned *utilization, unsigned *period_us);
nvmlReturn_t nvmlDeviceGetEncoderSessions(nvmlDevice_t device, unsigned *count, nvmlEncoderSessionInfo_t *list);

tcuInit cuInit;
tcuDeviceGetCount cuDeviceGetCount;
tcuDeviceGetUuid cuDeviceGetUuid;
CUresult cuDeviceGetPCIBusId(char *id, int size, CUdevice device);

static void print_cuda(void)
{
    int devices = 0;
    if (cuInit(0) != CUDA_SUCCESS || cuDeviceGetCount(&devices) != CUDA_SUCCESS)
        return;
    for (int i = 0; i < devices; i++) {
        CUuuid uuid;
        char pci[32];
        cuDeviceGetUuid(&uuid, i);
        cuDeviceGetPCIBusId(pci, sizeof(pci), i);
        printf("cuda%d uuid GPU-", i);
        for (int byte = 0; byte < 16; byte++)
            printf(byte == 4 || byte == 6 || byte == 8 || byte == 10 ? "-%02x" : "%02x", (unsigned char)uuid.bytes[byte]);
        printf(" pci %s\n", pci);
    }
    fflush(stdout);
}

static int failed(const char *what, nvmlReturn_t status)
{
    printf("%s: %s (%d)\n", what, nvmlErrorString(status), status);
    return status;
}

int main(void)
{
    print_cuda();
    nvmlReturn_t status = nvmlInit_v2();
    if (status != NVML_SUCCESS)
        return failed("init", status);
    char driver[80];
    unsigned devices;
    nvmlSystemGetDriverVersion(driver, sizeof(driver));
    nvmlDeviceGetCount_v2(&devices);
    printf("driver %s devices %u\n", driver, devices);
    for (unsigned i = 0; i < devices; i++) {
        nvmlDevice_t device;
        char name[96], uuid[96];
        nvmlPciInfo_t pci;
        nvmlDeviceGetHandleByIndex_v2(i, &device);
        nvmlDeviceGetName(device, name, sizeof(name));
        nvmlDeviceGetUUID(device, uuid, sizeof(uuid));
        nvmlDeviceGetPciInfo_v3(device, &pci);
        printf("gpu%u uuid %s pci %s name %s\n", i, uuid, pci.busId, name);
        nvmlMemory_t memory;
        unsigned utilization, period, count = 64;
        nvmlEncoderSessionInfo_t sessions[64];
        if ((status = nvmlDeviceGetMemoryInfo(device, &memory)) || (status = nvmlDeviceGetEncoderUtilization(device, &utilization, &period)) ||
            (status = nvmlDeviceGetEncoderSessions(device, &count, sessions)))
            return failed("device", status);
        printf("gpu%u encode %u%% memory %llu/%llu sessions %u\n", i, utilization, memory.used, memory.total, count);
        for (unsigned s = 0; s < count; s++)
            printf("gpu%u session %u pid %u codec %d size %ux%u fps %u\n", i, sessions[s].sessionId, sessions[s].pid, sessions[s].codecType,
                   sessions[s].hResolution, sessions[s].vResolution, sessions[s].averageFps);
    }
    return 0;
}
