#ifndef TC_INTERNAL_H
#define TC_INTERNAL_H

#include "compat.h"
#include "tc_shim.h"

#include <libavutil/dict.h>

/* "key=value" lines to a dictionary. */
int tc_options_parse(const char *text, AVDictionary **options);

/* What avcodec_open2 left over was not understood by anyone: says so in the log. */
int tc_options_check_used(const AVDictionary *options, const char *who);

/* EAGAIN and EOF to TC_AGAIN and TC_EOF, the rest untouched. */
int32_t tc_status(int error);

#endif
