/* What the fuzz targets share. A target is one LLVMFuzzerTestOneInput: it takes any octets, breaks a must()
 * when a promise is not kept, and does the same each time it is given the same. tests/fuzz/replay.c runs it
 * over files; libFuzzer and AFL++ bring a main of their own (contrib/dev/fuzz). */
#ifndef JIDNS_FUZZ_FUZZ_H
#define JIDNS_FUZZ_FUZZ_H
#include <stdint.h>

#include "base/must.h"
#include "dns/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads an input from its start: what is left out at its end is 0. */
static inline struct wire feed(const uint8_t *data, size_t size) {
  return wire_read(size ? data : (const uint8_t *)"", size);
}
static inline uint8_t feed_u8(struct wire *w) {
  if (w->at == w->len) return 0;
  return w->msg[w->at++];
}
static inline uint16_t feed_u16(struct wire *w) {
  unsigned high = feed_u8(w);
  return (uint16_t)(high << 8 | feed_u8(w));
}
static inline size_t feed_left(const struct wire *w) { return w->len - w->at; }

/* The next n octets, or as many as are left: *len. */
static inline const uint8_t *feed_octets(struct wire *w, size_t n, size_t *len) {
  *len = n < feed_left(w) ? n : feed_left(w);
  w->at += *len;
  return w->msg + w->at - *len;
}
#endif
