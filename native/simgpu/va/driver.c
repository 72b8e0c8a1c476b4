/* The VA-API driver: objects, configurations, surfaces, buffers. simgpu.h says how it is steered. */
#include "va.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <va/va_drmcommon.h>

#define EXPORT __attribute__((visibility("default")))
EXPORT const char SIM_MARKER[] = "simulated VA-API driver";

struct driver *driver_of(VADriverContextP va)
{
    return va->pDriverData;
}

void *object_find(struct driver *driver, unsigned id, enum object_kind kind)
{
    pthread_mutex_lock(&driver->lock);
    struct object *object = id > 0 && id <= MAX_OBJECTS ? driver->objects[id - 1] : NULL;
    pthread_mutex_unlock(&driver->lock);
    return object && object->kind == kind ? object : NULL;
}

unsigned object_add(struct driver *driver, void *object, enum object_kind kind, uint64_t memory)
{
    if (memory && !sim_take_memory(driver->device, memory))
        return VA_INVALID_ID;
    *(struct object *)object = (struct object){kind, memory};
    unsigned id = 0;
    pthread_mutex_lock(&driver->lock);
    while (id < MAX_OBJECTS && driver->objects[id])
        id++;
    if (id == MAX_OBJECTS)
        abort();
    driver->objects[id] = object;
    pthread_mutex_unlock(&driver->lock);
    return id + 1;
}

VAStatus object_remove(struct driver *driver, unsigned id, enum object_kind kind)
{
    struct object *object = object_find(driver, id, kind);
    if (!object)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    pthread_mutex_lock(&driver->lock);
    driver->objects[id - 1] = NULL;
    pthread_mutex_unlock(&driver->lock);
    if (object->memory)
        sim_give_memory(driver->device, object->memory);
    if (kind == SURFACE)
        free(((struct surface *)object)->at);
    if (kind == BUFFER) {
        struct buffer *buffer = (struct buffer *)object;
        if (!buffer->borrowed)
            free(buffer->at);
        bytes_free(&buffer->coded);
    }
    if (kind == CONTEXT) {
        struct context *context = (struct context *)object;
        if (context->coder)
            h264_close(context->coder);
        if (context->session)
            sim_close_session(context->session);
        bytes_free(&context->packed);
    }
    free(object);
    return VA_STATUS_SUCCESS;
}

static VAStatus terminate(VADriverContextP va)
{
    struct driver *driver = driver_of(va);
    for (unsigned id = 1; id <= MAX_OBJECTS; id++)
        if (driver->objects[id - 1])
            object_remove(driver, id, driver->objects[id - 1]->kind);
    free(driver);
    va->pDriverData = NULL;
    return VA_STATUS_SUCCESS;
}

static VAStatus destroy_surfaces(VADriverContextP va, VASurfaceID *list, int count)
{
    for (int i = 0; i < count; i++)
        object_remove(driver_of(va), list[i], SURFACE);
    return VA_STATUS_SUCCESS;
}

static VAStatus create_surfaces2(VADriverContextP va, unsigned format, unsigned width, unsigned height, VASurfaceID *list, unsigned count,
                                 VASurfaceAttrib *attributes, unsigned attribute_count)
{
    (void)attributes, (void)attribute_count;
    if (format != VA_RT_FORMAT_YUV420)
        return VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT;
    for (unsigned i = 0; i < count; i++) {
        struct surface *surface = calloc(1, sizeof(*surface));
        *surface = (struct surface){.width = (int)width, .height = (int)height, .pitch = (int)(width + 63) / 64 * 64, .rows = (int)(height + 15) / 16 * 16};
        size_t size = (size_t)surface->pitch * (size_t)surface->rows * 3 / 2;
        surface->at = calloc(1, size);
        list[i] = object_add(driver_of(va), surface, SURFACE, size);
        if (list[i] == VA_INVALID_ID) {
            free(surface->at);
            free(surface);
            destroy_surfaces(va, list, (int)i);
            return VA_STATUS_ERROR_ALLOCATION_FAILED;
        }
    }
    return VA_STATUS_SUCCESS;
}

static VAStatus create_surfaces(VADriverContextP va, int width, int height, int format, int count, VASurfaceID *list)
{
    return create_surfaces2(va, (unsigned)format, (unsigned)width, (unsigned)height, list, (unsigned)count, NULL, 0);
}

