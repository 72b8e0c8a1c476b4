/* The shared memory of one simulated machine: who holds what, across processes, and the end of what dead ones held. */
#define _GNU_SOURCE /* F_OFD_SETLKW */
#include "../simgpu.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(((struct sim_state *)0)->mutex), "the mutex must fit");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sim_state *shared;

uint64_t sim_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

static void fail(const char *what)
{
    fprintf(stderr, "simgpu: %s: %s\n", what, strerror(errno));
    abort();
}

static void initialise(struct sim_state *state)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init((pthread_mutex_t *)state->mutex, &attributes);
    state->version = SIM_VERSION;
    state->devices_at = offsetof(struct sim_state, device);
    state->device_size = sizeof(struct sim_device);
    state->device_count = SIM_MAX_DEVICES;
    state->sessions_at = offsetof(struct sim_state, session);
    state->session_size = sizeof(struct sim_session);
    state->session_count = SIM_MAX_SESSIONS;
    state->magic = SIM_MAGIC;
}

static void map(void)
{
    const char *directory = getenv("SIMGPU_DIR");
    if (!directory)
        return;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/state", directory);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct flock lock = {.l_type = F_WRLCK}; /* not flock(2): .NET takes that to read, and fails where another holds it */
    if (file < 0 || fcntl(file, F_OFD_SETLKW, &lock) || ftruncate(file, sizeof(struct sim_state)))
        fail(path);
    shared = mmap(NULL, sizeof(struct sim_state), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED)
        fail(path);
    if (!shared->magic)
        initialise(shared);
    if (shared->magic != SIM_MAGIC || shared->version != SIM_VERSION)
        fail("the state is of another build");
    lock.l_type = F_UNLCK;
    fcntl(file, F_OFD_SETLK, &lock); /* the mapping keeps the open file, and so its lock, beyond close */
    close(file);
}

struct sim_state *sim_lock(void)
{
    pthread_once(&once, map);
    if (!shared)
        return NULL;
    pthread_mutex_t *mutex = (pthread_mutex_t *)shared->mutex;
    if (pthread_mutex_lock(mutex) == EOWNERDEAD) /* its fields are each valid by themselves; the reaper frees its places */
        pthread_mutex_consistent(mutex);
    return shared;
}

void sim_unlock(void)
{
    pthread_mutex_unlock((pthread_mutex_t *)shared->mutex);
}

/* Field 22 of /proc/PID/stat, so that a new process with a dead one's number is not taken for it. 0: no such process, or a zombie. */
static uint64_t start_of(uint32_t pid)
{
    char path[32], text[1024];
    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t size = read(file, text, sizeof(text) - 1);
    close(file);
    if (size <= 0)
        return 0;
    text[size] = 0;
    char *field = strrchr(text, ')');
    if (!field || strlen(field) < 4 || field[2] == 'Z' || field[2] == 'X')
        return 0;
    for (int i = 0; i < 20 && field; i++)
        field = strchr(field + 1, ' ');
    return field ? strtoull(field, NULL, 10) : 0;
}

void sim_reap(struct sim_state *state)
{
    for (int i = 0; i < SIM_MAX_PROCESSES; i++) {
        struct sim_process *process = &state->process[i];
        if (!process->used || start_of(process->pid) == process->start)
            continue;
        for (int s = 0; s < SIM_MAX_SESSIONS; s++)
            if (state->session[s].used && state->session[s].pid == process->pid && state->session[s].process_start == process->start)
                state->session[s].used = 0;
        memset(process, 0, sizeof(*process));
    }
}

struct sim_process *sim_this_process(struct sim_state *state)
{
    static __thread int slot = -1;
    uint32_t pid = (uint32_t)getpid();
    if (slot >= 0 && state->process[slot].used && state->process[slot].pid == pid)
        return &state->process[slot];
    sim_reap(state);
    int place = -1;
    for (int i = 0; i < SIM_MAX_PROCESSES; i++) {
        if (state->process[i].used && state->process[i].pid == pid) {
            slot = i;
            return &state->process[i];
        }
        if (!state->process[i].used && place < 0)
            place = i;
    }
    if (place < 0)
        fail("too many processes");
    struct sim_process *process = &state->process[place];
    memset(process, 0, sizeof(*process));
    process->pid = pid;
    process->start = start_of(pid);
    process->used = 1;
    slot = place;
    return process;
}

uint64_t sim_memory_total(int device)
{
    return (uint64_t)sim_config()->device[device].memory_mb << 20;
}

uint64_t sim_memory_used(const struct sim_state *state, int device)
{
    const struct sim_device_config *config = &sim_config()->device[device];
    uint64_t used = (uint64_t)config->foreign_memory_mb << 20;
    for (int i = 0; i < SIM_MAX_PROCESSES; i++)
        if (state->process[i].used)
            used += state->process[i].memory[device];
    uint64_t total = sim_memory_total(device);
    return config->memory_full || used > total ? total : used;
}

bool sim_take_memory(int device, uint64_t bytes)
{
    struct sim_state *state = sim_lock();
    if (!state)
        return false;
    struct sim_process *process = sim_this_process(state);
    bool fits = sim_memory_used(state, device) + bytes <= sim_memory_total(device);
    if (!fits) {
        sim_reap(state);
        fits = sim_memory_used(state, device) + bytes <= sim_memory_total(device);
    }
    if (fits)
        process->memory[device] += bytes;
    sim_unlock();
    return fits;
}

void sim_give_memory(int device, uint64_t bytes)
{
    struct sim_state *state = sim_lock();
    sim_this_process(state)->memory[device] -= bytes;
    sim_unlock();
}
