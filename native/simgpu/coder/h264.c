/* H.264 without delay, B pictures included. x264 codes the I and P pictures as a stream that knows no reordering; the B pictures between are written here
   by hand, all skipped, so none waits in a look-ahead. For that the sequence parameter set is our own (picture order count type 0, reordering) and each of
   x264's slices gets its picture order count put in. With `skip`, the P pictures are written by hand too. */
#include "h264.h"
#include "bits.h"
#include <stdlib.h>
#include <string.h>
#include <x264.h>

#define POC_BITS 8
enum { P_SLICE = 5, B_SLICE = 6 };

struct h264 {
    struct coder_settings settings;
    x264_t *x264;
    struct bytes sps, pps, scratch;
    int frame_num_bits, level_idc;
    uint32_t frame_num; /* of the last reference picture */
    int64_t pictures;
};

/* x264 writes frame_num's size where H.264 7.3.2.1.1 says, after the profile, which is one without chroma_format_idc. */
static bool read_sps(struct h264 *coder, const uint8_t *nal, size_t size)
{
    struct bit_reader reader = {nal, 8, size * 8};
    uint32_t profile = bits_get(&reader, 8);
    bits_get(&reader, 8);
    coder->level_idc = (int)bits_get(&reader, 8);
    bits_get_ue(&reader);
    if (profile >= 100)
        return false;
    coder->frame_num_bits = (int)bits_get_ue(&reader) + 4;
    return true;
}

static void put_vui(struct bit_writer *sps, const struct coder_settings *settings, uint32_t references)
{
    uint32_t sar_width = (uint32_t)(settings->dar_width * settings->height), sar_height = (uint32_t)(settings->dar_height * settings->width);
    for (uint32_t a = sar_width, b = sar_height, rest; b; a = b, b = rest) {
        rest = a % b;
        if (!rest) {
            sar_width /= b;
            sar_height /= b;
        }
    }
    bool aspect = sar_width && sar_height && sar_width != sar_height && sar_width < 65536 && sar_height < 65536;
    bits_put(sps, 1, aspect);
    if (aspect) {
        bits_put(sps, 8, 255);
        bits_put(sps, 16, sar_width);
        bits_put(sps, 16, sar_height);
    }
    bits_put(sps, 1, 0); /* overscan_info */
    bits_put(sps, 1, settings->signal.present);
    if (settings->signal.present) {
        bits_put(sps, 3, (uint32_t)settings->signal.format);
        bits_put(sps, 1, (uint32_t)settings->signal.full_range);
        bits_put(sps, 1, settings->signal.colours);
        if (settings->signal.colours) {
            bits_put(sps, 8, (uint32_t)settings->signal.primaries);
            bits_put(sps, 8, (uint32_t)settings->signal.transfer);
            bits_put(sps, 8, (uint32_t)settings->signal.matrix);
        }
    }
    bits_put(sps, 1, 0); /* chroma_loc_info */
    bits_put(sps, 1, 1); /* timing_info */
    bits_put(sps, 32, (uint32_t)settings->rate_den);
    bits_put(sps, 32, (uint32_t)settings->rate_num * 2);
    bits_put(sps, 5, 0); /* variable rate, no HRD, no pic_struct */
    bits_put(sps, 2, 3); /* bitstream_restriction, vectors over boundaries */
    bits_put_ue(sps, 0);
    bits_put_ue(sps, 0);
    bits_put_ue(sps, 11);
    bits_put_ue(sps, 11);
    bits_put_ue(sps, settings->bframes > 0);
    bits_put_ue(sps, references);
}

static void write_sps(struct h264 *coder)
{
    const struct coder_settings *settings = &coder->settings;
    uint32_t columns = (uint32_t)(settings->width + 15) / 16, rows = (uint32_t)(settings->height + 15) / 16;
    uint32_t right = columns * 16 - (uint32_t)settings->width, bottom = rows * 16 - (uint32_t)settings->height;
    uint32_t references = settings->bframes > 0 ? 2 : 1;
    struct bit_writer sps = {.bit = 0};
    bits_put(&sps, 8, (uint32_t)settings->profile_idc);
    bits_put(&sps, 8, settings->profile_idc == 66 ? 0xC0 : settings->profile_idc == 77 ? 0x40 : 0);
    bits_put(&sps, 8, (uint32_t)coder->level_idc);
    bits_put_ue(&sps, 0);
    if (settings->profile_idc >= 100) {
        bits_put_ue(&sps, 1);
        bits_put_ue(&sps, 0);
        bits_put_ue(&sps, 0);
        bits_put(&sps, 2, 0);
    }
    bits_put_ue(&sps, (uint32_t)coder->frame_num_bits - 4);
    bits_put_ue(&sps, 0);
    bits_put_ue(&sps, POC_BITS - 4);
    bits_put_ue(&sps, references);
    bits_put(&sps, 1, 0);
    bits_put_ue(&sps, columns - 1);
    bits_put_ue(&sps, rows - 1);
    bits_put(&sps, 2, 3); /* frames only, direct_8x8_inference */
    bits_put(&sps, 1, right || bottom);
    if (right || bottom) {
        bits_put_ue(&sps, 0);
        bits_put_ue(&sps, right / 2);
        bits_put_ue(&sps, 0);
        bits_put_ue(&sps, bottom / 2);
    }
    bits_put(&sps, 1, 1);
    put_vui(&sps, settings, references);
    bits_put_trailing(&sps);
    nal_add(&coder->sps, 3 << 5 | NAL_SPS, sps.at, sps.bit / 8);
}

