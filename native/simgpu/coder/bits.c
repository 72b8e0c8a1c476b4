#include "bits.h"
#include <stdlib.h>
#include <string.h>

void bytes_add(struct bytes *bytes, const void *from, size_t size)
{
    if (bytes->size + size > bytes->room) {
        bytes->room = 2 * (bytes->size + size);
        bytes->at = realloc(bytes->at, bytes->room);
        if (!bytes->at)
            abort();
    }
    memcpy(bytes->at + bytes->size, from, size);
    bytes->size += size;
}

uint32_t bits_get(struct bit_reader *reader, int count)
{
    uint32_t value = 0;
    for (; count > 0; count--, reader->bit++)
        value = value << 1 | (reader->bit < reader->bits ? reader->at[reader->bit / 8] >> (7 - reader->bit % 8) & 1 : 0);
    return value;
}

uint32_t bits_get_ue(struct bit_reader *reader)
{
    int zeros = 0;
    while (zeros < 31 && reader->bit < reader->bits && !bits_get(reader, 1))
        zeros++;
    return (1u << zeros) - 1 + bits_get(reader, zeros);
}

int bits_get_se(struct bit_reader *reader)
{
    uint32_t code = bits_get_ue(reader);
    return code & 1 ? (int)(code + 1) / 2 : -(int)(code / 2);
}

void bits_put(struct bit_writer *writer, int count, uint32_t value)
{
    while (count-- > 0) {
        if (writer->bit >= 8 * sizeof(writer->at))
            abort();
        uint8_t *byte = &writer->at[writer->bit / 8], mask = (uint8_t)(0x80 >> writer->bit % 8);
        *byte = (uint8_t)(value >> count & 1 ? *byte | mask : *byte & ~mask);
        writer->bit++;
    }
}

void bits_put_ue(struct bit_writer *writer, uint32_t value)
{
    int length = 31 - __builtin_clz(value + 1);
    bits_put(writer, length, 0);
    bits_put(writer, length + 1, value + 1);
}

void bits_put_se(struct bit_writer *writer, int value)
{
    bits_put_ue(writer, value > 0 ? 2 * (uint32_t)value - 1 : 2 * (uint32_t)-value);
}

void bits_put_trailing(struct bit_writer *writer)
{
    bits_put(writer, 1, 1);
    while (writer->bit % 8)
        bits_put(writer, 1, 0);
}

void bits_join(struct bytes *to, const struct bit_writer *head, const struct bit_reader *rest)
{
    size_t end = rest->bits / 8, bit = rest->bit;
    while (end > 0 && !rest->at[end - 1])
        end--;
    bytes_add(to, head->at, (head->bit + 7) / 8);
    int filled = (int)(head->bit % 8);
    if (filled)
        to->size--;
    uint8_t byte = filled ? to->at[to->size] : 0;
    for (; bit < end * 8; bit++) {
        byte = (uint8_t)(byte | (rest->at[bit / 8] >> (7 - bit % 8) & 1) << (7 - filled));
        if (++filled == 8) {
            bytes_add(to, &byte, 1);
            byte = 0;
            filled = 0;
        }
    }
    if (byte)
        bytes_add(to, &byte, 1);
}

void nal_add(struct bytes *to, uint8_t header, const uint8_t *payload, size_t size)
{
    static const uint8_t start[] = {0, 0, 0, 1}, prevention = 3;
    bytes_add(to, start, sizeof(start));
    bytes_add(to, &header, 1);
    size_t from = 0;
    int zeros = 0;
    for (size_t i = 0; i < size; i++) {
        if (zeros >= 2 && payload[i] <= 3) {
            bytes_add(to, payload + from, i - from);
            bytes_add(to, &prevention, 1);
            from = i;
            zeros = 0;
        }
        zeros = payload[i] ? 0 : zeros + 1;
    }
    bytes_add(to, payload + from, size - from);
}

size_t nal_unescape(uint8_t *to, const uint8_t *from, size_t size)
{
    size_t written = 0;
    int zeros = 0;
    for (size_t i = 0; i < size; i++) {
        if (zeros >= 2 && from[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = from[i] ? 0 : zeros + 1;
        to[written++] = from[i];
    }
    return written;
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->at);
    *bytes = (struct bytes){0};
}
