/* Simulated GPUs for tests: libcuda.so.1, libnvidia-encode.so.1, libnvidia-ml.so.1 and, in va/, a VA-API driver that FFmpeg's unmodified
   encoders load when the built folder stands in LD_LIBRARY_PATH. They say nothing about speed, quality or power of real cards.

   SIMGPU_DIR names a directory with two files:
     config  text, written by the test (rename a new file over it); read again within 20 ms, also by encoders that run.
     state   shared memory of all processes that use the directory; made by the first. Its layout is struct sim_state below.
   VA-API also wants the folder va in LD_LIBRARY_PATH and in LIBVA_DRIVERS_PATH, and LIBVA_DRIVER_NAME=simgpu.
   Without SIMGPU_DIR there is no device. An unknown key or value ends the process that reads it.

   config: "key = value" per line, # for comments. "gpu1.key = value" is for NVIDIA device 1, "va0.key = value" for VA-API device 0; a device's key
   without prefix is for all devices.

   Of the system:
     devices = 1                     NVIDIA devices, at most 16
     va_devices = 0                  VA-API devices, at most 8: /any/path/renderD128 is device 0, renderD129 device 1; any other file device 0
     driver_version = 570.00         ".simulated" is put behind it
     nvenc_version = 11.1            the highest API version that the driver serves
     cuinit_error = 0                what cuInit answers instead of success; 803 is a driver that does not fit its library (NVML then says 18)
     session_limit = 0               encoder sessions; 0: no limit
     session_limit_scope = system    system or device
     session_limit_error = 10        10 (out of memory) or 21 (incompatible client key)
     nvml_error = 0                  what every NVML call but nvmlErrorString answers
     nvml_hang = 0                   1: NVML calls do not come back
     coder = x264                    x264: true pictures. skip: H.264 pictures between keyframes repeat the last one, at next to no cost
     faulty_until = 0                session_fails_after and hang touch only sessions whose serial is at most this; 0: all
   Of each device:
     name, uuid, pci                 "Simulated GPU 0", GPU-51c0ffee-0000-4000-8000-000000000000 + number, 00000000:01:00.0 + bus number
     compute_capability = 8.6
     codecs = h264,hevc              what its encode engine knows
     encoder = 1                     0: a card without an encode engine
     mpix_s = 1000                   what one encode engine codes, in millions of pixels per second; turn it down for a slow device
     engines = 1                     encode engines, at most 8
     memory_mb = 8192
     memory_full = 0                 1: somebody has taken all of it
     foreign_sessions = 0            encoder sessions of other programs: counted in the limit and listed by NVML
     foreign_pid = 5000000           whose they are; no process of Linux can have this number
     foreign_size = 1280x720, foreign_fps = 30    the load that each of them puts on the engine
     foreign_memory_mb = 0
     temperature_c = 40, power_w = 60, power_limit_w = 300, sm_mhz = 1500, memory_mhz = 7000, video_mhz = 1300, throttle = 0 (NVML's bits)
     fail_open = 0                   NVENCSTATUS (VA-API: VAStatus) that opening a session answers
     fail_open_until = 0             ... while the device's `opens` in the state is below this; 0: always
     fail_init = 0                   the same for initialising
     session_fails_after = -1        a session breaks after so many frames of its own
     hang = none                     none, open, encode or lock: where calls stop coming back
     hang_at_frame = 0               ... once the device's `frames` in the state reaches this
     lost = 0                        1: the device is off the bus. Back at 0, new sessions work; those that lived through it stay broken
     lose_at_frame = -1              the same once the device's `frames` reaches this
     lost_nvenc_error = 20, lost_cuda_error = 999

   A session's place is free again when it is closed or its process is dead. Encoding takes the time of the device's engine clock whatever the CPU does. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MARKER transcoder_simulated_gpu /* exported by each library, a string: how a program knows what it has loaded */
#define SIM_MAX_GPUS 16
#define SIM_MAX_VA 8
#define SIM_MAX_DEVICES (SIM_MAX_GPUS + SIM_MAX_VA)
#define SIM_MAX_ENGINES 8
#define SIM_MAX_SESSIONS 512
#define SIM_MAX_PROCESSES 256
#define SIM_MAGIC 0x53494d47u
#define SIM_VERSION 1u
#define SIM_CONTEXT_BYTES (100ull << 20)

enum sim_hang { SIM_HANG_NONE, SIM_HANG_OPEN, SIM_HANG_ENCODE, SIM_HANG_LOCK };
enum sim_codec { SIM_H264 = 0, SIM_HEVC = 1 };

