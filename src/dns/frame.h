/* DNS over TCP: each message behind two octets of length (RFC 1035 section 4.2.2), in any split. */
#ifndef JIDNS_DNS_FRAME_H
#define JIDNS_DNS_FRAME_H
#include "dns/dns.h"
#include "dns/wire.h"

enum { FRAME_HEAD = 2 };

/* Looks at len octets received. Returns the octets that the first whole frame takes (its message is at data +
 * FRAME_HEAD, *msg_len octets long, 0 possible), or 0 when more must come. */
static inline size_t frame_next(const uint8_t *data, size_t len, size_t *msg_len) {
  if (len < FRAME_HEAD) return 0;
  size_t want = load_u16(data);
  if (len - FRAME_HEAD < want) return 0;
  *msg_len = want;
  return FRAME_HEAD + want;
}
#endif
