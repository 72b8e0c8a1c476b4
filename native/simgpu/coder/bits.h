/* Bits of a raw byte sequence payload (H.264 7.2, 9.1). */
#pragma once
#include "coder.h"

struct bit_reader {
    const uint8_t *at;
    size_t bit, bits;
};
uint32_t bits_get(struct bit_reader *reader, int count);
uint32_t bits_get_ue(struct bit_reader *reader);
int bits_get_se(struct bit_reader *reader);

struct bit_writer {
    uint8_t at[256];
    size_t bit;
};
void bits_put(struct bit_writer *writer, int count, uint32_t value);
void bits_put_ue(struct bit_writer *writer, uint32_t value);
void bits_put_se(struct bit_writer *writer, int value);
void bits_put_trailing(struct bit_writer *writer);

/* What was written and then what is left to read, to the last bit that is set. */
void bits_join(struct bytes *to, const struct bit_writer *head, const struct bit_reader *rest);

/* Writes a NAL unit with its start code and emulation prevention. */
void nal_add(struct bytes *to, uint8_t header, const uint8_t *payload, size_t size);
/* Takes emulation prevention out; returns the new size. `to` may be `from`. */
size_t nal_unescape(uint8_t *to, const uint8_t *from, size_t size);
