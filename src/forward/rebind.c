/* rebind.c: does an answer lead a stranger's name to a private address? Exports rebind_refuses. */
#include "forward/rebind.h"

#include "base/addr.h"
#include "dns/name.h"
#include "dns/wire.h"

enum { HINT_IPV4 = 4, HINT_IPV6 = 6 }; /* RFC 9460 */

/* An RDATA of SVCB or HTTPS: priority, target, then parameters. */
static bool has_private_hint(const uint8_t *rdata, size_t len) {
  struct wire w = wire_read(rdata, len);
  uint8_t target[NAME_MAX_LEN];
  wire_bytes(&w, 2);
  if (!name_read(&w, target)) return false;
  while (!w.err && w.at < w.len) {
    uint16_t key = wire_u16(&w), size = wire_u16(&w);
    const uint8_t *value = wire_bytes(&w, size);
    size_t each = key == HINT_IPV4 ? 4 : 16;
    if (!value || (key != HINT_IPV4 && key != HINT_IPV6)) continue;
    for (size_t at = 0; at + each <= size; at += each) {
      if (addr_is_private_octets(value + at, each)) return true;
    }
  }
  return false;
}

static bool is_private(uint16_t type, const uint8_t *rdata, size_t len) {
  switch (type) {
  case TYPE_A: return len == 4 && addr_is_private_octets(rdata, len);
  case TYPE_AAAA: return len == 16 && addr_is_private_octets(rdata, len);
  case TYPE_SVCB:
  case TYPE_HTTPS: return has_private_hint(rdata, len);
  default: return false;
  }
}

static bool is_exempt(const struct rebind *r, const struct question *q) {
  for (unsigned i = 0; i < r->exempt_count; i++) {
    if (name_is_within(q->key, q->name_len, r->exempt[i].octets, r->exempt[i].len)) return true;
  }
  return false;
}

bool rebind_refuses(const struct rebind *r, const struct question *q, const struct answer_view *v) {
  if (!r || !r->on || is_exempt(r, q)) return false;
  for (unsigned i = 0, n = answer_records(&v->head); i < n; i++) {
    uint16_t ttl_at;
    memcpy(&ttl_at, v->ttl_at + 2 * i, sizeof ttl_at);
    const uint8_t *ttl = v->body + ttl_at; /* type and class stand before it, RDLENGTH and RDATA behind it */
    if (load_u16(ttl - 2) == CLASS_IN && is_private(load_u16(ttl - 4), ttl + 6, load_u16(ttl + 4)))
      return true;
  }
  return false;
}
