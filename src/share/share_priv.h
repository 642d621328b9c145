/* Inside share: a fleet's cache as one thread knows it. */
#ifndef JIDNS_SHARE_SHARE_PRIV_H
#define JIDNS_SHARE_SHARE_PRIV_H
#include "base/random.h"
#include "share/share.h"

#define PROBE_AT_MS INT64_C(9999999999999) /* the year 2286 */
#define LEASE_UNSHARED "n"                 /* what its holder got is not for others; else it is "1" */

enum { ASKING_MAGIC = 0x464c4545, FIRST_GAP_MS = 6 };

/* Where what is known of the engine's clock comes from. */
enum clock_source { CLOCK_UNKNOWN, CLOCK_LEARNT /* from entries */, CLOCK_TOLD /* by the engine */ };

enum asking_stage {
  ASKING_FIRST, /* is it there? And if not, who asks a server? */
  ASKING_AGAIN  /* another member does: is it there now? */
};
enum lease_state {
  LEASE_GONE,      /* over, or there was none */
  LEASE_OF_NO_USE, /* its holder has nothing for others */
  LEASE_HELD,
  LEASE_OURS
};

/* One question that is looked up. */
struct asking {
  uint32_t magic;
  struct engine_request request;
  struct share *share;
  struct fleet_fetch *fetch; /* NULL: nobody wants it any more; it is freed with the last reply */
  enum asking_stage stage;
  enum lease_state lease;
  struct timer timer; /* ASKING_AGAIN, between two looks */
  uint32_t gap_ms;
  uint64_t leased_ms;
  int64_t left_ms;
  struct entry_key key;
};

struct share {
  struct share_options o;
  struct fleet fleet;
  uint64_t id;
  unsigned asking_count;
  enum clock_source clock;
  bool clock_asked;
  int64_t clock_ahead_ms; /* of ours */
  uint64_t clock_ask_ms;  /* when it is asked next */
  struct engine_request clock_request;
  uint32_t usual_ms_8; /* how long the engine takes, in 1/8 ms */
  uint64_t learn_ms;   /* it is slow: when it is tried next */
  unsigned vain;
  uint64_t no_leases_until_ms, no_writes_until_ms;
  char write_trouble[SHARE_WHY]; /* "": the last write was taken */
  bool trouble_logged, flush_failed;
  uint8_t msg[ENTRY_MSG_MAX];
};

void share_note_write_error(struct share *s, const struct engine_reply *reply, uint64_t now_ms);

/* A part of a name's keys that are taken out. */
struct flush {
  struct engine_request request;
  struct share *share;
};

/* The key of the lease beside an entry's. */
struct lease_key {
  uint8_t octets[ENTRY_KEY_MAX + 2];
};
static inline struct engine_arg share_lease_arg(struct lease_key *lease, const struct entry_key *key) {
  memcpy(lease->octets, key->octets, key->len);
  memcpy(lease->octets + key->len, ":l", 2);
  return (struct engine_arg){lease->octets, key->len + 2};
}
#endif