/* Number 1, for the pictures written by hand: CAVLC whatever x264 uses. */
static void write_second_pps(struct h264 *coder)
{
    struct bit_writer pps = {.bit = 0};
    bits_put_ue(&pps, 1);
    bits_put_ue(&pps, 0);
    bits_put(&pps, 2, 0);
    bits_put_ue(&pps, 0);
    bits_put_ue(&pps, 0);
    bits_put_ue(&pps, 0);
    bits_put(&pps, 3, 0);
    bits_put_ue(&pps, 0);
    bits_put_ue(&pps, 0);
    bits_put_ue(&pps, 0);
    bits_put(&pps, 3, 4); /* deblocking_filter_control_present */
    bits_put_trailing(&pps);
    nal_add(&coder->pps, 3 << 5 | NAL_PPS, pps.at, pps.bit / 8);
}

static size_t unescaped(struct h264 *coder, const x264_nal_t *nal)
{
    const uint8_t *at = nal->p_payload;
    size_t size = (size_t)nal->i_payload, prefix = at[2] == 1 ? 3 : 4;
    coder->scratch.size = 0;
    bytes_add(&coder->scratch, at, size);
    return nal_unescape(coder->scratch.at, at + prefix, size - prefix);
}

static x264_t *open_x264(const struct coder_settings *settings)
{
    x264_param_t param;
    x264_param_default_preset(&param, "ultrafast", "zerolatency");
    param.i_log_level = X264_LOG_NONE;
    param.i_threads = 1;
    param.b_sliced_threads = 0;
    param.i_width = settings->width;
    param.i_height = settings->height;
    param.i_csp = X264_CSP_I420;
    param.i_fps_num = (uint32_t)settings->rate_num;
    param.i_fps_den = (uint32_t)(settings->rate_den * (settings->bframes + 1)); /* what it sees of the pictures */
    param.b_vfr_input = 0;
    param.i_keyint_max = X264_KEYINT_MAX_INFINITE;
    param.i_scenecut_threshold = 0;
    param.b_repeat_headers = 0;
    param.b_annexb = 1;
    param.i_level_idc = settings->level_idc ? settings->level_idc : -1;
    if (settings->qp >= 0 || settings->skip) {
        param.rc.i_rc_method = X264_RC_CQP;
        param.rc.i_qp_constant = settings->qp >= 0 ? settings->qp : 30;
    } else {
        param.rc.i_rc_method = X264_RC_ABR;
        param.rc.i_bitrate = settings->bitrate / 1000 > 0 ? settings->bitrate / 1000 : 1;
        param.rc.i_vbv_max_bitrate = settings->max_bitrate / 1000 > param.rc.i_bitrate ? settings->max_bitrate / 1000 : param.rc.i_bitrate;
        param.rc.i_vbv_buffer_size = settings->vbv > 0 ? (settings->vbv + 999) / 1000 : param.rc.i_vbv_max_bitrate;
    }
    return x264_encoder_open(&param);
}

struct h264 *h264_open(const struct coder_settings *settings)
{
    struct h264 *coder = calloc(1, sizeof(*coder));
    if (!coder)
        abort();
    coder->settings = *settings;
    coder->x264 = open_x264(settings);
    x264_nal_t *nals;
    int count;
    bool good = coder->x264 && x264_encoder_headers(coder->x264, &nals, &count) >= 0;
    for (int i = 0; good && i < count; i++) {
        size_t size = unescaped(coder, &nals[i]);
        if (nals[i].i_type == NAL_SPS)
            good = read_sps(coder, coder->scratch.at, size);
        else if (nals[i].i_type == NAL_PPS)
            nal_add(&coder->pps, coder->scratch.at[0], coder->scratch.at + 1, size - 1);
    }
    if (!good) {
        h264_close(coder);
        return NULL;
    }
    write_sps(coder);
    if (settings->bframes > 0 || settings->skip)
        write_second_pps(coder);
    return coder;
}

