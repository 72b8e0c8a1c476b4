/* libva-drm.so.2 for tests: any file is a device, since no DRM node can be had without hardware. The driver's name and folder come from the environment. */
#include "../simgpu.h"
#include <stdlib.h>
#include <string.h>
#include <va/va_backend.h>
#include <va/va_drmcommon.h>

__attribute__((visibility("default"))) const char SIM_MARKER[] = "simulated libva-drm.so.2";

VADisplayContextP va_newDisplayContext(void);

static int is_valid(VADisplayContextP display)
{
    return display->pDriverContext != NULL;
}

static void destroy(VADisplayContextP display)
{
    free(display->pDriverContext->drm_state);
    free(display->pDriverContext);
    free(display);
}

static VAStatus driver_name(VADisplayContextP display, char **name)
{
    (void)display;
    *name = strdup("simgpu");
    return VA_STATUS_SUCCESS;
}

__attribute__((visibility("default"))) VADisplay vaGetDisplayDRM(int fd)
{
    struct drm_state *drm = calloc(1, sizeof(*drm));
    VADriverContextP driver = calloc(1, sizeof(*driver));
    VADisplayContextP display = va_newDisplayContext();
    if (fd < 0 || !drm || !driver || !display) {
        free(drm);
        free(driver);
        free(display);
        return NULL;
    }
    drm->fd = fd;
    driver->display_type = VA_DISPLAY_DRM_RENDERNODES;
    driver->drm_state = drm;
    display->pDriverContext = driver;
    display->vaIsValid = is_valid;
    display->vaDestroy = destroy;
    display->vaGetDriverName = driver_name;
    return display;
}
