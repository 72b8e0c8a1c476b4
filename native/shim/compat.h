/* Where FFmpeg 5.1, 6 and 7 differ. Everything else in the shim is common to them. */
#ifndef TC_COMPAT_H
#define TC_COMPAT_H

#include <libavcodec/avcodec.h>
#include <libavcodec/version.h>
#include <libavformat/avformat.h>
#include <libavutil/frame.h>
#include <libavutil/version.h>

#if LIBAVUTIL_VERSION_INT < AV_VERSION_INT(57, 28, 100)
#error "FFmpeg 5.1 or later is needed: older ones lack AVChannelLayout"
#endif

/* AVFrame.key_frame and .interlaced_frame became flags in libavutil 58.7 (FFmpeg 6.1). */
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(58, 7, 100)
#define TC_FRAME_IS_KEY(frame) (((frame)->flags & AV_FRAME_FLAG_KEY) != 0)
#define TC_FRAME_IS_INTERLACED(frame) (((frame)->flags & AV_FRAME_FLAG_INTERLACED) != 0)
#define TC_FRAME_CLEAR_KEY(frame) ((frame)->flags &= ~AV_FRAME_FLAG_KEY)
#else
#define TC_FRAME_IS_KEY(frame) ((frame)->key_frame != 0)
#define TC_FRAME_IS_INTERLACED(frame) ((frame)->interlaced_frame != 0)
#define TC_FRAME_CLEAR_KEY(frame) ((frame)->key_frame = 0)
#endif

/* AVFrame.pkt_duration became .duration in libavutil 57.30 (FFmpeg 6.0). */
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
#define TC_FRAME_DURATION(frame) ((frame)->duration)
#else
#define TC_FRAME_DURATION(frame) ((frame)->pkt_duration)
#endif

#endif
