#pragma once
#include "../coder/h264.h"
#include <pthread.h>
#include <va/va.h>
#include <va/va_backend.h>
#include <va/va_backend_vpp.h>
#include <va/va_vpp.h>

#define MAX_OBJECTS 8192

enum object_kind { CONFIG = 1, SURFACE, CONTEXT, BUFFER, IMAGE };

struct object {
    enum object_kind kind;
    uint64_t memory; /* on the device, given back with the object */
};

struct config {
    struct object object;
    VAProfile profile;
    VAEntrypoint entrypoint;
    uint32_t rate_control;
};

struct surface {
    struct object object;
    int width, height, pitch, rows;
    uint8_t *at; /* NV12 */
    uint64_t ready_at, serial;
};

struct buffer {
    struct object object;
    VABufferType type;
    unsigned size, count;
    void *at;
    bool borrowed; /* a derived image's: the surface's own memory */
    struct bytes coded;
    uint64_t ready_at, serial;
    VACodedBufferSegment segment;
};

struct image {
    struct object object;
    VAImage image;
};

struct context {
    struct object object;
    VAEntrypoint entrypoint;
    uint32_t rate_control;
    struct sim_session *session;
    struct h264 *coder;
    bool broken;
    struct surface *target;
    VAEncSequenceParameterBufferH264 sequence;
    VAEncPictureParameterBufferH264 picture;
    VAEncSliceParameterBufferH264 slice;
    VAEncMiscParameterRateControl rate;
    VAEncMiscParameterHRD hrd;
    VAEncMiscParameterFrameRate frame_rate;
    VAProcPipelineParameterBuffer pipeline;
    struct bytes packed;
    bool changed; /* parameters of the sequence came */
};

struct driver {
    pthread_mutex_t lock;
    struct object *objects[MAX_OBJECTS];
    int device; /* as in the state */
    uint64_t losses;
};

struct driver *driver_of(VADriverContextP va);
/* Null where there is no such object of that kind. */
void *object_find(struct driver *driver, unsigned id, enum object_kind kind);
/* Takes device memory; VA_INVALID_ID where there is none. */
unsigned object_add(struct driver *driver, void *object, enum object_kind kind, uint64_t memory);
VAStatus object_remove(struct driver *driver, unsigned id, enum object_kind kind);

void encode_take(struct context *context, const struct buffer *buffer);
VAStatus encode_picture(struct driver *driver, struct context *context);
VAStatus process_picture(struct driver *driver, struct context *context);
/* Until what was coded from or into the object is ready. */
VAStatus encode_wait(struct driver *driver, uint64_t ready_at, uint64_t serial);
void configs_install(struct VADriverVTable *table);
void images_install(struct VADriverVTable *table);
void unsupported_install(struct VADriverVTable *table);
void processing_install(struct VADriverVTableVPP *table);
