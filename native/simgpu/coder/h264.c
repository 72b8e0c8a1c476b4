/* H.264 without delay, B pictures included. x264 codes the I and P pictures as a stream that knows no reordering; the B pictures between are written here
   by hand, all skipped, so none waits in a look-ahead. For that the parameter sets are our own or, with VA-API, the client's, and each of x264's slices gets
   a header that fits them; its macroblocks stay as they are. With `skip`, P pictures are written by hand too. */
#include "h264.h"
#include "bits.h"
#include <stdlib.h>
#include <string.h>
#include <x264.h>

static const struct h264_syntax own = {.frame_num_bits = 8, .poc_bits = 8, .init_qp = 26, .deblocking_control = true};

struct h264 {
    struct coder_settings settings;
    struct h264_syntax syntax;
    x264_t *x264;
    int x264_frame_num_bits, x264_init_qp, level_idc;
    struct bytes scratch;
    struct h264_position last; /* reference picture */
    int64_t pictures;
};

static size_t unescaped(struct h264 *coder, const x264_nal_t *nal)
{
    size_t size = (size_t)nal->i_payload, prefix = nal->p_payload[2] == 1 ? 3 : 4;
    coder->scratch.size = 0;
    bytes_add(&coder->scratch, nal->p_payload, size);
    return nal_unescape(coder->scratch.at, nal->p_payload + prefix, size - prefix);
}

/* H.264 7.3.2.1.1 as far as frame_num's size. */
static void read_sps(struct h264 *coder, size_t size)
{
    struct bit_reader reader = {coder->scratch.at, 8, size * 8};
    uint32_t profile = bits_get(&reader, 8);
    bits_get(&reader, 8);
    coder->level_idc = (int)bits_get(&reader, 8);
    bits_get_ue(&reader);
    if (profile >= 100) {
        bits_get_ue(&reader);
        bits_get_ue(&reader);
        bits_get_ue(&reader);
        bits_get(&reader, 2);
    }
    coder->x264_frame_num_bits = (int)bits_get_ue(&reader) + 4;
}

/* H.264 7.3.2.2 as far as pic_init_qp. */
static void read_pps(struct h264 *coder, size_t size)
{
    struct bit_reader reader = {coder->scratch.at, 8, size * 8};
    bits_get_ue(&reader);
    bits_get_ue(&reader);
    bits_get(&reader, 2);
    bits_get_ue(&reader);
    bits_get_ue(&reader);
    bits_get_ue(&reader);
    bits_get(&reader, 3);
    coder->x264_init_qp = 26 + bits_get_se(&reader);
}

static x264_t *open_x264(const struct coder_settings *settings, const struct h264_syntax *syntax)
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
    param.i_keyint_min = X264_KEYINT_MAX_INFINITE; /* or it turns I into IDR */
    param.i_scenecut_threshold = 0;
    param.b_repeat_headers = 0;
    param.b_annexb = 1;
    param.b_cabac = syntax->cabac;
    param.analyse.b_transform_8x8 = syntax->transform_8x8;
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

struct h264 *h264_open(const struct coder_settings *settings, const struct h264_syntax *syntax)
{
    struct h264 *coder = calloc(1, sizeof(*coder));
    if (!coder)
        abort();
    coder->settings = *settings;
    coder->syntax = syntax ? *syntax : own;
    coder->x264 = open_x264(settings, &coder->syntax);
    x264_nal_t *nals;
    int count;
    if (!coder->x264 || x264_encoder_headers(coder->x264, &nals, &count) < 0) {
        h264_close(coder);
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        size_t size = unescaped(coder, &nals[i]);
        if (nals[i].i_type == NAL_SPS)
            read_sps(coder, size);
        else if (nals[i].i_type == NAL_PPS)
            read_pps(coder, size);
    }
    return coder;
}

void h264_close(struct h264 *coder)
{
    if (coder->x264)
        x264_encoder_close(coder->x264);
    bytes_free(&coder->scratch);
    free(coder);
}

void h264_headers(struct h264 *coder, struct bytes *to)
{
    h264_write_sps(&coder->settings, coder->level_idc, &coder->syntax, to);
    h264_write_pps(to);
}

