/* denial.c: names known not to exist, and what is below them. Exports denial_note, denial_find. */
#include "forward/denial.h"

#include "dns/build.h"
#include "dns/ttl.h"

enum { TYPE_DENIED = 0 }; /* no client can ask for type 0: its key stands for the name as such */

static void denied_question(struct question *out, const struct question *q, size_t skip, uint64_t seed) {
  question_make(out, q->key + skip, q->name_len - skip, TYPE_DENIED, question_class(q), question_flags(q),
                seed);
}

/* What is said of DS is said by the zone above: nothing of what the name's own servers have. */
static bool is_of_parent(const struct question *q) { return question_type(q) == TYPE_DS && q->name_len > 1; }

void denial_note(struct cache *c, const struct question *q, const struct answer *a, uint64_t seed) {
  struct question name;
  if (a->head.rcode != RCODE_NXDOMAIN || a->head.an > 0 || question_flags(q) & KEY_DO || is_of_parent(q))
    return;
  denied_question(&name, q, 0, seed);
  cache_put(c, &name, a, ORIGIN_QUERY, 0, 0);
}

/* The denial's authority section in an answer to q; its octets are another name's and can't just be copied.
 */
static bool answer_with(const struct question *q, const struct question *denied, const struct answer *a,
                        uint8_t *message, struct answer *out) {
  struct build b;
  struct record r;
  struct wire w = wire_read(message, answer_message(denied, a, message));
  w.at = DNS_HEADER + denied->name_len + 4u;
  build_start(&b, out, q, RCODE_NXDOMAIN);
  for (unsigned i = 0; i < a->head.ns; i++) {
    if (!record_read(&w, &r) || !build_add(&b, SECTION_AUTHORITY, &r, r.ttl)) return false;
  }
  out->head.stored_at = a->head.stored_at;
  out->ttl_s = a->ttl_s;
  return true;
}

bool denial_find(struct cache *c, const struct question *q, size_t least_len, uint32_t tick, uint64_t seed,
                 uint8_t *message, struct answer *denied, struct answer *out) {
  struct question name;
  size_t skip = is_of_parent(q) ? 1u + q->key[0] : 0;
  bool unused;
  if (question_flags(q) & KEY_DO) return false;
  for (unsigned i = 0; i <= DENIAL_LABELS && skip + 1 < q->name_len; i++, skip += 1u + q->key[skip]) {
    if (q->name_len - skip < least_len) return false;
    denied_question(&name, q, skip, seed);
    if (cache_look(c, &name, tick, &unused) != CACHE_FRESH) continue;
    return cache_peek(c, &name, tick, denied) == CACHE_FRESH && answer_with(q, &name, denied, message, out);
  }
  return false;
}
