/* Entries of the fleet's cache for tests: a secret, a question, an answer and its value. */
#ifndef JIDNS_TESTS_SHARE_ENTRY_KIT_H
#define JIDNS_TESTS_SHARE_ENTRY_KIT_H
#include "kit/made.h"
#include "share/entry.h"

#define ENTRY_SPACE "default"
enum { ENTRY_VIEW = 7, ENTRY_TTL = 300 };
#define ENTRY_NOW_MS UINT64_C(1790000000000) /* the engine's clock when it is written */

static inline struct mac_key *entry_kit_key(uint8_t octet) {
  uint8_t secret[MAC_SECRET_MIN];
  memset(secret, octet, sizeof secret);
  return mac_key_new(secret, sizeof secret, stderr);
}

struct entry_kit {
  struct mac_key *mac;
  struct made made;
  struct entry_key key;
  size_t len, msg_len;
  uint64_t clock_ms;
  uint8_t value[ENTRY_MAX], msg[ENTRY_MSG_MAX];
};

/* Of the question and answer in k->made. */
static inline void entry_kit_write(struct entry_kit *k) {
  entry_key_make(&k->key, ENTRY_SPACE, ENTRY_VIEW, &k->made.question);
  k->len = entry_write(k->mac, &k->key, &k->made.answer, ENTRY_NOW_MS, k->value);
}

/* _xmpp-client._tcp.example.org. SRV; freed by entry_kit_free */
static inline struct entry_kit *entry_kit_new(void) {
  struct entry_kit *k = must_zalloc(sizeof *k);
  k->mac = entry_kit_key('k');
  made_start(&k->made, "_xmpp-client._tcp.example.org", TYPE_SRV, RCODE_NOERROR);
  made_add(&k->made, SECTION_ANSWER, "_xmpp-client._tcp.example.org", TYPE_SRV, ENTRY_TTL,
           rd_srv(5, 0, 5222, "xmpp.example.org"));
  made_done(&k->made, 0);
  entry_kit_write(k);
  return k;
}

static inline void entry_kit_free(struct entry_kit *k) {
  mac_key_free(k->mac);
  free(k);
}

/* As it is read when it is so old by the engine's clock. */
static inline enum entry_verdict entry_kit_read(struct entry_kit *k, uint64_t age_ms) {
  struct entry_seen seen = {.octets = k->value,
                            .len = k->len,
                            .left_ms = ENTRY_TTL * 1000 - (int64_t)age_ms,
                            .engine_ms = ENTRY_NOW_MS + age_ms};
  return entry_read(k->mac, &k->key, &k->made.question, &seen, k->msg, &k->msg_len, &k->clock_ms);
}
#endif
