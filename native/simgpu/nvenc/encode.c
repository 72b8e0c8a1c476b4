/* From pictures to bitstream buffers, in mini-GOPs: B pictures are held until their P comes, then all of them are done at once. */
#include "session.h"
#include <string.h>

static void read_signal(struct coder_settings *settings, const NV_ENC_CONFIG_H264_VUI_PARAMETERS *vui)
{
    settings->signal.present = vui->videoSignalTypePresentFlag;
    settings->signal.format = (int)vui->videoFormat;
    settings->signal.full_range = vui->videoFullRangeFlag != 0;
    settings->signal.colours = vui->colourDescriptionPresentFlag;
    settings->signal.primaries = (int)vui->colourPrimaries;
    settings->signal.transfer = (int)vui->transferCharacteristics;
    settings->signal.matrix = (int)vui->colourMatrix;
}

static NVENCSTATUS read_params(struct session *session, const NV_ENC_INITIALIZE_PARAMS *params)
{
    const NV_ENC_CONFIG *config = params->encodeConfig;
    if (params->version != NV_ENC_INITIALIZE_PARAMS_VER || (config && config->version != NV_ENC_CONFIG_VER))
        return session_error(session, NV_ENC_ERR_INVALID_VERSION, "simulated: struct version");
    if (!config)
        return session_error(session, NV_ENC_ERR_INVALID_PARAM, "simulated: no configuration");
    struct coder_settings *settings = &session->settings;
    *settings = (struct coder_settings){
        .codec = same_guid(params->encodeGUID, NV_ENC_CODEC_HEVC_GUID) ? SIM_HEVC : SIM_H264,
        .width = (int)params->encodeWidth,
        .height = (int)params->encodeHeight,
        .rate_num = params->frameRateNum ? (int)params->frameRateNum : 30,
        .rate_den = params->frameRateDen ? (int)params->frameRateDen : 1,
        .bitrate = (int)config->rcParams.averageBitRate,
        .max_bitrate = (int)config->rcParams.maxBitRate,
        .vbv = (int)config->rcParams.vbvBufferSize,
        .qp = -1,
        .bframes = config->frameIntervalP > 1 ? (int)config->frameIntervalP - 1 : 0,
        .dar_width = (int)params->darWidth,
        .dar_height = (int)params->darHeight,
        .skip = sim_config()->skip,
    };
    if (config->rcParams.rateControlMode == NV_ENC_PARAMS_RC_CONSTQP)
        settings->qp = (int)config->rcParams.constQP.qpInterP;
    else if (!settings->bitrate)
        settings->qp = config->rcParams.targetQuality ? config->rcParams.targetQuality : 28;
    bool hevc = settings->codec == SIM_HEVC;
    if (settings->width < (hevc ? 129 : 145) || settings->height < (hevc ? 33 : 49))
        return session_error(session, NV_ENC_ERR_INVALID_PARAM, "Frame Dimension less than the minimum supported value.");
    if (settings->width > (hevc ? 8192 : 4096) || settings->height > (hevc ? 8192 : 4096))
        return session_error(session, NV_ENC_ERR_INVALID_PARAM, "simulated: larger than the maximum");
    if (settings->bframes > (hevc ? 0 : MAX_BFRAMES))
        return session_error(session, NV_ENC_ERR_INVALID_PARAM, "simulated: too many B frames");
    if (hevc) {
        const NV_ENC_CONFIG_HEVC *codec = &config->encodeCodecConfig.hevcConfig;
        session->repeat_headers = codec->repeatSPSPPS;
        session->no_headers = codec->disableSPSPPS;
        session->delimiters = codec->outputAUD;
        session->idr_period = codec->idrPeriod;
        read_signal(settings, &codec->hevcVUIParameters);
        return NV_ENC_SUCCESS;
    }
    const NV_ENC_CONFIG_H264 *codec = &config->encodeCodecConfig.h264Config;
    session->repeat_headers = codec->repeatSPSPPS;
    session->no_headers = codec->disableSPSPPS;
    session->delimiters = codec->outputAUD;
    session->idr_period = codec->idrPeriod;
    settings->level_idc = (int)codec->level;
    settings->profile_idc = same_guid(config->profileGUID, NV_ENC_H264_PROFILE_BASELINE_GUID) ? 66 : same_guid(config->profileGUID, NV_ENC_H264_PROFILE_HIGH_GUID) ? 100 : 77;
    if (settings->profile_idc == 66)
        settings->bframes = 0;
    read_signal(settings, &codec->h264VUIParameters);
    return NV_ENC_SUCCESS;
}

