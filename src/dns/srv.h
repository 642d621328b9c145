/* SRV records (RFC 2782): what one says, and the order in which its set is tried. No allocation, no I/O. */
#ifndef JIDNS_DNS_SRV_H
#define JIDNS_DNS_SRV_H
#include "dns/record.h"

struct srv {
  uint16_t priority, weight, port;
  uint8_t target_len;           /* 1 to 255 */
  uint8_t target[NAME_MAX_LEN]; /* without compression, spelling kept */
};

/* Reads r into *out. False, *out undefined, when r is no SRV of class IN or its RDATA is malformed. */
bool srv_read(const struct record *r, struct srv *out);

/* The target "." that says: this service is decidedly not available here. */
static inline bool srv_is_none(const struct srv *s) { return s->target_len == 1; }

/* Less than, equal to or greater than 0: by priority, the lower first, then by weight, the higher first. */
int srv_compare(const struct srv *a, const struct srv *b);

/* Sorts as srv_compare does, then by port and target, so that one set always comes out in one order. */
void srv_sort(struct srv *list, size_t n);
#endif
