/* What changes with the load, from the meters of the state. */
#include "internal.h"
#include <stdio.h>
#include <string.h>

EXPORT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
    ALIVE(device);
    struct sim_state *state = sim_lock();
    sim_reap(state);
    memory->total = sim_memory_total(nvml_index(device));
    memory->used = sim_memory_used(state, nvml_index(device));
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
    utilization->gpu = percent(sim_meter_second(&state->device[nvml_index(device)].compute_ns), 1);
    utilization->memory = utilization->gpu / 2;
    sim_unlock();
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned *utilization, unsigned *period_us)
{
    ALIVE(device);
    struct sim_state *state = sim_lock();
    unsigned foreign = (unsigned)(100 * sim_foreign_load(nvml_settings(device)) + 0.5);
    unsigned all = foreign + percent(sim_meter_second(&state->device[nvml_index(device)].encode_ns), nvml_settings(device)->engines);
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
    const struct sim_device_config *config = nvml_settings(device);
    struct sim_state *state = sim_lock();
    sim_reap(state);
    unsigned count = 0;
    for (long i = 0; i < config->foreign_sessions; i++, count++)
        if (count < room)
            list[count] = (nvmlEncoderSessionInfo_t){(unsigned)(1000000 + i), (unsigned)config->foreign_pid, 0, 0, (unsigned)config->foreign_width,
                                                     (unsigned)config->foreign_height, (unsigned)config->foreign_fps, 5000};
    for (int i = 0; i < SIM_MAX_SESSIONS; i++) {
        const struct sim_session *session = &state->session[i];
        if (!session->used || (int)session->device != nvml_index(device))
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
        *capacity = nvml_settings(device)->encoder ? 100 - busy : 0;
    return nvml_settings(device)->encoder ? status : NVML_ERROR_NOT_SUPPORTED;
}

EXPORT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, int sensor, unsigned *celsius)
{
    (void)sensor;
    ALIVE(device);
    *celsius = (unsigned)nvml_settings(device)->temperature_c;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned *milliwatts)
{
    ALIVE(device);
    *milliwatts = (unsigned)nvml_settings(device)->power_w * 1000;
    return NVML_SUCCESS;
}

EXPORT nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned *milliwatts)
{
    ALIVE(device);
    *milliwatts = (unsigned)nvml_settings(device)->power_limit_w * 1000;
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetPowerManagementLimit, nvmlDeviceGetEnforcedPowerLimit);

/* 0 graphics, 1 SM, 2 memory, 3 video. */
EXPORT nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int clock, unsigned *mhz)
{
    ALIVE(device);
    const struct sim_device_config *config = nvml_settings(device);
    if (clock < 0 || clock > 3)
        return NVML_ERROR_INVALID_ARGUMENT;
    *mhz = (unsigned)(clock == 2 ? config->memory_mhz : clock == 3 ? config->video_mhz : config->sm_mhz);
    return NVML_SUCCESS;
}
ALIAS(nvmlDeviceGetMaxClockInfo, nvmlDeviceGetClockInfo);

EXPORT nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons)
{
    ALIVE(device);
    *reasons = (unsigned long long)nvml_settings(device)->throttle;
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
    if (nvml_settings(device)->foreign_memory_mb) {
        if (found < room)
            list[found] = (nvmlProcessInfo_t){(unsigned)nvml_settings(device)->foreign_pid, (unsigned long long)nvml_settings(device)->foreign_memory_mb << 20, UINT32_MAX, UINT32_MAX};
        found++;
    }
    for (int i = 0; i < SIM_MAX_PROCESSES; i++) {
        const struct sim_process *process = &state->process[i];
        if (!process->used || !process->memory[nvml_index(device)])
            continue;
        if (found < room)
            list[found] = (nvmlProcessInfo_t){process->pid, process->memory[nvml_index(device)], UINT32_MAX, UINT32_MAX};
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
    const struct sim_device_config *config = nvml_settings(device);
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