NVENCSTATUS session_initialise(void *encoder, NV_ENC_INITIALIZE_PARAMS *params)
{
    struct session *session = encoder;
    NVENCSTATUS status = session_check(session);
    if (status == NV_ENC_SUCCESS)
        status = read_params(session, params);
    if (status != NV_ENC_SUCCESS)
        return status;
    const struct coder_settings *settings = &session->settings;
    long error = sim_init_session(session->shared, settings->codec, settings->width, settings->height);
    if (error)
        return session_error(session, (NVENCSTATUS)error, "simulated: told to fail");
    session->memory = (40ull << 20) + (uint64_t)settings->width * (uint64_t)settings->height * 12; /* about what a session takes */
    if (!sim_take_memory(session->context->device, session->memory)) {
        session->memory = 0;
        return session_error(session, NV_ENC_ERR_OUT_OF_MEMORY, "");
    }
    session->coder = coder_open(settings);
    return session->coder ? NV_ENC_SUCCESS : session_error(session, NV_ENC_ERR_INVALID_PARAM, "simulated: the coder refused the parameters");
}

static struct picture picture_of(const struct surface *surface)
{
    int pitch = (int)surface->pitch;
    const uint8_t *chroma = surface->at + (size_t)pitch * surface->height;
    if (surface->format == NV_ENC_BUFFER_FORMAT_NV12)
        return (struct picture){{surface->at, chroma}, {pitch, pitch}, true};
    const uint8_t *second = chroma + (size_t)pitch / 2 * ((surface->height + 1) / 2);
    bool v_first = surface->format == NV_ENC_BUFFER_FORMAT_YV12;
    return (struct picture){{surface->at, v_first ? second : chroma, v_first ? chroma : second}, {pitch, pitch / 2, pitch / 2}, false};
}

static void code(struct session *session, const struct input *input, enum coded kind, uint64_t ready_at)
{
    static const NV_ENC_PIC_TYPE types[] = {NV_ENC_PIC_TYPE_IDR, NV_ENC_PIC_TYPE_I, NV_ENC_PIC_TYPE_P, NV_ENC_PIC_TYPE_B};
    static const uint8_t h264_delimiter[] = {0, 0, 0, 1, 9, 0xF0}, hevc_delimiter[] = {0, 0, 0, 1, 0x46, 1, 0x50};
    struct output *output = session->waiting[0];
    memmove(session->waiting, session->waiting + 1, (size_t)--session->waiting_count * sizeof(*session->waiting));
    bool hevc = session->settings.codec == SIM_HEVC;
    output->bytes.size = 0;
    if (session->delimiters)
        bytes_add(&output->bytes, hevc ? hevc_delimiter : h264_delimiter, hevc ? sizeof(hevc_delimiter) : sizeof(h264_delimiter));
    if (kind == CODED_IDR && !session->no_headers && (session->repeat_headers || input->frame == 0))
        coder_headers(session->coder, &output->bytes);
    struct picture picture = picture_of(input->surface);
    output->qp = coder_encode(session->coder, &picture, kind, input->since_idr, &output->bytes);
    session->broken |= output->qp < 0;
    output->time = input->time;
    output->duration = input->duration;
    output->type = types[kind];
    output->frame = input->frame;
    output->ready_at = ready_at;
    output->coded = true;
}

/* The held pictures, of which the last becomes a P. */
static void flush(struct session *session)
{
    if (session->held_count == 0)
        return;
    int last = session->held_count - 1;
    uint64_t ready_at = session->held[last].ready_at;
    code(session, &session->held[last], CODED_P, ready_at);
    for (int i = 0; i < last; i++)
        code(session, &session->held[i], CODED_B, ready_at);
    session->held_count = 0;
}

NVENCSTATUS session_reconfigure(void *encoder, NV_ENC_RECONFIGURE_PARAMS *params)
{
    struct session *session = encoder;
    NVENCSTATUS status = session_check(session);
    if (status != NV_ENC_SUCCESS)
        return status;
    flush(session);
    status = read_params(session, &params->reInitEncodeParams);
    if (status != NV_ENC_SUCCESS)
        return status;
    /* A new coder: x264's rate history would damp the change for seconds. So an IDR follows, as it does with FFmpeg, which asks for a reset. */
    coder_close(session->coder);
    session->coder = coder_open(&session->settings);
    session->idr_next = true;
    return session->coder ? NV_ENC_SUCCESS : NV_ENC_ERR_INVALID_PARAM;
}

