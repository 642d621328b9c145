/* Cursors over DNS messages. After the first step out of bounds a cursor is in error: reads give 0, writes do
 * nothing, so that a run of them is checked once at its end. Numbers are big-endian on the wire (RFC 1035
 * section 2.3.2). */
#ifndef JIDNS_DNS_WIRE_H
#define JIDNS_DNS_WIRE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t load_u16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t load_u32(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static inline void store_u16(uint8_t *p, uint16_t v) {
  p[0] = (uint8_t)(v >> 8);
  p[1] = (uint8_t)v;
}
static inline void store_u32(uint8_t *p, uint32_t v) {
  store_u16(p, (uint16_t)(v >> 16));
  store_u16(p + 2, (uint16_t)v);
}

/* Reads a whole message; `at` is an offset from its start, so that compression pointers can be followed. */
struct wire {
  const uint8_t *msg;
  size_t len, at;
  bool err;
};

static inline struct wire wire_read(const uint8_t *msg, size_t len) {
  return (struct wire){.msg = msg, .len = len};
}

/* The n octets at the cursor, which moves past them; NULL and err when there are fewer. */
static inline const uint8_t *wire_bytes(struct wire *w, size_t n) {
  if (w->err || w->len - w->at < n) {
    w->err = true;
    return NULL;
  }
  w->at += n;
  return w->msg + w->at - n;
}
static inline uint16_t wire_u16(struct wire *w) {
  const uint8_t *p = wire_bytes(w, 2);
  return p ? load_u16(p) : 0;
}
static inline uint32_t wire_u32(struct wire *w) {
  const uint8_t *p = wire_bytes(w, 4);
  return p ? load_u32(p) : 0;
}

/* Writes into buf, at most cap octets. */
struct wire_out {
  uint8_t *buf;
  size_t cap, at;
  bool err;
};

static inline uint8_t *wire_take(struct wire_out *w, size_t n) {
  if (w->err || w->cap - w->at < n) {
    w->err = true;
    return NULL;
  }
  w->at += n;
  return w->buf + w->at - n;
}
static inline void wire_put(struct wire_out *w, const void *bytes, size_t n) {
  uint8_t *p = wire_take(w, n);
  if (p) memcpy(p, bytes, n);
}
static inline void wire_put_u16(struct wire_out *w, uint16_t v) {
  uint8_t *p = wire_take(w, 2);
  if (p) store_u16(p, v);
}
static inline void wire_put_u32(struct wire_out *w, uint32_t v) {
  uint8_t *p = wire_take(w, 4);
  if (p) store_u32(p, v);
}
#endif