static VAStatus open_session(struct driver *driver, struct context *context, int width, int height)
{
    long error = 0;
    switch (sim_open_session(driver->device, &context->session, &error)) {
    case SIM_OPENED:
        return (VAStatus)sim_init_session(context->session, SIM_H264, width, height);
    case SIM_FAILED:
        return (VAStatus)error;
    case SIM_LIMIT:
        return VA_STATUS_ERROR_HW_BUSY;
    case SIM_NO_MEMORY:
        return VA_STATUS_ERROR_ALLOCATION_FAILED;
    case SIM_NO_ENCODER:
        return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
    case SIM_IS_LOST:
        break;
    }
    return VA_STATUS_ERROR_OPERATION_FAILED;
}

static VAStatus create_context(VADriverContextP va, VAConfigID config_id, int width, int height, int flag, VASurfaceID *targets, int count, VAContextID *id)
{
    (void)flag, (void)targets, (void)count;
    struct driver *driver = driver_of(va);
    const struct config *config = object_find(driver, config_id, CONFIG);
    if (!config)
        return VA_STATUS_ERROR_INVALID_CONFIG;
    if (sim_lost(driver->device, driver->losses))
        return VA_STATUS_ERROR_OPERATION_FAILED;
    struct context *context = calloc(1, sizeof(*context));
    context->entrypoint = config->entrypoint;
    context->rate_control = config->rate_control;
    VAStatus status = config->entrypoint == VAEntrypointEncSlice ? open_session(driver, context, width, height) : VA_STATUS_SUCCESS;
    if (status != VA_STATUS_SUCCESS) {
        if (context->session)
            sim_close_session(context->session);
        free(context);
        return status;
    }
    *id = object_add(driver, context, CONTEXT, 0);
    return VA_STATUS_SUCCESS;
}

static VAStatus destroy_context(VADriverContextP va, VAContextID id)
{
    return object_remove(driver_of(va), id, CONTEXT);
}

static VAStatus create_buffer(VADriverContextP va, VAContextID context, VABufferType type, unsigned size, unsigned count, void *from, VABufferID *id)
{
    (void)context;
    struct buffer *buffer = calloc(1, sizeof(*buffer));
    *buffer = (struct buffer){.type = type, .size = size, .count = count, .at = calloc(count, size)};
    if (from)
        memcpy(buffer->at, from, (size_t)size * count);
    *id = object_add(driver_of(va), buffer, BUFFER, 0);
    return VA_STATUS_SUCCESS;
}

static VAStatus set_elements(VADriverContextP va, VABufferID id, unsigned count)
{
    struct buffer *buffer = object_find(driver_of(va), id, BUFFER);
    if (!buffer || count > buffer->count)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    buffer->count = count;
    return VA_STATUS_SUCCESS;
}

static VAStatus map_buffer(VADriverContextP va, VABufferID id, void **result)
{
    struct buffer *buffer = object_find(driver_of(va), id, BUFFER);
    if (!buffer)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    *result = buffer->at;
    if (buffer->type != VAEncCodedBufferType)
        return VA_STATUS_SUCCESS;
    buffer->segment = (VACodedBufferSegment){.size = (uint32_t)buffer->coded.size, .buf = buffer->coded.at};
    *result = &buffer->segment;
    return encode_wait(driver_of(va), buffer->ready_at, buffer->serial);
}

static VAStatus unmap_buffer(VADriverContextP va, VABufferID id)
{
    return object_find(driver_of(va), id, BUFFER) ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_BUFFER;
}

static VAStatus destroy_buffer(VADriverContextP va, VABufferID id)
{
    return object_remove(driver_of(va), id, BUFFER);
}

static VAStatus begin_picture(VADriverContextP va, VAContextID id, VASurfaceID target)
{
    struct context *context = object_find(driver_of(va), id, CONTEXT);
    if (!context)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    context->target = object_find(driver_of(va), target, SURFACE);
    return context->target ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_INVALID_SURFACE;
}