NVENCSTATUS session_encode(void *encoder, NV_ENC_PIC_PARAMS *params)
{
    struct session *session = encoder;
    NVENCSTATUS status = session_check(session);
    if (status != NV_ENC_SUCCESS)
        return status;
    if (params->version != NV_ENC_PIC_PARAMS_VER)
        return session_error(session, NV_ENC_ERR_INVALID_VERSION, "simulated: struct version");
    if (!session->coder)
        return session_error(session, NV_ENC_ERR_ENCODER_NOT_INITIALIZED, "simulated: not initialised");
    sim_hang_here(session->context->device, SIM_HANG_ENCODE, session->shared->serial);
    if (params->encodePicFlags & NV_ENC_PIC_FLAG_EOS) {
        flush(session);
        return NV_ENC_SUCCESS;
    }
    if (session->waiting_count == MAX_WAITING)
        return session_error(session, NV_ENC_ERR_ENCODER_BUSY, "simulated: no place for another picture");
    uint64_t ready_at = sim_encode(session->shared, session->settings.width, session->settings.height);
    if (!ready_at) {
        session->broken = true;
        return session_check(session);
    }
    bool due = session->idr_period && session->idr_period != NVENC_INFINITE_GOPLENGTH && (uint32_t)session->since_idr >= session->idr_period;
    bool idr = session->idr_next || due || params->encodePicFlags & NV_ENC_PIC_FLAG_FORCEIDR;
    bool intra = idr || params->encodePicFlags & NV_ENC_PIC_FLAG_FORCEINTRA;
    session->waiting[session->waiting_count++] = params->outputBitstream;
    ((struct output *)params->outputBitstream)->coded = false;
    if (intra)
        flush(session);
    if (idr)
        session->since_idr = 0;
    session->idr_next = false;
    struct input input = {params->inputBuffer, params->inputTimeStamp, params->inputDuration, ready_at, session->since_idr++, session->frames++};
    if (!intra && session->held_count < session->settings.bframes) {
        session->held[session->held_count++] = input;
        return NV_ENC_ERR_NEED_MORE_INPUT;
    }
    code(session, &input, idr ? CODED_IDR : intra ? CODED_I : CODED_P, ready_at);
    for (int i = 0; i < session->held_count; i++)
        code(session, &session->held[i], CODED_B, ready_at);
    session->held_count = 0;
    return session_check(session);
}

NVENCSTATUS session_lock(void *encoder, NV_ENC_LOCK_BITSTREAM *params)
{
    struct session *session = encoder;
    NVENCSTATUS status = session_check(session);
    if (status != NV_ENC_SUCCESS)
        return status;
    struct output *output = params->outputBitstream;
    if (!output->coded)
        return session_error(session, NV_ENC_ERR_LOCK_BUSY, "simulated: nothing is coded into this buffer yet");
    if (params->doNotWait && sim_now() < output->ready_at)
        return NV_ENC_ERR_LOCK_BUSY;
    sim_hang_here(session->context->device, SIM_HANG_LOCK, session->shared->serial);
    sim_wait_until(output->ready_at, session->context->device, session->context->losses);
    status = session_check(session);
    if (status != NV_ENC_SUCCESS)
        return status;
    params->bitstreamBufferPtr = output->bytes.at;
    params->bitstreamSizeInBytes = (uint32_t)output->bytes.size;
    params->outputTimeStamp = output->time;
    params->outputDuration = output->duration;
    params->pictureType = output->type;
    params->pictureStruct = NV_ENC_PIC_STRUCT_FRAME;
    params->frameAvgQP = (uint32_t)output->qp;
    params->frameIdx = output->frame;
    params->numSlices = 1;
    params->hwEncodeStatus = 2;
    return NV_ENC_SUCCESS;
}

NVENCSTATUS session_unlock(void *encoder, NV_ENC_OUTPUT_PTR buffer)
{
    (void)encoder, (void)buffer;
    return NV_ENC_SUCCESS;
}

NVENCSTATUS session_headers(void *encoder, NV_ENC_SEQUENCE_PARAM_PAYLOAD *payload)
{
    struct session *session = encoder;
    NVENCSTATUS status = session_check(session);
    if (status != NV_ENC_SUCCESS)
        return status;
    struct bytes headers = {0};
    coder_headers(session->coder, &headers);
    if (headers.size <= payload->inBufferSize) {
        memcpy(payload->spsppsBuffer, headers.at, headers.size);
        *payload->outSPSPPSPayloadSize = (uint32_t)headers.size;
    } else
        status = NV_ENC_ERR_NOT_ENOUGH_BUFFER;
    bytes_free(&headers);
    return status;
}
