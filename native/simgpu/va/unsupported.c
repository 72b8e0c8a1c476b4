/* What libva insists on finding: subpictures and display attributes, of which there are none, and what video processing cannot do. */
#include "va.h"
#include <string.h>

static VAStatus unimplemented(void)
{
    return VA_STATUS_ERROR_UNIMPLEMENTED;
}

static VAStatus query_subpictures(VADriverContextP va, VAImageFormat *list, unsigned *flags, unsigned *count)
{
    (void)va, (void)list, (void)flags;
    *count = 0;
    return VA_STATUS_SUCCESS;
}

static VAStatus query_display(VADriverContextP va, VADisplayAttribute *list, int *count)
{
    (void)va, (void)list;
    *count = 0;
    return VA_STATUS_SUCCESS;
}

#define REFUSE(call) table->call = (__typeof__(table->call))(void (*)(void))unimplemented

void unsupported_install(struct VADriverVTable *table)
{
    table->vaQuerySubpictureFormats = query_subpictures;
    table->vaQueryDisplayAttributes = query_display;
    REFUSE(vaPutSurface);
    REFUSE(vaCreateSubpicture);
    REFUSE(vaDestroySubpicture);
    REFUSE(vaSetSubpictureImage);
    REFUSE(vaSetSubpictureChromakey);
    REFUSE(vaSetSubpictureGlobalAlpha);
    REFUSE(vaAssociateSubpicture);
    REFUSE(vaDeassociateSubpicture);
    REFUSE(vaGetDisplayAttributes);
    REFUSE(vaSetDisplayAttributes);
}

static VAStatus query_filters(VADriverContextP va, VAContextID context, VAProcFilterType *list, unsigned *count)
{
    (void)va, (void)context, (void)list;
    *count = 0;
    return VA_STATUS_SUCCESS;
}

static VAStatus query_pipeline(VADriverContextP va, VAContextID context, VABufferID *filters, unsigned count, VAProcPipelineCaps *caps)
{
    (void)va, (void)context, (void)filters, (void)count;
    memset(caps, 0, sizeof(*caps));
    return VA_STATUS_SUCCESS;
}

void processing_install(struct VADriverVTableVPP *table)
{
    table->version = VA_DRIVER_VTABLE_VPP_VERSION;
    table->vaQueryVideoProcFilters = query_filters;
    table->vaQueryVideoProcPipelineCaps = query_pipeline;
    REFUSE(vaQueryVideoProcFilterCaps);
}
