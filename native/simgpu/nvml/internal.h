#pragma once
#include "../simgpu.h"
#include "nvml.h"

#define EXPORT __attribute__((visibility("default")))
#define ALIAS(name, of) EXPORT __attribute__((alias(#of))) __typeof__(of) name

int nvml_index(nvmlDevice_t device);
/* Identity can be asked of a lost device too, measured values cannot. */
nvmlReturn_t nvml_check(nvmlDevice_t device, bool measured);
const struct sim_device_config *nvml_settings(nvmlDevice_t device);

#define KNOWN(device)                                        \
    do {                                                     \
        nvmlReturn_t status = nvml_check(device, false);   \
        if (status != NVML_SUCCESS)                          \
            return status;                                   \
    } while (0)
#define ALIVE(device)                                        \
    do {                                                     \
        nvmlReturn_t status = nvml_check(device, true);    \
        if (status != NVML_SUCCESS)                          \
            return status;                                   \
    } while (0)
