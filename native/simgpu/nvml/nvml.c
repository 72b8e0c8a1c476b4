/* libnvidia-ml.so.1: what the state says, in NVML's words. */
#include "nvml.h"
#include "../simgpu.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define ALIAS(name, of) EXPORT __attribute__((alias(#of))) __typeof__(of) name

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

static int index_of(nvmlDevice_t device)
{
    return (int)(uintptr_t)device - 1;
}

/* Identity can be asked of a lost device too, measured values cannot. */
static nvmlReturn_t check_device(nvmlDevice_t device, bool measured)
{
    nvmlReturn_t status = check();
    if (status != NVML_SUCCESS)
        return status;
    if (index_of(device) < 0 || index_of(device) >= sim_config()->devices)
        return NVML_ERROR_INVALID_ARGUMENT;
    return measured && sim_lost(index_of(device), sim_losses(index_of(device))) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}

#define KNOWN(device)                                        \
    do {                                                     \
        nvmlReturn_t status = check_device(device, false);   \
        if (status != NVML_SUCCESS)                          \
            return status;                                   \
    } while (0)
#define ALIVE(device)                                        \
    do {                                                     \
        nvmlReturn_t status = check_device(device, true);    \
        if (status != NVML_SUCCESS)                          \
            return status;                                   \
    } while (0)

static const struct sim_device_config *settings(nvmlDevice_t device)
{
    return &sim_config()->device[index_of(device)];
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
    return check_device(*device, false);
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
    *index = (unsigned)index_of(device);
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *number)
{
    return nvmlDeviceGetIndex(device, number);
}

EXPORT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned size)
{
    KNOWN(device);
    return put(name, size, settings(device)->name);
}

EXPORT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned size)
{
    KNOWN(device);
    return put(uuid, size, settings(device)->uuid);
}

EXPORT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
    KNOWN(device);
    memset(pci, 0, sizeof(*pci));
    const char *text = settings(device)->pci;
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
    int tenths = (int)(settings(device)->compute_capability * 10 + 0.5);
    *major = tenths / 10;
    *minor = tenths % 10;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    ALIVE(device);
    struct sim_state *state = sim_lock();
    sim_reap(state);
    memory->total = sim_memory_total(index_of(device));
    memory->used = sim_memory_used(state, index_of(device));
    memory->free = memory->total - memory->used;
    sim_unlock();
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory)
{
    nvmlMemory_t plain;
    nvmlReturn_t status = nvmlDeviceGetMemoryInfo(device, &plain);
    if (status == NVML_SUCCESS)
        *memory = (nvmlMemory_v2_t){memory->version, plain.total, 0, plain.free, plain.used};
    return status;
}

static unsigned percent(uint64_t busy_ns, long engines)
{
    uint64_t value = (busy_ns / (uint64_t)engines + 5000000) / 10000000;
    return value > 100 ? 100 : (unsigned)value;
}

EXPORT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *utilization)
{
    ALIVE(device);
    struct sim_state *state = sim_lock();
    utilization->gpu = percent(sim_meter_second(&state->device[index_of(device)].compute_ns), 1);
    utilization->memory = utilization->gpu / 2;
    sim_unlock();
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned *utilization, unsigned *period_us)
{
    ALIVE(device);
    struct sim_state *state = sim_lock();
    unsigned foreign = (unsigned)(100 * sim_foreign_load(settings(device)) + 0.5);
    unsigned all = foreign + percent(sim_meter_second(&state->device[index_of(device)].encode_ns), settings(device)->engines);
    sim_unlock();
    *utilization = all > 100 ? 100 : all;
    *period_us = 1000000;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned *utilization, unsigned *period_us)
{
    ALIVE(device);
    *utilization = 0; /* no decode engine is simulated */
    *period_us = 1000000;
    return NVML_SUCCESS;
}

/* Returns how many there are and writes as many as fit. */
static unsigned list_sessions(nvmlDevice_t device, nvmlEncoderSessionInfo_t *list, unsigned room)
{
    const struct sim_device_config *config = settings(device);
    struct sim_state *state = sim_lock();
    sim_reap(state);
    unsigned count = 0;
    for (long i = 0; i < config->foreign_sessions; i++, count++)
        if (count < room)
            list[count] = (nvmlEncoderSessionInfo_t){(unsigned)(1000000 + i), (unsigned)config->foreign_pid, 0, 0, (unsigned)config->foreign_width,
                                                     (unsigned)config->foreign_height, (unsigned)config->foreign_fps, 5000};
    for (int i = 0; i < SIM_MAX_SESSIONS; i++) {
        const struct sim_session *session = &state->session[i];
        if (!session->used || (int)session->device != index_of(device))
            continue;
        if (count < room)
            list[count] = (nvmlEncoderSessionInfo_t){(unsigned)session->serial, session->pid, 0, (int)session->codec, session->width, session->height,
                                                     (unsigned)sim_meter_second(&session->coded), (unsigned)(session->latency_ns / 1000)};
        count++;
    }
    sim_unlock();
    return count;
}

