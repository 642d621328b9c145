/* Times to live and the cache's unit of time. */
#ifndef JIDNS_DNS_TTL_H
#define JIDNS_DNS_TTL_H
#include <stdint.h>

enum {
  TTL_MAX = 7 * 86400,       /* s; longer is cut, RFC 8767 section 4 */
  TTL_NEGATIVE_MAX = 10800,  /* s; RFC 2308 section 5: one to three hours work well */
  TTL_STALE_MAX = 7 * 86400, /* s past its TTL; RFC 8767 section 5.11 recommends one to three days */
  TTL_STALE = 30,            /* s; what a stale answer says, RFC 8767 section 4 */
  TICKS_PER_S = 10,
  RENEW_TTL_MIN = 2,      /* s; what lives shorter is asked for when somebody wants it */
  RENEW_AFTER_TICKS = 12, /* past its TTL a name in use is asked for again: an upstream that is a cache itself
                           * has then dropped its copy, also one that counts whole seconds and gives out the
                           * last of them as TTL 0; asked any earlier it tells only what is left */
  RENEW_GRACE_TICKS =
      20 /* so long past its TTL what is being renewed is given out, that nobody waits for it */
};

/* Tenths of a second since some start: 32 bits last 13 years. Fine enough that a record is not given out
 * noticeably beyond its time, which whole seconds would do. */
static inline uint32_t tick_of_ms(uint64_t now_ms) { return (uint32_t)(now_ms / (1000 / TICKS_PER_S)); }
static inline uint32_t ticks_of_ttl(uint32_t ttl_s) { return ttl_s * TICKS_PER_S; }
/* Whole seconds that `then` lies behind `now`; 0 when it lies ahead, as what a thread with a later clock has
 * just stored. */
static inline uint32_t ticks_age_s(uint32_t now, uint32_t then) {
  return now > then ? (now - then) / TICKS_PER_S : 0;
}

/* A TTL as received: more than TTL_MAX is TTL_MAX, also with its top bit set (RFC 8767 section 4, which
 * changes what RFC 2181 section 8 said of that). */
static inline uint32_t ttl_received(uint32_t ttl) { return ttl > TTL_MAX ? TTL_MAX : ttl; }

/* How long a negative answer lasts: the lesser of the SOA's TTL and its last field (RFC 2308 section 5). */
static inline uint32_t ttl_negative(uint32_t soa_ttl, uint32_t soa_minimum) {
  uint32_t ttl = ttl_received(soa_ttl), minimum = ttl_received(soa_minimum);
  if (minimum < ttl) ttl = minimum;
  return ttl > TTL_NEGATIVE_MAX ? TTL_NEGATIVE_MAX : ttl;
}
#endif
