#include "internal.h"

#include <libavutil/avstring.h>
#include <libavutil/log.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <signal.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic(tc_log_callback) log_callback;
static _Atomic int log_level = AV_LOG_WARNING;

static void forward_log(void *context, int level, const char *format, va_list arguments)
{
    /* FFmpeg writes some lines in pieces; a line goes out when its end has come. */
    static _Thread_local char line[1024];
    static _Thread_local size_t length;
    static _Thread_local int prefix = 1;
    tc_log_callback callback = atomic_load(&log_callback);
    size_t end;
    if (callback == NULL || level > atomic_load(&log_level)) {
        return;
    }
    if (av_log_format_line2(context, level, format, arguments, line + length, (int)(sizeof(line) - length), &prefix) < 0) {
        return;
    }
    end = length + strcspn(line + length, "\n");
    length = strlen(line);
    if (line[end] != '\n' && length < sizeof(line) - 1) {
        return;
    }
    line[end] = '\0';
    length = 0;
    prefix = 1;
    if (line[0] != '\0') {
        callback(level, line);
    }
}

static struct sigaction runtime_sigsegv;

static void on_sigsegv(int number, siginfo_t *facts, void *context)
{
    if (facts->si_code <= 0) {
        /* Sent by a process, not raised by a fault: it would not repeat by itself, so the default action is asked for. */
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    runtime_sigsegv.sa_sigaction(number, facts, context);
}

int32_t tc_die_of_sent_sigsegv(void)
{
    struct sigaction mine;
    if (sigaction(SIGSEGV, NULL, &runtime_sigsegv) != 0) {
        return AVERROR(errno);
    }
    if (!(runtime_sigsegv.sa_flags & SA_SIGINFO)) {
        /* Nobody has taken the signal: its default action stands. */
        return 0;
    }
    mine = runtime_sigsegv;
    mine.sa_sigaction = on_sigsegv;
    return sigaction(SIGSEGV, &mine, NULL) == 0 ? 0 : AVERROR(errno);
}

int32_t tc_abi_version(void)
{
    return TC_ABI_VERSION;
}

int32_t tc_struct_sizes(int32_t *sizes, int32_t count)
{
    const int32_t own[] = {
        (int32_t)sizeof(tc_frame_facts),   (int32_t)sizeof(tc_unit),         (int32_t)sizeof(tc_encoder_settings),
        (int32_t)sizeof(tc_encoder_facts), (int32_t)sizeof(tc_stream_facts), (int32_t)sizeof(tc_packet_facts),
        (int32_t)sizeof(tc_nvenc_caps),
    };
    const int32_t known = (int32_t)(sizeof(own) / sizeof(own[0]));
    for (int32_t i = 0; i < count && i < known; i++) {
        sizes[i] = own[i];
    }
    return known;
}

void tc_log_set(tc_log_callback callback, int32_t level)
{
    atomic_store(&log_callback, callback);
    atomic_store(&log_level, level);
    av_log_set_level(level);
    /* SVT-AV1 writes to standard error past FFmpeg's log, a banner at each opening; 1 leaves its errors. */
    setenv("SVT_LOG", "1", 0);
    av_log_set_callback(callback != NULL ? forward_log : av_log_default_callback);
}

void tc_error_text(int32_t error, char *text, int32_t size)
{
    if (text != NULL && size > 0) {
        av_strerror(error, text, (size_t)size);
    }
}

const char *tc_library_versions(void)
{
    return LIBAVCODEC_IDENT " " LIBAVFORMAT_IDENT " " LIBAVUTIL_IDENT " " LIBSWSCALE_IDENT " " LIBSWRESAMPLE_IDENT;
}

int tc_options_parse(const char *text, AVDictionary **options)
{
    int error = 0;
    if (text != NULL && text[0] != '\0') {
        error = av_dict_parse_string(options, text, "=", "\n", 0);
    }
    if (error < 0) {
        av_dict_free(options);
    }
    return error;
}

int tc_options_check_used(const AVDictionary *options, const char *who)
{
    const AVDictionaryEntry *left = av_dict_get(options, "", NULL, AV_DICT_IGNORE_SUFFIX);
    if (left == NULL) {
        return 0;
    }
    av_log(NULL, AV_LOG_ERROR, "%s has no option %s\n", who, left->key);
    return AVERROR_OPTION_NOT_FOUND;
}

int32_t tc_status(int error)
{
    if (error == AVERROR(EAGAIN)) {
        return TC_AGAIN;
    }
    return error == AVERROR_EOF ? TC_EOF : error;
}
