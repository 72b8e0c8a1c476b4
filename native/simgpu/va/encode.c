/* H.264 encoding with the client's parameter sets, and scaling. I and P pictures, one reference. */
#include "va.h"
#include <string.h>

static void take_misc(struct context *context, const VAEncMiscParameterBuffer *misc)
{
    switch (misc->type) {
    case VAEncMiscParameterTypeRateControl:
        memcpy(&context->rate, misc->data, sizeof(context->rate));
        break;
    case VAEncMiscParameterTypeHRD:
        memcpy(&context->hrd, misc->data, sizeof(context->hrd));
        break;
    case VAEncMiscParameterTypeFrameRate:
        memcpy(&context->frame_rate, misc->data, sizeof(context->frame_rate));
        break;
    default:
        return;
    }
    context->changed = true;
}

void encode_take(struct context *context, const struct buffer *buffer)
{
    switch ((int)buffer->type) {
    case VAEncSequenceParameterBufferType:
        memcpy(&context->sequence, buffer->at, sizeof(context->sequence));
        context->changed = true;
        break;
    case VAEncPictureParameterBufferType:
        memcpy(&context->picture, buffer->at, sizeof(context->picture));
        break;
    case VAEncSliceParameterBufferType:
        memcpy(&context->slice, buffer->at, sizeof(context->slice));
        break;
    case VAEncMiscParameterBufferType:
        take_misc(context, buffer->at);
        break;
    case VAEncPackedHeaderDataBufferType:
        bytes_add(&context->packed, buffer->at, buffer->size * buffer->count);
        break;
    case VAProcPipelineParameterBufferType:
        memcpy(&context->pipeline, buffer->at, sizeof(context->pipeline));
        break;
    }
}

static struct h264 *open_coder(const struct context *context)
{
    const VAEncSequenceParameterBufferH264 *sequence = &context->sequence;
    const VAEncPictureParameterBufferH264 *picture = &context->picture;
    struct coder_settings settings = {
        .codec = SIM_H264,
        .width = sequence->picture_width_in_mbs * 16 - (int)(sequence->frame_cropping_flag ? 2 * sequence->frame_crop_right_offset : 0),
        .height = sequence->picture_height_in_mbs * 16 - (int)(sequence->frame_cropping_flag ? 2 * sequence->frame_crop_bottom_offset : 0),
        .rate_num = sequence->time_scale ? (int)sequence->time_scale : 60,
        .rate_den = sequence->num_units_in_tick ? 2 * (int)sequence->num_units_in_tick : 2,
        .bitrate = (int)sequence->bits_per_second,
        .max_bitrate = (int)context->rate.bits_per_second,
        .vbv = (int)context->hrd.buffer_size,
        .qp = context->rate_control == VA_RC_CQP ? picture->pic_init_qp + context->slice.slice_qp_delta : -1,
        .level_idc = sequence->level_idc,
        .skip = sim_config()->skip,
    };
    if (context->rate.bits_per_second)
        settings.bitrate = (int)(context->rate.bits_per_second / 100 * (context->rate.target_percentage ? context->rate.target_percentage : 100));
    if (settings.qp < 0 && !settings.bitrate)
        settings.qp = 26;
    struct h264_syntax syntax = {
        .frame_num_bits = (int)sequence->seq_fields.bits.log2_max_frame_num_minus4 + 4,
        .poc_bits = (int)sequence->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4,
        .init_qp = picture->pic_init_qp,
        .cabac = picture->pic_fields.bits.entropy_coding_mode_flag,
        .transform_8x8 = picture->pic_fields.bits.transform_8x8_mode_flag,
        .deblocking_control = picture->pic_fields.bits.deblocking_filter_control_present_flag,
    };
    return h264_open(&settings, &syntax);
}

VAStatus encode_picture(struct driver *driver, struct context *context)
{
    sim_hang_here(driver->device, SIM_HANG_ENCODE, context->session->serial);
    if (context->broken)
        return VA_STATUS_ERROR_ENCODING_ERROR;
    struct buffer *output = object_find(driver, context->picture.coded_buf, BUFFER);
    if (!output)
        return VA_STATUS_ERROR_INVALID_BUFFER;
    bool idr = context->picture.pic_fields.bits.idr_pic_flag;
    if (idr && context->changed) {
        if (context->coder)
            h264_close(context->coder);
        context->coder = open_coder(context);
        context->changed = false;
    }
    if (!context->coder)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    uint64_t ready_at = sim_encode(context->session, (int)context->session->width, (int)context->session->height);
    struct surface *surface = context->target;
    struct picture picture = {{surface->at, surface->at + (size_t)surface->pitch * (size_t)surface->rows}, {surface->pitch, surface->pitch}, true};
    struct h264_position position = {context->picture.frame_num, context->slice.idr_pic_id, context->slice.pic_order_cnt_lsb};
    int type = context->slice.slice_type % 5;
    output->coded.size = 0;
    bytes_add(&output->coded, context->packed.at, context->packed.size);
    context->packed.size = 0;
    if (!ready_at || h264_encode_at(context->coder, &picture, idr ? CODED_IDR : type == 2 ? CODED_I : CODED_P, &position, &output->coded) < 0) {
        context->broken = true;
        return VA_STATUS_ERROR_ENCODING_ERROR;
    }
    output->ready_at = surface->ready_at = ready_at;
    output->serial = surface->serial = context->session->serial;
    return VA_STATUS_SUCCESS;
}

VAStatus encode_wait(struct driver *driver, uint64_t ready_at, uint64_t serial)
{
    if (!ready_at)
        return VA_STATUS_SUCCESS;
    sim_hang_here(driver->device, SIM_HANG_LOCK, serial);
    sim_wait_until(ready_at, driver->device, driver->losses);
    return sim_lost(driver->device, driver->losses) ? VA_STATUS_ERROR_OPERATION_FAILED : VA_STATUS_SUCCESS;
}

VAStatus process_picture(struct driver *driver, struct context *context)
{
    const struct surface *from = object_find(driver, context->pipeline.surface, SURFACE);
    const struct surface *to = context->target;
    if (!from)
        return VA_STATUS_ERROR_INVALID_SURFACE;
    VARectangle whole = {0, 0, (uint16_t)from->width, (uint16_t)from->height}, all = {0, 0, (uint16_t)to->width, (uint16_t)to->height};
    const VARectangle *source = context->pipeline.surface_region ? context->pipeline.surface_region : &whole;
    const VARectangle *target = context->pipeline.output_region ? context->pipeline.output_region : &all;
    sim_compute(driver->device, (uint64_t)target->width * target->height);
    sim_scale(to->at + target->y * to->pitch + target->x, (size_t)to->pitch, 1, target->width, target->height,
              from->at + source->y * from->pitch + source->x, (size_t)from->pitch, 1, source->width, source->height);
    const uint8_t *from_chroma = from->at + (from->rows + source->y / 2) * from->pitch + source->x / 2 * 2;
    uint8_t *to_chroma = to->at + (to->rows + target->y / 2) * to->pitch + target->x / 2 * 2;
    for (int i = 0; i < 2; i++)
        sim_scale(to_chroma + i, (size_t)to->pitch, 2, (target->width + 1) / 2, (target->height + 1) / 2, from_chroma + i, (size_t)from->pitch, 2,
                  (source->width + 1) / 2, (source->height + 1) / 2);
    return VA_STATUS_SUCCESS;
}