void h264_close(struct h264 *coder)
{
    if (coder->x264)
        x264_encoder_close(coder->x264);
    free(coder->sps.at);
    free(coder->pps.at);
    free(coder->scratch.at);
    free(coder);
}

void h264_headers(struct h264 *coder, struct bytes *to)
{
    bytes_add(to, coder->sps.at, coder->sps.size);
    bytes_add(to, coder->pps.at, coder->pps.size);
}

/* pic_order_cnt_lsb stands after idr_pic_id, or after frame_num (H.264 7.3.3). It is a byte, so what follows keeps its alignment. */
static void add_slice(struct h264 *coder, const x264_nal_t *nal, int since_idr, struct bytes *to)
{
    size_t size = unescaped(coder, nal);
    uint8_t *at = coder->scratch.at;
    struct bit_reader reader = {at, 8, size * 8};
    bits_get_ue(&reader);
    bits_get_ue(&reader);
    bits_get_ue(&reader);
    coder->frame_num = bits_get(&reader, coder->frame_num_bits);
    if (nal->i_type == NAL_SLICE_IDR)
        bits_get_ue(&reader);
    size_t byte = reader.bit / 8;
    int shift = (int)(reader.bit % 8);
    uint8_t split = at[byte], poc = (uint8_t)(2 * since_idr);
    bytes_add(&coder->scratch, "", 1); /* room */
    at = coder->scratch.at;
    memmove(at + byte + 2, at + byte + 1, size - byte - 1);
    at[byte] = (uint8_t)((split & ~(0xFF >> shift)) | poc >> shift);
    at[byte + 1] = (uint8_t)((poc << (8 - shift) & 0xFF & ~(0xFF >> shift)) | (split & 0xFF >> shift));
    nal_add(to, at[0], at + 1, size);
}

/* A picture of skipped macroblocks: P repeats the last one, B lies between its neighbours (H.264 7.3.3, 7.3.4). */
static void add_skipped(struct h264 *coder, bool b, int since_idr, struct bytes *to)
{
    const struct coder_settings *settings = &coder->settings;
    uint32_t macroblocks = (uint32_t)((settings->width + 15) / 16 * ((settings->height + 15) / 16));
    uint32_t frame_num = (coder->frame_num + 1) & ((1u << coder->frame_num_bits) - 1);
    struct bit_writer slice = {.bit = 0};
    bits_put_ue(&slice, 0);
    bits_put_ue(&slice, b ? B_SLICE : P_SLICE);
    bits_put_ue(&slice, 1);
    bits_put(&slice, coder->frame_num_bits, frame_num);
    bits_put(&slice, POC_BITS, (uint32_t)(2 * since_idr) & 0xFF);
    if (b)
        bits_put(&slice, 1, 1); /* direct_spatial_mv_pred */
    bits_put(&slice, 1, 0);     /* num_ref_idx_active_override */
    bits_put(&slice, b ? 2 : 1, 0);
    if (!b)
        bits_put(&slice, 1, 0); /* adaptive_ref_pic_marking_mode */
    bits_put_ue(&slice, 0);     /* slice_qp_delta */
    bits_put_ue(&slice, 1);     /* disable_deblocking_filter_idc */
    bits_put_ue(&slice, macroblocks);
    bits_put_trailing(&slice);
    nal_add(to, (uint8_t)((b ? 0 : 2) << 5 | NAL_SLICE), slice.at, slice.bit / 8);
    if (!b)
        coder->frame_num = frame_num;
}

int h264_encode(struct h264 *coder, const struct picture *picture, enum coded kind, int since_idr, struct bytes *to)
{
    if (kind == CODED_B || (coder->settings.skip && kind != CODED_IDR)) {
        add_skipped(coder, kind == CODED_B, since_idr, to);
        return 30;
    }
    x264_picture_t in, out;
    x264_picture_init(&in);
    in.i_type = kind == CODED_IDR ? X264_TYPE_IDR : kind == CODED_I ? X264_TYPE_I : X264_TYPE_P;
    in.i_pts = coder->pictures++;
    in.img.i_csp = picture->interleaved ? X264_CSP_NV12 : X264_CSP_I420;
    in.img.i_plane = picture->interleaved ? 2 : 3;
    for (int i = 0; i < in.img.i_plane; i++) {
        in.img.plane[i] = (uint8_t *)picture->plane[i];
        in.img.i_stride[i] = picture->stride[i];
    }
    x264_nal_t *nals;
    int count;
    if (x264_encoder_encode(coder->x264, &nals, &count, &in, &out) <= 0)
        return -1;
    for (int i = 0; i < count; i++)
        if (nals[i].i_type == NAL_SLICE || nals[i].i_type == NAL_SLICE_IDR)
            add_slice(coder, &nals[i], since_idr, to);
    return out.i_qpplus1 > 0 ? out.i_qpplus1 - 1 : 0;
}
