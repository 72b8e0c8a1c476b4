/* Our own parameter sets: picture order count type 0, so that B pictures may come between, and CAVLC (H.264 7.3.2, E.1.1). */
#include "bits.h"
#include "h264.h"

static void put_vui(struct bit_writer *sps, const struct coder_settings *settings, uint32_t references)
{
    uint32_t sar_width = (uint32_t)(settings->dar_width * settings->height), sar_height = (uint32_t)(settings->dar_height * settings->width);
    uint32_t a = sar_width, b = sar_height;
    while (b) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    if (a) {
        sar_width /= a;
        sar_height /= a;
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
    bits_put(sps, 4, 0); /* variable rate, no HRD, no pic_struct */
    bits_put(sps, 2, 3); /* bitstream_restriction, vectors over boundaries */
    bits_put_ue(sps, 0);
    bits_put_ue(sps, 0);
    bits_put_ue(sps, 11);
    bits_put_ue(sps, 11);
    bits_put_ue(sps, settings->bframes > 0);
    bits_put_ue(sps, references);
}

void h264_write_sps(const struct coder_settings *settings, int level_idc, const struct h264_syntax *syntax, struct bytes *to)
{
    uint32_t columns = (uint32_t)(settings->width + 15) / 16, rows = (uint32_t)(settings->height + 15) / 16;
    uint32_t right = columns * 16 - (uint32_t)settings->width, bottom = rows * 16 - (uint32_t)settings->height;
    uint32_t references = settings->bframes > 0 ? 2 : 1;
    struct bit_writer sps = {.bit = 0};
    bits_put(&sps, 8, (uint32_t)settings->profile_idc);
    bits_put(&sps, 8, settings->profile_idc == 66 ? 0xC0 : settings->profile_idc == 77 ? 0x40 : 0);
    bits_put(&sps, 8, (uint32_t)level_idc);
    bits_put_ue(&sps, 0);
    if (settings->profile_idc >= 100) {
        bits_put_ue(&sps, 1);
        bits_put_ue(&sps, 0);
        bits_put_ue(&sps, 0);
        bits_put(&sps, 2, 0);
    }
    bits_put_ue(&sps, (uint32_t)syntax->frame_num_bits - 4);
    bits_put_ue(&sps, 0);
    bits_put_ue(&sps, (uint32_t)syntax->poc_bits - 4);
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
    nal_add(to, 0x67, sps.at, sps.bit / 8);
}

void h264_write_pps(struct bytes *to)
{
    struct bit_writer pps = {.bit = 0};
    bits_put_ue(&pps, 0);
    bits_put_ue(&pps, 0);
    bits_put(&pps, 2, 0);
    bits_put_ue(&pps, 0);
    bits_put_ue(&pps, 0);
    bits_put_ue(&pps, 0);
    bits_put(&pps, 3, 0);
    bits_put_se(&pps, 0); /* pic_init_qp 26 */
    bits_put_se(&pps, 0);
    bits_put_se(&pps, 0);
    bits_put(&pps, 3, 4); /* deblocking_filter_control_present */
    bits_put_trailing(&pps);
    nal_add(to, 0x68, pps.at, pps.bit / 8);
}
