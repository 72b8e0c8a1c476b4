/* Encoder sessions: who may open one, what it costs the engine, and how it breaks. */
#include "../simgpu.h"
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOT_NS 100000000ull
#define QUEUE_NS (5ull * 1000000000ull) /* what a meter can look ahead */

void sim_meter_add(struct sim_meter *meter, uint64_t from, uint64_t duration, uint64_t amount)
{
    uint64_t left = amount, last = from + duration;
    for (uint64_t at = from; at <= last;) {
        uint64_t number = at / SLOT_NS, end = (number + 1) * SLOT_NS;
        uint64_t part = end > last ? left : (uint64_t)((double)amount * (double)(end - at) / (double)duration);
        int slot = (int)(number % SIM_METER_SLOTS);
        if (meter->number[slot] != number) {
            meter->number[slot] = number;
            meter->sum[slot] = 0;
        }
        part = part > left ? left : part;
        meter->sum[slot] += part;
        left -= part;
        at = end;
    }
}

uint64_t sim_meter_second(const struct sim_meter *meter)
{
    uint64_t sum = 0, now = sim_now() / SLOT_NS;
    for (uint64_t number = now - 10; number < now; number++)
        if (meter->number[number % SIM_METER_SLOTS] == number)
            sum += meter->sum[number % SIM_METER_SLOTS];
    return sum;
}

double sim_foreign_load(const struct sim_device_config *device)
{
    double pixels = (double)device->foreign_sessions * (double)device->foreign_width * (double)device->foreign_height * device->foreign_fps;
    double load = pixels / (device->mpix_s * 1e6 * (double)device->engines);
    return load > 1 ? 1 : load;
}

uint64_t sim_losses(int device)
{
    struct sim_state *state = sim_lock();
    uint64_t losses = state ? state->device[device].losses : 0;
    if (state)
        sim_unlock();
    return losses;
}

static bool lost_now(struct sim_state *state, int device)
{
    const struct sim_device_config *config = &sim_config()->device[device];
    struct sim_device *shared = &state->device[device];
    bool lost = config->lost || (config->lose_at_frame >= 0 && shared->frames >= (uint64_t)config->lose_at_frame);
    if (lost && !shared->lost)
        shared->losses++;
    shared->lost = lost;
    return lost;
}

bool sim_lost(int device, uint64_t losses)
{
    struct sim_state *state = sim_lock();
    if (!state)
        return true;
    bool lost = lost_now(state, device) || state->device[device].losses != losses;
    sim_unlock();
    return lost;
}

static bool faulty(uint64_t serial)
{
    long until = sim_config()->faulty_until;
    return until == 0 || serial <= (uint64_t)until;
}

static bool hangs(int device, enum sim_hang where, uint64_t serial)
{
    const struct sim_device_config *config = &sim_config()->device[device];
    if (config->hang != (long)where || !faulty(serial))
        return false;
    struct sim_state *state = sim_lock();
    bool reached = state && state->device[device].frames >= (uint64_t)config->hang_at_frame;
    if (state)
        sim_unlock();
    return reached;
}

void sim_hang_here(int device, enum sim_hang where, uint64_t serial)
{
    while (hangs(device, where, serial))
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
}

static bool limit_reached(struct sim_state *state, int device)
{
    const struct sim_config *config = sim_config();
    if (!config->session_limit)
        return false;
    bool va = device >= SIM_MAX_GPUS;
    int first = va ? SIM_MAX_GPUS : 0, end = va ? SIM_MAX_GPUS + (int)config->va_devices : (int)config->devices;
    if (config->limit_per_device) {
        first = device;
        end = device + 1;
    }
    long open = 0;
    for (int i = first; i < end; i++)
        open += config->device[i].foreign_sessions;
    for (int i = 0; i < SIM_MAX_SESSIONS; i++) {
        const struct sim_session *session = &state->session[i];
        open += session->used && (int)session->device >= first && (int)session->device < end;
    }
    return open >= config->session_limit;
}