static VAStatus render_picture(VADriverContextP va, VAContextID id, VABufferID *list, int count)
{
    struct context *context = object_find(driver_of(va), id, CONTEXT);
    if (!context)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    for (int i = 0; i < count; i++) {
        const struct buffer *buffer = object_find(driver_of(va), list[i], BUFFER);
        if (!buffer)
            return VA_STATUS_ERROR_INVALID_BUFFER;
        encode_take(context, buffer);
    }
    return VA_STATUS_SUCCESS;
}

static VAStatus end_picture(VADriverContextP va, VAContextID id)
{
    struct driver *driver = driver_of(va);
    struct context *context = object_find(driver, id, CONTEXT);
    if (!context || !context->target)
        return VA_STATUS_ERROR_INVALID_CONTEXT;
    if (sim_lost(driver->device, driver->losses))
        return VA_STATUS_ERROR_OPERATION_FAILED;
    return context->entrypoint == VAEntrypointEncSlice ? encode_picture(driver, context) : process_picture(driver, context);
}

static VAStatus sync_surface(VADriverContextP va, VASurfaceID id)
{
    const struct surface *surface = object_find(driver_of(va), id, SURFACE);
    return surface ? encode_wait(driver_of(va), surface->ready_at, surface->serial) : VA_STATUS_ERROR_INVALID_SURFACE;
}

static VAStatus surface_status(VADriverContextP va, VASurfaceID id, VASurfaceStatus *status)
{
    const struct surface *surface = object_find(driver_of(va), id, SURFACE);
    if (!surface)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    *status = surface->ready_at > sim_now() ? VASurfaceRendering : VASurfaceReady;
    return VA_STATUS_SUCCESS;
}

/* The number in renderD128 and so on; any other file is device 0. */
static int device_of(VADriverContextP va)
{
    char link[64], path[PATH_MAX] = "";
    const struct drm_state *drm = va->drm_state;
    int number = 128;
    if (drm) {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", drm->fd);
        if (readlink(link, path, sizeof(path) - 1) > 0 && strrchr(path, '/'))
            sscanf(strrchr(path, '/'), "/renderD%d", &number);
    }
    return number - 128;
}

#define VERSIONED_(minor) __vaDriverInit_1_##minor
#define VERSIONED(minor) VERSIONED_(minor)

EXPORT VAStatus VERSIONED(VA_MINOR_VERSION)(VADriverContextP va)
{
    int number = device_of(va);
    if (number < 0 || number >= sim_config()->va_devices)
        return VA_STATUS_ERROR_UNKNOWN;
    struct driver *driver = calloc(1, sizeof(*driver));
    pthread_mutex_init(&driver->lock, NULL);
    driver->device = SIM_MAX_GPUS + number;
    driver->losses = sim_losses(driver->device);
    if (sim_lost(driver->device, driver->losses)) {
        free(driver);
        return VA_STATUS_ERROR_OPERATION_FAILED;
    }
    va->pDriverData = driver;
    va->version_major = VA_MAJOR_VERSION;
    va->version_minor = VA_MINOR_VERSION;
    va->max_profiles = 4;
    va->max_entrypoints = 1;
    va->max_attributes = 8;
    va->max_image_formats = va->max_subpic_formats = va->max_display_attributes = 1;
    va->str_vendor = sim_config()->device[driver->device].name;
    struct VADriverVTable *table = va->vtable;
    table->vaTerminate = terminate;
    table->vaCreateSurfaces = create_surfaces;
    table->vaCreateSurfaces2 = create_surfaces2;
    table->vaDestroySurfaces = destroy_surfaces;
    table->vaCreateContext = create_context;
    table->vaDestroyContext = destroy_context;
    table->vaCreateBuffer = create_buffer;
    table->vaBufferSetNumElements = set_elements;
    table->vaMapBuffer = map_buffer;
    table->vaUnmapBuffer = unmap_buffer;
    table->vaDestroyBuffer = destroy_buffer;
    table->vaBeginPicture = begin_picture;
    table->vaRenderPicture = render_picture;
    table->vaEndPicture = end_picture;
    table->vaSyncSurface = sync_surface;
    table->vaQuerySurfaceStatus = surface_status;
    configs_install(table);
    images_install(table);
    unsupported_install(table);
    processing_install(va->vtable_vpp);
    return VA_STATUS_SUCCESS;
}
