/* What the driver can do, and the configurations that clients make of it. */
#include "va.h"
#include <stdlib.h>
#include <string.h>

static VAStatus query_profiles(VADriverContextP va, VAProfile *list, int *count)
{
    (void)va;
    const VAProfile all[] = {VAProfileH264ConstrainedBaseline, VAProfileH264Main, VAProfileH264High, VAProfileNone};
    memcpy(list, all, sizeof(all));
    *count = 4;
    return VA_STATUS_SUCCESS;
}

static bool is_h264(VAProfile profile)
{
    return profile == VAProfileH264ConstrainedBaseline || profile == VAProfileH264Main || profile == VAProfileH264High;
}

static VAStatus query_entrypoints(VADriverContextP va, VAProfile profile, VAEntrypoint *list, int *count)
{
    *count = 0;
    if (profile == VAProfileNone)
        list[(*count)++] = VAEntrypointVideoProc;
    else if (is_h264(profile) && sim_config()->device[driver_of(va)->device].encoder)
        list[(*count)++] = VAEntrypointEncSlice;
    return *count ? VA_STATUS_SUCCESS : VA_STATUS_ERROR_UNSUPPORTED_PROFILE;
}

static VAStatus get_attributes(VADriverContextP va, VAProfile profile, VAEntrypoint entrypoint, VAConfigAttrib *list, int count)
{
    (void)va, (void)profile;
    bool encoding = entrypoint == VAEntrypointEncSlice;
    for (int i = 0; i < count; i++) {
        uint32_t value = VA_ATTRIB_NOT_SUPPORTED;
        switch ((int)list[i].type) {
        case VAConfigAttribRTFormat:
            value = VA_RT_FORMAT_YUV420;
            break;
        case VAConfigAttribMaxPictureWidth:
        case VAConfigAttribMaxPictureHeight:
            value = 4096;
            break;
        case VAConfigAttribRateControl:
            value = encoding ? VA_RC_CQP | VA_RC_CBR | VA_RC_VBR : value;
            break;
        case VAConfigAttribEncPackedHeaders: /* slices' headers are the driver's: it chooses their QP */
            value = encoding ? VA_ENC_PACKED_HEADER_SEQUENCE : value;
            break;
        case VAConfigAttribEncMaxRefFrames: /* one before, none after: no B pictures */
        case VAConfigAttribEncMaxSlices:
            value = encoding ? 1 : value;
            break;
        case VAConfigAttribEncQualityRange:
            value = encoding ? 7 : value;
            break;
        }
        list[i].value = value;
    }
    return VA_STATUS_SUCCESS;
}

static VAStatus create_config(VADriverContextP va, VAProfile profile, VAEntrypoint entrypoint, VAConfigAttrib *list, int count, VAConfigID *id)
{
    VAEntrypoint known;
    int entrypoints;
    VAStatus status = query_entrypoints(va, profile, &known, &entrypoints);
    if (status != VA_STATUS_SUCCESS)
        return status;
    if (entrypoint != known)
        return VA_STATUS_ERROR_UNSUPPORTED_ENTRYPOINT;
    struct config *config = calloc(1, sizeof(*config));
    *config = (struct config){.profile = profile, .entrypoint = entrypoint, .rate_control = VA_RC_CQP};
    for (int i = 0; i < count; i++)
        if (list[i].type == VAConfigAttribRateControl)
            config->rate_control = list[i].value;
    *id = object_add(driver_of(va), config, CONFIG, 0);
    return VA_STATUS_SUCCESS;
}

static VAStatus destroy_config(VADriverContextP va, VAConfigID id)
{
    return object_remove(driver_of(va), id, CONFIG);
}

static VAStatus query_config(VADriverContextP va, VAConfigID id, VAProfile *profile, VAEntrypoint *entrypoint, VAConfigAttrib *list, int *count)
{
    const struct config *config = object_find(driver_of(va), id, CONFIG);
    if (!config)
        return VA_STATUS_ERROR_INVALID_CONFIG;
    *profile = config->profile;
    *entrypoint = config->entrypoint;
    list[0] = (VAConfigAttrib){VAConfigAttribRTFormat, VA_RT_FORMAT_YUV420};
    *count = 1;
    return VA_STATUS_SUCCESS;
}

static VAStatus query_surface_attributes(VADriverContextP va, VAConfigID config, VASurfaceAttrib *list, unsigned *count)
{
    (void)va, (void)config;
    const struct {
        VASurfaceAttribType type;
        int value;
    } all[] = {{VASurfaceAttribPixelFormat, VA_FOURCC_NV12}, {VASurfaceAttribMinWidth, 16},   {VASurfaceAttribMinHeight, 16},
               {VASurfaceAttribMaxWidth, 4096},              {VASurfaceAttribMaxHeight, 4096}, {VASurfaceAttribMemoryType, VA_SURFACE_ATTRIB_MEM_TYPE_VA}};
    const unsigned known = sizeof(all) / sizeof(*all);
    if (list && *count < known)
        return VA_STATUS_ERROR_MAX_NUM_EXCEEDED;
    for (unsigned i = 0; list && i < known; i++)
        list[i] = (VASurfaceAttrib){all[i].type, VA_SURFACE_ATTRIB_GETTABLE | VA_SURFACE_ATTRIB_SETTABLE, {VAGenericValueTypeInteger, {.i = all[i].value}}};
    *count = known;
    return VA_STATUS_SUCCESS;
}

void configs_install(struct VADriverVTable *table)
{
    table->vaQueryConfigProfiles = query_profiles;
    table->vaQueryConfigEntrypoints = query_entrypoints;
    table->vaGetConfigAttributes = get_attributes;
    table->vaCreateConfig = create_config;
    table->vaDestroyConfig = destroy_config;
    table->vaQueryConfigAttributes = query_config;
    table->vaQuerySurfaceAttributes = query_surface_attributes;
}