static enum sim_opening opening(struct sim_state *state, int device, struct sim_session **result, long *error)
{
    const struct sim_device_config *config = &sim_config()->device[device];
    struct sim_device *shared = &state->device[device];
    shared->opens++;
    if (lost_now(state, device))
        return SIM_IS_LOST;
    if (!config->encoder)
        return SIM_NO_ENCODER;
    if (config->fail_open && (!config->fail_open_until || shared->opens <= (uint64_t)config->fail_open_until)) {
        *error = config->fail_open;
        return SIM_FAILED;
    }
    struct sim_process *process = sim_this_process(state);
    sim_reap(state);
    if (limit_reached(state, device))
        return SIM_LIMIT;
    if (config->memory_full)
        return SIM_NO_MEMORY;
    for (int i = 0; i < SIM_MAX_SESSIONS; i++) {
        struct sim_session *session = &state->session[i];
        if (session->used)
            continue;
        memset(session, 0, sizeof(*session));
        session->pid = process->pid;
        session->process_start = process->start;
        session->serial = ++state->sessions_opened;
        session->device = (uint32_t)device;
        session->used = 1;
        shared->sessions_opened++;
        *result = session;
        return SIM_OPENED;
    }
    return SIM_LIMIT;
}

enum sim_opening sim_open_session(int device, struct sim_session **session, long *error)
{
    sim_hang_here(device, SIM_HANG_OPEN, UINT64_MAX);
    struct sim_state *state = sim_lock();
    if (!state)
        return SIM_NO_ENCODER;
    enum sim_opening result = opening(state, device, session, error);
    sim_unlock();
    return result;
}

long sim_init_session(struct sim_session *session, enum sim_codec codec, int width, int height)
{
    struct sim_state *state = sim_lock();
    state->device[session->device].inits++;
    session->codec = codec;
    session->width = (uint32_t)width;
    session->height = (uint32_t)height;
    sim_unlock();
    return sim_config()->device[session->device].fail_init;
}

void sim_close_session(struct sim_session *session)
{
    sim_lock();
    session->used = 0;
    sim_unlock();
}

uint64_t sim_encode(struct sim_session *session, int width, int height)
{
    int device = (int)session->device;
    const struct sim_device_config *config = &sim_config()->device[device];
    if (config->session_fails_after >= 0 && session->frames >= (uint64_t)config->session_fails_after && faulty(session->serial))
        return 0;
    double rate = config->mpix_s * (1 - sim_foreign_load(config));
    if (rate < config->mpix_s / 100)
        rate = config->mpix_s / 100;
    uint64_t cost = (uint64_t)((double)width * (double)height * 1000 / rate);
    struct sim_state *state = sim_lock();
    struct sim_device *shared = &state->device[device];
    int engine = 0;
    for (int i = 1; i < config->engines; i++)
        if (shared->engine_free_at[i] < shared->engine_free_at[engine])
            engine = i;
    uint64_t now = sim_now();
    uint64_t start = shared->engine_free_at[engine] > now ? shared->engine_free_at[engine] : now;
    uint64_t ready = start + cost;
    shared->engine_free_at[engine] = ready;
    if (ready < now + QUEUE_NS)
        sim_meter_add(&shared->encode_ns, start, cost, cost);
    sim_meter_add(&session->coded, now, 0, 1);
    session->latency_ns = ready - now;
    session->frames++;
    shared->frames++;
    sim_unlock();
    return ready;
}

void sim_wait_until(uint64_t time, int device, uint64_t losses)
{
    for (uint64_t now = sim_now(); now < time && !sim_lost(device, losses); now = sim_now()) {
        uint64_t left = time - now < 20000000 ? time - now : 20000000;
        nanosleep(&(struct timespec){.tv_nsec = (long)left}, NULL);
    }
}

void sim_compute(int device, uint64_t pixels)
{
    struct sim_state *state = sim_lock();
    if (!state)
        return;
    uint64_t cost = pixels / 4; /* 4 000 Mpix/s */
    sim_meter_add(&state->device[device].compute_ns, sim_now(), cost, cost);
    sim_unlock();
}