struct sim_device_config {
    char name[64], uuid[48], pci[32], codecs[32];
    double compute_capability, mpix_s, foreign_fps;
    long encoder, engines, memory_mb, memory_full, foreign_sessions, foreign_pid, foreign_width, foreign_height, foreign_memory_mb;
    long temperature_c, power_w, power_limit_w, sm_mhz, memory_mhz, video_mhz, throttle;
    long fail_open, fail_open_until, fail_init, session_fails_after, hang, hang_at_frame, lost, lose_at_frame, lost_nvenc_error, lost_cuda_error;
};

struct sim_config {
    long devices, va_devices, cuinit_error, session_limit, limit_per_device, session_limit_error, nvml_error, nvml_hang, skip, faulty_until;
    double nvenc_version;
    char driver_version[64];
    struct sim_device_config device[SIM_MAX_DEVICES]; /* VA-API devices begin at SIM_MAX_GPUS */
};

/* Sums per tenth of a second; the future may be written too. */
#define SIM_METER_SLOTS 64
struct sim_meter {
    uint64_t number[SIM_METER_SLOTS], sum[SIM_METER_SLOTS];
};

struct sim_session { /* tests read the first nine */
    uint32_t used, pid;
    uint64_t process_start, serial, frames;
    uint32_t device, codec, width, height;
    uint64_t latency_ns;
    struct sim_meter coded;
};

struct sim_device { /* tests read the first five */
    uint64_t opens, sessions_opened, inits, frames, losses;
    uint64_t lost;
    uint64_t engine_free_at[SIM_MAX_ENGINES];
    struct sim_meter encode_ns, compute_ns;
};

struct sim_process {
    uint32_t pid, used;
    uint64_t start;
    uint64_t memory[SIM_MAX_DEVICES];
};

struct sim_state {
    uint32_t magic, version;
    uint32_t devices_at, device_size, device_count, sessions_at, session_size, session_count;
    uint64_t sessions_opened; /* the serial of the newest */
    char mutex[64];
    struct sim_device device[SIM_MAX_DEVICES];
    struct sim_session session[SIM_MAX_SESSIONS];
    struct sim_process process[SIM_MAX_PROCESSES];
};

/* What a CUcontext points at. */
struct sim_context {
    uint32_t magic;
    int device;
    uint64_t losses;
    int references;
};

/* Never null; the result stays valid. */
const struct sim_config *sim_config(void);
/* Null without SIMGPU_DIR. */
struct sim_state *sim_lock(void);
void sim_unlock(void);
uint64_t sim_now(void);
/* Frees what dead processes held. With the lock held. */
void sim_reap(struct sim_state *state);
struct sim_process *sim_this_process(struct sim_state *state);

/* Whether the device is lost now or was since `losses` was taken. */
bool sim_lost(int device, uint64_t losses);
uint64_t sim_losses(int device);
void sim_hang_here(int device, enum sim_hang where, uint64_t serial);

bool sim_take_memory(int device, uint64_t bytes);
void sim_give_memory(int device, uint64_t bytes);
/* Bytes in use by all, with the lock held. */
uint64_t sim_memory_used(const struct sim_state *state, int device);
uint64_t sim_memory_total(int device);

enum sim_opening { SIM_OPENED, SIM_FAILED, SIM_LIMIT, SIM_NO_MEMORY, SIM_IS_LOST, SIM_NO_ENCODER };
/* On SIM_FAILED, *error is the configured one. */
enum sim_opening sim_open_session(int device, struct sim_session **session, long *error);
/* 0, or the configured error. */
long sim_init_session(struct sim_session *session, enum sim_codec codec, int width, int height);
void sim_close_session(struct sim_session *session);
/* A frame enters the engine; returns when it will be ready, or 0 where the session has broken. */
uint64_t sim_encode(struct sim_session *session, int width, int height);
void sim_wait_until(uint64_t time, int device, uint64_t losses);
void sim_compute(int device, uint64_t pixels);

/* One channel of a plane, bilinear; `step` bytes lie between samples. */
void sim_scale(uint8_t *to, size_t pitch, int step, int width, int height, const uint8_t *from, size_t from_pitch, int from_step, int from_width,
               int from_height);

void sim_meter_add(struct sim_meter *meter, uint64_t from, uint64_t duration, uint64_t amount);
/* What the last full second summed up to. */
uint64_t sim_meter_second(const struct sim_meter *meter);
/* What other programs' sessions take of the device's engines, 0 to 1. */
double sim_foreign_load(const struct sim_device_config *device);