EXPORT nvmlReturn_t nvmlDeviceGetEncoderSessions(nvmlDevice_t device, unsigned *count, nvmlEncoderSessionInfo_t *list)
{
    ALIVE(device);
    unsigned room = list ? *count : 0;
    *count = list_sessions(device, list, room);
    return list && *count > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEncoderStats(nvmlDevice_t device, unsigned *count, unsigned *fps, unsigned *latency_us)
{
    ALIVE(device);
    nvmlEncoderSessionInfo_t list[SIM_MAX_SESSIONS];
    *count = list_sessions(device, list, SIM_MAX_SESSIONS);
    unsigned long all_fps = 0, all_latency = 0;
    for (unsigned i = 0; i < *count && i < SIM_MAX_SESSIONS; i++) {
        all_fps += list[i].averageFps;
        all_latency += list[i].averageLatency;
    }
    *fps = *count ? (unsigned)(all_fps / *count) : 0;
    *latency_us = *count ? (unsigned)(all_latency / *count) : 0;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEncoderCapacity(nvmlDevice_t device, int codec, unsigned *capacity)
{
    (void)codec;
    unsigned busy, period;
    nvmlReturn_t status = nvmlDeviceGetEncoderUtilization(device, &busy, &period);
    if (status == NVML_SUCCESS)
        *capacity = settings(device)->encoder ? 100 - busy : 0;
    return settings(device)->encoder ? status : NVML_ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius)
{
    (void)sensor;
    ALIVE(device);
    *celsius = (unsigned)settings(device)->temperature_c;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts)
{
    ALIVE(device);
    *milliwatts = (unsigned)settings(device)->power_w * 1000;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *milliwatts)
{
    ALIVE(device);
    *milliwatts = (unsigned)settings(device)->power_limit_w * 1000;
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetPowerManagementLimit, nvmlDeviceGetEnforcedPowerLimit);

/* 0 graphics, 1 SM, 2 memory, 3 video. */
EXPORT nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int clock, unsigned *mhz)
{
    ALIVE(device);
    const struct sim_device_config *config = settings(device);
    if (clock < 0 || clock > 3)
        return NVML_ERROR_INVALID_ARGUMENT;
    *mhz = (unsigned)(clock == 2 ? config->memory_mhz : clock == 3 ? config->video_mhz : config->sm_mhz);
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetMaxClockInfo, nvmlDeviceGetClockInfo);

EXPORT nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    ALIVE(device);
    *reasons = (unsigned long long)settings(device)->throttle;
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetCurrentClocksEventReasons, nvmlDeviceGetCurrentClocksThrottleReasons);

/* Those that hold memory on the device, as NVML lists those with a context; foreign ones as one process. */
EXPORT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *list)
{
    ALIVE(device);
    unsigned room = list ? *count : 0, found = 0;
    struct sim_state *state = sim_lock();
    sim_reap(state);
    if (settings(device)->foreign_memory_mb) {
        if (found < room)
            list[found] = (nvmlProcessInfo_t){(unsigned)settings(device)->foreign_pid, (unsigned long long)settings(device)->foreign_memory_mb << 20, UINT32_MAX, UINT32_MAX};
        found++;
    }
    for (int i = 0; i < SIM_MAX_PROCESSES; i++) {
        const struct sim_process *process = &state->process[i];
        if (!process->used || !process->memory[index_of(device)])
            continue;
        if (found < room)
            list[found] = (nvmlProcessInfo_t){process->pid, process->memory[index_of(device)], UINT32_MAX, UINT32_MAX};
        found++;
    }
    sim_unlock();
    *count = found;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetComputeRunningProcesses_v2, nvmlDeviceGetComputeRunningProcesses_v3);

EXPORT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t device, unsigned *count, nvmlProcessInfo_t *list)
{
    (void)list;
    ALIVE(device);
    *count = 0;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t *list, unsigned *count, unsigned long long since)
{
    ALIVE(device);
    nvmlEncoderSessionInfo_t sessions[SIM_MAX_SESSIONS];
    unsigned total = list_sessions(device, sessions, SIM_MAX_SESSIONS), room = list ? *count : 0, found = 0;
    const struct sim_device_config *config = settings(device);
    for (unsigned i = 0; i < total && i < SIM_MAX_SESSIONS; i++) {
        unsigned place = 0;
        while (place < found && place < room && list[place].pid != sessions[i].pid)
            place++;
        double load = (double)sessions[i].hResolution * sessions[i].vResolution * sessions[i].averageFps / (config->mpix_s * 1e4 * (double)config->engines);
        if (place == found) {
            if (found < room)
                list[found] = (nvmlProcessUtilizationSample_t){sessions[i].pid, since + 1, 0, 0, 0, 0};
            found++;
        }
        if (place < room)
            list[place].encUtil += (unsigned)(load + 0.5);
    }
    *count = found;
    return found > room ? NVML_ERROR_INSUFFICIENT_SIZE : found == 0 ? NVML_ERROR_NOT_FOUND : NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, int *state)
{
    ALIVE(device);
    *state = 0;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t device, unsigned *percentage)
{
    (void)percentage;
    ALIVE(device);
    return NVML_ERROR_NOT_SUPPORTED; /* as passively cooled cards answer */
}
