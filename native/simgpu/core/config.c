/* Reads and re-reads the text file that steers the simulation; simgpu.h documents it. */
#include "../simgpu.h"
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum kind { NUMBER, REAL, TEXT };
struct key {
    const char *name;
    enum kind kind;
    size_t at, size;
};
#define OF(type, kind, field) { #field, kind, offsetof(struct type, field), sizeof(((struct type *)0)->field) }
#define SYSTEM(kind, field) OF(sim_config, kind, field)
#define DEVICE(kind, field) OF(sim_device_config, kind, field)

static const struct key system_keys[] = {
    SYSTEM(NUMBER, devices), SYSTEM(NUMBER, va_devices), SYSTEM(NUMBER, cuinit_error), SYSTEM(NUMBER, session_limit),
    SYSTEM(NUMBER, session_limit_error), SYSTEM(NUMBER, nvml_error), SYSTEM(NUMBER, nvml_hang), SYSTEM(NUMBER, faulty_until),
    SYSTEM(REAL, nvenc_version), SYSTEM(TEXT, driver_version),
};
static const struct key device_keys[] = {
    DEVICE(TEXT, name), DEVICE(TEXT, uuid), DEVICE(TEXT, pci), DEVICE(TEXT, codecs), DEVICE(REAL, compute_capability), DEVICE(REAL, mpix_s),
    DEVICE(REAL, foreign_fps), DEVICE(NUMBER, encoder), DEVICE(NUMBER, engines), DEVICE(NUMBER, memory_mb), DEVICE(NUMBER, memory_full),
    DEVICE(NUMBER, foreign_sessions), DEVICE(NUMBER, foreign_pid), DEVICE(NUMBER, foreign_memory_mb), DEVICE(NUMBER, temperature_c),
    DEVICE(NUMBER, power_w), DEVICE(NUMBER, power_limit_w), DEVICE(NUMBER, sm_mhz), DEVICE(NUMBER, memory_mhz), DEVICE(NUMBER, video_mhz),
    DEVICE(NUMBER, throttle), DEVICE(NUMBER, fail_open), DEVICE(NUMBER, fail_open_until), DEVICE(NUMBER, fail_init),
    DEVICE(NUMBER, session_fails_after), DEVICE(NUMBER, hang_at_frame), DEVICE(NUMBER, lost), DEVICE(NUMBER, lose_at_frame),
    DEVICE(NUMBER, lost_nvenc_error), DEVICE(NUMBER, lost_cuda_error),
};

struct version {
    struct sim_config config;
    struct version *older; /* kept: readers hold no lock */
};
static pthread_mutex_t reading = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct version *) current;
static _Atomic uint64_t looked_at;

static void refuse(int line, const char *what, const char *text)
{
    fprintf(stderr, "simgpu: line %d of the config: %s: %s\n", line, what, text);
    abort();
}

static void defaults(struct sim_config *config)
{
    config->devices = 1;
    config->nvenc_version = 11.1;
    config->session_limit_error = 10;
    strcpy(config->driver_version, "570.00");
    for (int i = 0; i < SIM_MAX_DEVICES; i++) {
        struct sim_device_config *device = &config->device[i];
        bool va = i >= SIM_MAX_GPUS;
        int number = va ? i - SIM_MAX_GPUS : i;
        snprintf(device->name, sizeof(device->name), va ? "Simulated VA-API device %d" : "Simulated GPU %d", number);
        snprintf(device->uuid, sizeof(device->uuid), "GPU-51c0ffee-0000-4000-8000-%012x", i);
        snprintf(device->pci, sizeof(device->pci), "00000000:%02X:00.0", i + 1);
        strcpy(device->codecs, va ? "h264" : "h264,hevc");
        device->compute_capability = 8.6;
        device->mpix_s = 1000;
        device->encoder = device->engines = 1;
        device->memory_mb = 8192;
        device->foreign_pid = 5000000;
        device->foreign_width = 1280;
        device->foreign_height = 720;
        device->foreign_fps = 30;
        device->temperature_c = 40;
        device->power_w = 60;
        device->power_limit_w = 300;
        device->sm_mhz = 1500;
        device->memory_mhz = 7000;
        device->video_mhz = 1300;
        device->session_fails_after = device->lose_at_frame = -1;
        device->lost_nvenc_error = 20;
        device->lost_cuda_error = 999;
    }
}

static const struct key *find(const struct key *keys, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(keys[i].name, name))
            return &keys[i];
    return NULL;
}

static void set(void *object, const struct key *key, const char *value, int line)
{
    char *end = NULL;
    void *field = (char *)object + key->at;
    switch (key->kind) {
    case NUMBER:
        *(long *)field = strtol(value, &end, 0);
        break;
    case REAL:
        *(double *)field = strtod(value, &end);
        break;
    case TEXT:
        if (strlen(value) >= key->size)
            refuse(line, "too long", value);
        strcpy(field, value);
        return;
    }
    if (end == value || *end)
        refuse(line, "not a number", value);
}

