/* What is asked, in the one form that cache, pending table and upstream side share: a key of octets and its
 * hash. */
#ifndef JIDNS_DNS_QUESTION_H
#define JIDNS_DNS_QUESTION_H
#include "dns/dns.h"
#include "dns/name.h"

/* Signed and plain answers, checked and unchecked ones are different things: DO and CD are part of the key.
 */
enum { KEY_DO = 1, KEY_CD = 2 };
enum { KEY_TAIL = 5, KEY_MAX = NAME_MAX_LEN + KEY_TAIL };

struct question {
  uint64_t hash;
  uint16_t name_len;    /* 1 to 255 */
  uint8_t key[KEY_MAX]; /* name in lower case, type, class, KEY_ flags: name_len + KEY_TAIL octets */
};

/* Fills all of q; `name` in any case, without compression. `seed` is the process's hash seed. */
void question_make(struct question *q, const uint8_t *name, size_t len, uint16_t type, uint16_t klass,
                   uint8_t key_flags, uint64_t seed);

static inline size_t question_key_len(const struct question *q) { return (size_t)q->name_len + KEY_TAIL; }
static inline uint16_t question_type(const struct question *q) { return load_u16(q->key + q->name_len); }
static inline uint16_t question_class(const struct question *q) { return load_u16(q->key + q->name_len + 2); }
static inline uint8_t question_flags(const struct question *q) { return q->key[q->name_len + 4]; }
static inline bool question_equal(const struct question *a, const struct question *b) {
  return a->hash == b->hash && a->name_len == b->name_len && memcmp(a->key, b->key, question_key_len(a)) == 0;
}

/* "example.org. SRV" or "example.org. TYPE65280 CH", for logs. */
enum { QUESTION_TEXT = NAME_TEXT + 32 };
const char *question_format(const struct question *q, char text[QUESTION_TEXT]);
#endif