/* H.264 7.3.3, for frames with one reference in each list and one slice. */
static void put_header(struct bit_writer *slice, const struct h264_syntax *syntax, enum coded kind, const struct h264_position *position, uint32_t cabac_init,
                       int qp)
{
    bits_put_ue(slice, 0);
    bits_put_ue(slice, kind == CODED_B ? 6 : kind == CODED_P ? 5 : 7);
    bits_put_ue(slice, 0);
    bits_put(slice, syntax->frame_num_bits, position->frame_num);
    if (kind == CODED_IDR)
        bits_put_ue(slice, position->idr_pic_id);
    bits_put(slice, syntax->poc_bits, position->poc_lsb);
    if (kind == CODED_B)
        bits_put(slice, 1, 1); /* direct_spatial_mv_pred */
    if (kind == CODED_P || kind == CODED_B) {
        bits_put(slice, 1, 1); /* num_ref_idx_active_override: one each */
        bits_put_ue(slice, 0);
        if (kind == CODED_B)
            bits_put_ue(slice, 0);
        bits_put(slice, kind == CODED_B ? 2 : 1, 0); /* ref_pic_list_modification */
    }
    if (kind != CODED_B)
        bits_put(slice, kind == CODED_IDR ? 2 : 1, 0); /* dec_ref_pic_marking */
    if (syntax->cabac && kind == CODED_P)
        bits_put_ue(slice, cabac_init);
    bits_put_se(slice, qp - syntax->init_qp);
    if (syntax->deblocking_control)
        bits_put_ue(slice, 1); /* disable_deblocking_filter_idc */
}

/* A picture of skipped macroblocks: P repeats the last one, B lies between its neighbours. CAVLC. */
static void add_skipped(struct h264 *coder, enum coded kind, const struct h264_position *position, struct bytes *to)
{
    const struct coder_settings *settings = &coder->settings;
    struct bit_writer slice = {.bit = 0};
    put_header(&slice, &coder->syntax, kind, position, 0, coder->syntax.init_qp);
    bits_put_ue(&slice, (uint32_t)((settings->width + 15) / 16 * ((settings->height + 15) / 16)));
    bits_put_trailing(&slice);
    nal_add(to, (uint8_t)((kind == CODED_B ? 0 : 2) << 5 | NAL_SLICE), slice.at, slice.bit / 8);
}

static void add_slice(struct h264 *coder, const x264_nal_t *nal, enum coded kind, const struct h264_position *position, struct bytes *to)
{
    size_t size = unescaped(coder, nal);
    const uint8_t *at = coder->scratch.at;
    struct bit_reader reader = {at, 8, size * 8};
    bits_get_ue(&reader);
    bits_get_ue(&reader);
    bits_get_ue(&reader);
    bits_get(&reader, coder->x264_frame_num_bits);
    if (kind == CODED_IDR)
        bits_get_ue(&reader);
    if (kind == CODED_P) {
        if (bits_get(&reader, 1))
            bits_get_ue(&reader);
        bits_get(&reader, 1);
    }
    bits_get(&reader, kind == CODED_IDR ? 2 : 1);
    uint32_t cabac_init = coder->syntax.cabac && kind == CODED_P ? bits_get_ue(&reader) : 0;
    int qp = coder->x264_init_qp + bits_get_se(&reader);
    if (bits_get_ue(&reader) != 1) { /* disable_deblocking_filter_idc: its offsets */
        bits_get_se(&reader);
        bits_get_se(&reader);
    }
    struct bit_writer header = {.bit = 0};
    put_header(&header, &coder->syntax, kind, position, cabac_init, qp);
    if (coder->syntax.cabac) {
        while (header.bit % 8)
            bits_put(&header, 1, 1);
        reader.bit = (reader.bit + 7) / 8 * 8;
    }
    struct bytes slice = {0};
    bits_join(&slice, &header, &reader);
    nal_add(to, at[0], slice.at, slice.size);
    bytes_free(&slice);
}

int h264_encode_at(struct h264 *coder, const struct picture *picture, enum coded kind, const struct h264_position *position, struct bytes *to)
{
    if (kind == CODED_B || (coder->settings.skip && kind != CODED_IDR && !coder->syntax.cabac)) {
        add_skipped(coder, kind == CODED_B ? CODED_B : CODED_P, position, to);
        return coder->syntax.init_qp;
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
            add_slice(coder, &nals[i], kind, position, to);
    return out.i_qpplus1 > 0 ? out.i_qpplus1 - 1 : 0;
}

int h264_encode(struct h264 *coder, const struct picture *picture, enum coded kind, int since_idr, struct bytes *to)
{
    struct h264_position position = coder->last;
    if (kind == CODED_IDR) {
        position.frame_num = 0;
        position.idr_pic_id ^= 1;
    } else
        position.frame_num = (position.frame_num + 1) & 0xFF;
    position.poc_lsb = (uint32_t)(2 * since_idr) & 0xFF;
    if (kind != CODED_B)
        coder->last = position;
    return h264_encode_at(coder, picture, kind, &position, to);
}
