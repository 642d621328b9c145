/* One answer in the fleet's cache: its key, and its value. Pure: octets in, octets or a verdict out.
 *
 *   key    "jd1:" | namespace | ":" | view, 8 hexadecimal digits | ":" | name, type, class, KEY_ flags
 *   value  version (1) flags (1) rcode (1) ns (1) an (2) | written, ms since 1970 by the engine's clock (6) |
 *          life, ms (4) | records, as behind a question (RFC 1035 section 4.1.3) | proof (16)
 *
 * The proof is of key and value: whoever has no secret can't make an entry, change it, or move it to another
 * question or fleet, nor put it in again later, as its time is in it. But that is read by the engine's clock,
 * which is believed: who turns it back, the engine or somebody on the way to it, can show an old entry once
 * more. Numbers are big-endian. */
#ifndef JIDNS_SHARE_ENTRY_H
#define JIDNS_SHARE_ENTRY_H
#include "crypto/mac.h"
#include "forward/fleet.h"

enum {
  ENTRY_NAMESPACE_MAX = 63, /* letters, digits, "-", "_" and "." */
  ENTRY_KEY_HEAD = 4 + ENTRY_NAMESPACE_MAX + 1 + 8 + 1,
  ENTRY_KEY_MAX = ENTRY_KEY_HEAD + KEY_MAX,
  ENTRY_HEAD = 16,
  ENTRY_MAX = ENTRY_HEAD + FLEET_BODY_MAX + MAC_OCTETS,
  ENTRY_MSG_MAX = DNS_HEADER + KEY_MAX + FLEET_BODY_MAX,
  ENTRY_SLACK_MS = 2000,   /* what clocks, read over a network, may differ */
  ENTRY_LIFE_MIN_MS = 2000 /* with less than that left it is no help */
};

bool entry_is_namespace(const char *text);

struct entry_key {
  size_t len;
  uint8_t octets[ENTRY_KEY_MAX];
};

void entry_key_make(struct entry_key *key, const char *space, uint64_t view, const struct question *q);

/* May a be shared? Answers to CD, short-lived and long ones, and what has more than the servers said, may
 * not.
 */
bool entry_may_be(const struct question *q, const struct answer *a);

/* Writes the value for a, which entry_may_be, into out. Returns its length; 0: out of memory. */
size_t entry_write(const struct mac_key *k, const struct entry_key *key, const struct answer *a,
                   uint64_t engine_ms, uint8_t out[ENTRY_MAX]);

/* What the engine says of an entry, and when. */
struct entry_seen {
  const uint8_t *octets; /* borrowed */
  size_t len;
  int64_t left_ms;    /* PTTL: until the engine drops it; negative: it would not, or has */
  uint64_t engine_ms; /* the engine's clock; 0: it is not known */
};

enum entry_verdict {
  ENTRY_GOOD,
  ENTRY_OVER,     /* its time is over, or nearly */
  ENTRY_STRANGE,  /* of another version */
  ENTRY_FORGED,   /* not from a member, or of another question */
  ENTRY_PROLONGED /* it is there for longer than its writer said, or again */
};

/* Reads the value under key, which is q's. ENTRY_GOOD: *msg_len octets at msg are a reply to q with what is
 * left of its TTLs, which never says more than the writer's server did; whether it answers q, its reader has
 * to check, as with any server's. *clock_ms, unless ENTRY_STRANGE or ENTRY_FORGED: the engine's clock as this
 * entry tells it. */
enum entry_verdict entry_read(const struct mac_key *k, const struct entry_key *key, const struct question *q,
                              const struct entry_seen *seen, uint8_t msg[ENTRY_MSG_MAX], size_t *msg_len,
                              uint64_t *clock_ms);
#endif
