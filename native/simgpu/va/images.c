/* NV12 images: copies of surfaces, or windows into them. */
#include "va.h"
#include <stdlib.h>
#include <string.h>

static const VAImageFormat nv12 = {.fourcc = VA_FOURCC_NV12, .byte_order = VA_LSB_FIRST, .bits_per_pixel = 12};

static VAStatus query_formats(VADriverContextP va, VAImageFormat *list, int *count)
{
    (void)va;
    *list = nv12;
    *count = 1;
    return VA_STATUS_SUCCESS;
}

static VAStatus make_image(struct driver *driver, int width, int height, int pitch, int rows, void *at, VAImage *result)
{
    struct buffer *buffer = calloc(1, sizeof(*buffer));
    struct image *image = calloc(1, sizeof(*image));
    if (!buffer || !image)
        abort();
    unsigned size = (unsigned)(pitch * rows * 3 / 2);
    *buffer = (struct buffer){.type = VAImageBufferType, .size = size, .count = 1, .at = at ? at : calloc(1, size), .borrowed = at != NULL};
    *result = (VAImage){
        .format = nv12,
        .buf = object_add(driver, buffer, BUFFER, 0),
        .width = (uint16_t)width,
        .height = (uint16_t)height,
        .data_size = size,
        .num_planes = 2,
        .pitches = {(uint32_t)pitch, (uint32_t)pitch},
        .offsets = {0, (uint32_t)(pitch * rows)},
    };
    result->image_id = object_add(driver, image, IMAGE, 0);
    image->image = *result;
    return VA_STATUS_SUCCESS;
}

static VAStatus create_image(VADriverContextP va, VAImageFormat *format, int width, int height, VAImage *image)
{
    if (format->fourcc != VA_FOURCC_NV12)
        return VA_STATUS_ERROR_INVALID_IMAGE_FORMAT;
    return make_image(driver_of(va), width, height, (width + 63) / 64 * 64, (height + 1) / 2 * 2, NULL, image);
}

static VAStatus derive_image(VADriverContextP va, VASurfaceID id, VAImage *image)
{
    const struct surface *surface = object_find(driver_of(va), id, SURFACE);
    if (!surface)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    return make_image(driver_of(va), surface->width, surface->height, surface->pitch, surface->rows, surface->at, image);
}

static VAStatus destroy_image(VADriverContextP va, VAImageID id)
{
    const struct image *image = object_find(driver_of(va), id, IMAGE);
    if (!image)
        return VA_STATUS_ERROR_INVALID_IMAGE;
    object_remove(driver_of(va), image->image.buf, BUFFER);
    return object_remove(driver_of(va), id, IMAGE);
}

static VAStatus copy(VADriverContextP va, VASurfaceID surface_id, VAImageID image_id, bool to_image)
{
    struct driver *driver = driver_of(va);
    const struct surface *surface = object_find(driver, surface_id, SURFACE);
    const struct image *image = object_find(driver, image_id, IMAGE);
    const struct buffer *buffer = image ? object_find(driver, image->image.buf, BUFFER) : NULL;
    if (!surface || !buffer)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    if (sim_lost(driver->device, driver->losses))
        return VA_STATUS_ERROR_OPERATION_FAILED;
    int width = surface->width < image->image.width ? surface->width : image->image.width;
    int height = surface->height < image->image.height ? surface->height : image->image.height;
    for (int plane = 0; plane < 2; plane++)
        for (int y = 0; y < (plane ? (height + 1) / 2 : height); y++) {
            uint8_t *in_surface = surface->at + (size_t)(plane * surface->rows + y) * (size_t)surface->pitch;
            uint8_t *in_image = (uint8_t *)buffer->at + image->image.offsets[plane] + (size_t)y * image->image.pitches[plane];
            memcpy(to_image ? in_image : in_surface, to_image ? in_surface : in_image, (size_t)(plane ? (width + 1) / 2 * 2 : width));
        }
    return VA_STATUS_SUCCESS;
}

static VAStatus get_image(VADriverContextP va, VASurfaceID surface, int x, int y, unsigned width, unsigned height, VAImageID image)
{
    (void)width, (void)height;
    return x || y ? VA_STATUS_ERROR_UNIMPLEMENTED : copy(va, surface, image, true);
}

static VAStatus put_image(VADriverContextP va, VASurfaceID surface, VAImageID image, int src_x, int src_y, unsigned src_width, unsigned src_height, int x, int y,
                          unsigned width, unsigned height)
{
    (void)src_width, (void)src_height, (void)width, (void)height;
    return src_x || src_y || x || y ? VA_STATUS_ERROR_UNIMPLEMENTED : copy(va, surface, image, false);
}

static VAStatus set_palette(VADriverContextP va, VAImageID image, unsigned char *palette)
{
    (void)va, (void)image, (void)palette;
    return VA_STATUS_ERROR_UNIMPLEMENTED;
}

void images_install(struct VADriverVTable *table)
{
    table->vaQueryImageFormats = query_formats;
    table->vaCreateImage = create_image;
    table->vaDeriveImage = derive_image;
    table->vaDestroyImage = destroy_image;
    table->vaGetImage = get_image;
    table->vaPutImage = put_image;
    table->vaSetImagePalette = set_palette;
}
