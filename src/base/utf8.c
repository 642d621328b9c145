/* utf8.c: characters in text that may be anything. Exports utf8_*. */
#include "base/utf8.h"

size_t utf8_len(const uint8_t *p) {
  static const struct {
    uint8_t first, last, least, most; /* first octets, and what the second may be; the others are 80 to bf */
    size_t len;
  } forms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
               {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
               {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  if (*p < 0x80) return 1;
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    if (*p < forms[i].first || *p > forms[i].last) continue;
    if (p[1] < forms[i].least || p[1] > forms[i].most) return 0;
    for (size_t k = 2; k < forms[i].len; k++) {
      if ((p[k] & 0xc0) != 0x80) return 0;
    }
    return forms[i].len;
  }

  return 0;
}

uint32_t utf8_point(const uint8_t *p, size_t len) {
  static const uint8_t first_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07}; /* of the first octet, by length */
  uint32_t point = *p & first_bits[len];
  for (size_t i = 1; i < len; i++) point = point << 6 | (p[i] & 0x3f);
  return point;
}

bool utf8_is_hidden(uint32_t point) {
  static const struct {
    uint32_t first, last;
  } hidden[] = {{0, 0x1f},        {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x200b, 0x200f},
                {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe007f}};
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
    if (point >= hidden[i].first && point <= hidden[i].last) return true;
  }
  return false;
}
