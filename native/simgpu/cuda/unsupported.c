/* What FFmpeg's loader insists on finding and nothing here calls. */
#include "cuda.h"

#define UNSUPPORTED(name)                                   \
    EXPORT CUresult name(void) { return CUDA_NOT_SUPPORTED; } \
    _Static_assert(1, "")

UNSUPPORTED(cuLinkCreate);
UNSUPPORTED(cuLinkAddData);
UNSUPPORTED(cuLinkComplete);
UNSUPPORTED(cuLinkDestroy);
UNSUPPORTED(cuGLGetDevices_v2);
UNSUPPORTED(cuGraphicsGLRegisterImage);
UNSUPPORTED(cuGraphicsUnregisterResource);
UNSUPPORTED(cuGraphicsMapResources);
UNSUPPORTED(cuGraphicsUnmapResources);
UNSUPPORTED(cuGraphicsSubResourceGetMappedArray);
UNSUPPORTED(cuGraphicsResourceGetMappedPointer_v2);
UNSUPPORTED(cuArray3DCreate_v2);
UNSUPPORTED(cuArrayDestroy);
