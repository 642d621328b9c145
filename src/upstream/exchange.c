/* exchange.c: the question as sent upstream, and what counts as its reply. Exports exchange_write, exchange_matches. */
#include "upstream/exchange.h"

size_t exchange_write(const struct question *q, bool edns, uint8_t out[EXCHANGE_QUERY_MOST]) {
  uint8_t flags = question_flags(q);
  struct wire_out w = {.buf = out, .cap = EXCHANGE_QUERY_MOST};
  wire_put_u16(&w, 0);
  wire_put_u16(&w, (uint16_t)(DNS_RD << 8 | (flags & KEY_CD ? DNS_CD : 0)));
  wire_put_u16(&w, 1);
  wire_put_u32(&w, 0);
  wire_put_u16(&w, edns ? 1 : 0);
  wire_put(&w, q->key, q->name_len + 4u);
  if (edns) {
    wire_put(&w, "", 1);
    wire_put_u16(&w, TYPE_OPT);
    wire_put_u16(&w, DNS_UDP_OURS);
    wire_put_u32(&w, flags & KEY_DO ? 0x8000 : 0);
    wire_put_u16(&w, 0);
  }
  return w.at;
}

bool exchange_matches(const struct exchange *x, const uint8_t *msg, size_t len) {
  if (len < DNS_HEADER || !(msg[2] & DNS_QR) || msg[2] & DNS_OPCODE || load_u16(msg) != x->id) return false;
  unsigned rcode = msg[3] & DNS_RCODE;
  if (load_u16(msg + 4) == 0) return len == DNS_HEADER && (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP);
  const struct question *q = x->question;
  size_t end = DNS_HEADER + q->name_len + 4u;
  return load_u16(msg + 4) == 1 && len >= end && name_equal(msg + DNS_HEADER, q->name_len, q->key, q->name_len) &&
         memcmp(msg + DNS_HEADER + q->name_len, q->key + q->name_len, 4) == 0;
}
