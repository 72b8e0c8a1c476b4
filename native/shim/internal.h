#ifndef TC_INTERNAL_H
#define TC_INTERNAL_H

#include "compat.h"
#include "tc_shim.h"

#include <libavutil/dict.h>
#include <libavutil/hwcontext.h>

struct tc_device {
    AVBufferRef *context;
    enum AVHWDeviceType type;
    /* Of frames whose pixels are there. */
    enum AVPixelFormat format;
};

/* A pool of the device's frames. */
int tc_device_frames(const tc_device *device, enum AVPixelFormat format, int width, int height, AVBufferRef **out);

/* A frame of the pool with the source's picture and properties. */
int tc_device_upload(AVBufferRef *frames, const AVFrame *source, AVFrame *target);

int tc_frame_is_on(const AVFrame *frame, const tc_device *device);

/* Of the pixels, wherever they are. */
enum AVPixelFormat tc_frame_memory_format(const AVFrame *frame);

/* "key=value" lines to a dictionary. */
int tc_options_parse(const char *text, AVDictionary **options);

/* What avcodec_open2 left over was not understood by anyone: says so in the log. */
int tc_options_check_used(const AVDictionary *options, const char *who);

/* EAGAIN and EOF to TC_AGAIN and TC_EOF, the rest untouched. */
int32_t tc_status(int error);

#endif
