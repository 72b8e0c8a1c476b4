/* What the devices' scalers do. */
#include "../simgpu.h"

void sim_scale(uint8_t *to, size_t pitch, int step, int width, int height, const uint8_t *from, size_t from_pitch, int from_step, int from_width,
               int from_height)
{
    int64_t step_x = ((int64_t)from_width << 16) / width, step_y = ((int64_t)from_height << 16) / height;
    for (int y = 0; y < height; y++) {
        int64_t at_y = y * step_y + (step_y - 65536) / 2;
        at_y = at_y < 0 ? 0 : at_y;
        int row = (int)(at_y >> 16), below = row + 1 < from_height ? row + 1 : row, fraction_y = (int)(at_y >> 8 & 255);
        const uint8_t *upper = from + (size_t)row * from_pitch, *lower = from + (size_t)below * from_pitch;
        uint8_t *out = to + (size_t)y * pitch;
        for (int x = 0; x < width; x++) {
            int64_t at_x = x * step_x + (step_x - 65536) / 2;
            at_x = at_x < 0 ? 0 : at_x;
            int column = (int)(at_x >> 16), right = column + 1 < from_width ? column + 1 : column, fraction_x = (int)(at_x >> 8 & 255);
            column *= from_step;
            right *= from_step;
            int top = upper[column] * (256 - fraction_x) + upper[right] * fraction_x;
            int bottom = lower[column] * (256 - fraction_x) + lower[right] * fraction_x;
            out[x * step] = (uint8_t)((top * (256 - fraction_y) + bottom * fraction_y + 32768) >> 16);
        }
    }
}