static long choice(const char *value, int line, const char *const *words)
{
    for (long i = 0; words[i]; i++)
        if (!strcmp(words[i], value))
            return i;
    refuse(line, "not one of the choices", value);
    return 0;
}

static bool set_system(struct sim_config *config, const char *name, const char *value, int line)
{
    const struct key *key = find(system_keys, sizeof(system_keys) / sizeof(*system_keys), name);
    if (key)
        set(config, key, value, line);
    else if (!strcmp(name, "session_limit_scope"))
        config->limit_per_device = choice(value, line, (const char *const[]){"system", "device", NULL});
    else if (!strcmp(name, "coder"))
        config->skip = choice(value, line, (const char *const[]){"x264", "skip", NULL});
    else
        return false;
    return true;
}

static bool set_device(struct sim_device_config *device, const char *name, const char *value, int line)
{
    const struct key *key = find(device_keys, sizeof(device_keys) / sizeof(*device_keys), name);
    if (key)
        set(device, key, value, line);
    else if (!strcmp(name, "hang"))
        device->hang = choice(value, line, (const char *const[]){"none", "open", "encode", "lock", NULL});
    else if (!strcmp(name, "foreign_size")) {
        if (sscanf(value, "%ldx%ld", &device->foreign_width, &device->foreign_height) != 2)
            refuse(line, "not a size", value);
    } else
        return false;
    return true;
}

/* Lines for one device count after those for all, wherever they stand. */
static void parse_line(struct sim_config *config, char *text, int line, bool prefixed)
{
    char name[64], value[128];
    text[strcspn(text, "#\n")] = 0;
    int fields = sscanf(text, " %63[^ =] = %127[^\n]", name, value);
    if (fields == EOF || fields == 0)
        return;
    if (fields != 2)
        refuse(line, "no value", text);
    for (size_t end = strlen(value); end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\r'); end--)
        value[end - 1] = 0;
    char *dot = strchr(name, '.');
    if ((dot != NULL) != prefixed)
        return;
    if (dot) {
        int number = -1, used = 0;
        bool va = !strncmp(name, "va", 2);
        *dot = 0;
        if (!va && strncmp(name, "gpu", 3))
            refuse(line, "no such device", name);
        const char *digits = name + (va ? 2 : 3);
        if (sscanf(digits, "%d%n", &number, &used) != 1 || digits[used] || number < 0 || number >= (va ? SIM_MAX_VA : SIM_MAX_GPUS))
            refuse(line, "no such device", name);
        if (!set_device(&config->device[va ? SIM_MAX_GPUS + number : number], dot + 1, value, line))
            refuse(line, "unknown key", dot + 1);
    } else if (!set_system(config, name, value, line)) {
        for (int i = 0; i < SIM_MAX_DEVICES; i++)
            if (!set_device(&config->device[i], name, value, line))
                refuse(line, "unknown key", name);
    }
}

static struct version *read_config(const char *path)
{
    struct version *version = calloc(1, sizeof(*version));
    if (!version)
        abort();
    struct sim_config *config = &version->config;
    defaults(config);
    FILE *file = path ? fopen(path, "re") : NULL;
    if (!path)
        config->devices = 0;
    if (file) {
        char text[256];
        for (int pass = 0; pass < 2; pass++) {
            rewind(file);
            for (int line = 1; fgets(text, sizeof(text), file); line++)
                parse_line(config, text, line, pass == 1);
        }
        fclose(file);
    }
    if (config->devices < 0 || config->devices > SIM_MAX_GPUS || config->va_devices < 0 || config->va_devices > SIM_MAX_VA)
        refuse(0, "devices", "out of range");
    for (int i = 0; i < SIM_MAX_DEVICES; i++)
        if (config->device[i].engines < 1 || config->device[i].engines > SIM_MAX_ENGINES || config->device[i].mpix_s <= 0)
            refuse(0, "engines or mpix_s", "out of range");
    return version;
}

const struct sim_config *sim_config(void)
{
    struct version *version = atomic_load(&current);
    uint64_t now = sim_now();
    if (version && now - atomic_load(&looked_at) < 20000000)
        return &version->config;
    pthread_mutex_lock(&reading);
    static struct stat seen;
    static char path[PATH_MAX];
    const char *directory = getenv("SIMGPU_DIR");
    struct stat status = {0};
    if (directory) {
        snprintf(path, sizeof(path), "%s/config", directory);
        stat(path, &status);
    }
    version = atomic_load(&current);
    if (!version || status.st_ino != seen.st_ino || status.st_mtim.tv_sec != seen.st_mtim.tv_sec || status.st_mtim.tv_nsec != seen.st_mtim.tv_nsec) {
        struct version *newer = read_config(directory ? path : NULL);
        newer->older = version;
        seen = status;
        version = newer;
        atomic_store(&current, version);
    }
    atomic_store(&looked_at, now);
    pthread_mutex_unlock(&reading);
    return &version->config;
}
