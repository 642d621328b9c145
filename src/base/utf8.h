/* UTF-8 (RFC 3629) in text that comes from others. */
#ifndef JIDNS_BASE_UTF8_H
#define JIDNS_BASE_UTF8_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many octets the character at p has, 1 to 4; 0 when it is none (RFC 3629 section 4). p ends with a zero
 * octet. */
size_t utf8_len(const uint8_t *p);

/* The code point of the character at p, of utf8_len(p) octets, at least 1. */
uint32_t utf8_point(const uint8_t *p, size_t len);

/* A reader does not see it, or it changes what stands beside it: controls, marks of writing direction, zero
 * width. */
bool utf8_is_hidden(uint32_t point);
#endif
