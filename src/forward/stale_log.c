/* stale_log.c: when stale answers begin and end. Exports stale_log_*. */
#include "forward/stale_log.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/name.h"

void stale_log_init(struct stale_log *l) {
  *l = (struct stale_log){.open = 0};
  must(pthread_mutex_init(&l->lock, NULL) == 0);
}

/* ---- sets ---- */

static struct stale_set *find(struct stale_log *l, const uint8_t *name, uint8_t len) {
  for (unsigned i = 0; i < 1 + ROUTES_MAX; i++) {
    struct stale_set *s = &l->sets[i];
    if (s->name_len == len && memcmp(s->name, name, len) == 0) return s;
  }
  return NULL;
}

static void set_open(struct stale_log *l, struct stale_set *s, bool open) {
  if (s->open == open) return;
  s->open = open;
  __atomic_store_n(&l->open, open ? l->open + 1 : l->open - 1, __ATOMIC_RELAXED);
}

/* The place of one that reloads have left behind, if there is no other. */
static struct stale_set *make(struct stale_log *l, const uint8_t *name, uint8_t len) {
  struct stale_set *place = &l->sets[0];
  for (unsigned i = 0; i < 1 + ROUTES_MAX && place->name_len; i++) {
    struct stale_set *s = &l->sets[i];
    if (!s->name_len || s->last_ms < place->last_ms) place = s;
  }

  set_open(l, place, false);
  *place = (struct stale_set){.name_len = len};
  memcpy(place->name, name, len);
  return place;
}

/* ---- beginnings and ends ---- */

/* " for names in corp.lab.", or "" for the servers for all names. */
enum { WHOM_TEXT = NAME_TEXT + 24 };
static const char *whom(const uint8_t *name, uint8_t len, char text[WHOM_TEXT]) {
  char domain[NAME_TEXT];
  *text = 0;
  if (len > 1) snprintf(text, WHOM_TEXT, " for names in %s", name_format(name, len, domain));
  return text;
}

void stale_log_note(struct stale_log *l, const struct routes *r, const struct question *q, const char *why,
                    uint64_t now_ms) {
  char for_whom[WHOM_TEXT], text[QUESTION_TEXT];
  if (!l) return;
  uint8_t len = (uint8_t)routes_domain_len(r, q);
  const uint8_t *name = q->key + q->name_len - len;

  must(pthread_mutex_lock(&l->lock) == 0);
  struct stale_set *s = find(l, name, len);
  if (!s) s = make(l, name, len);
  bool begins = !s->open && now_ms >= s->again_ms;
  if (begins) {
    set_open(l, s, true);
    s->begun_ms = now_ms;
    s->again_ms = now_ms + STALE_LOG_AGAIN_MS;
  }
  s->last_ms = now_ms;
  s->last_hash = q->hash;
  must(pthread_mutex_unlock(&l->lock) == 0);

  if (begins)
    log_warn("forward", "stale answers go out%s; the first is for %s: %s", whom(name, len, for_whom),
             question_format(q, text), why);
}

void stale_log_answered(struct stale_log *l, const struct routes *r, const struct question *q,
                        uint64_t now_ms) {
  char for_whom[WHOM_TEXT];
  if (!l || !__atomic_load_n(&l->open, __ATOMIC_RELAXED)) return;
  uint8_t len = (uint8_t)routes_domain_len(r, q);
  const uint8_t *name = q->key + q->name_len - len;

  must(pthread_mutex_lock(&l->lock) == 0);
  struct stale_set *s = find(l, name, len);
  bool ends = s && s->open && (s->last_hash == q->hash || now_ms >= s->last_ms + STALE_LOG_QUIET_MS);
  uint64_t begun_ms = ends ? s->begun_ms : 0;
  if (ends) set_open(l, s, false);
  must(pthread_mutex_unlock(&l->lock) == 0);

  if (ends)
    log_info("forward", "stale answers%s have ended after %llu s: the servers answer again",
             whom(name, len, for_whom), (unsigned long long)(now_ms - begun_ms) / 1000);
}
