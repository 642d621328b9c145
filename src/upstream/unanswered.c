/* unanswered.c: types of records that a server does not answer. Exports unanswered_*. */
#include "upstream/unanswered.h"

#include <stddef.h>

static struct unanswered_type *find(struct unanswered *m, uint16_t type) {
  for (unsigned i = 0; i < UNANSWERED_TYPES; i++) {
    if (m->types[i].type == type) return &m->types[i];
  }
  return NULL;
}

/* The type's slot; a new one, if need be instead of the one noted longest ago. */
static struct unanswered_type *slot_for(struct unanswered *m, uint16_t type) {
  struct unanswered_type *oldest = &m->types[0], *there = find(m, type);
  if (there) return there;
  for (unsigned i = 1; i < UNANSWERED_TYPES; i++) {
    if (m->types[i].noted_ms < oldest->noted_ms) oldest = &m->types[i];
  }
  *oldest = (struct unanswered_type){.type = type};
  return oldest;
}

static bool is_known(const struct unanswered_type *t, uint64_t domain) {
  for (unsigned i = 0; i < t->domains; i++) {
    if (t->hashes[i] == domain) return true;
  }
  return false;
}

bool unanswered_note(struct unanswered *m, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms) {
  struct unanswered_type *t = slot_for(m, type);
  bool rested = capability_is_resting(&t->capability);
  t->noted_ms = now_ms;

  if (!rested) {
    if (is_known(t, domain)) return false;
    t->hashes[t->domains++] = domain;
    t->in_vain += in_vain;
    if (t->domains < UNANSWERED_DOMAINS) return false;
  }

  capability_rests(&t->capability, WHY_NONE, UNANSWERED_REST_MS, CAPABILITY_REST_MS, now_ms);
  return !rested;
}

bool unanswered_end(struct unanswered *m, uint16_t type) {
  struct unanswered_type *t = find(m, type);
  if (!t) return false;
  bool rested = capability_is_resting(&t->capability);
  *t = (struct unanswered_type){0};
  return rested;
}

bool unanswered_allows(struct unanswered *m, uint16_t type, uint64_t now_ms) {
  struct unanswered_type *t = find(m, type);
  return !t || capability_allows(&t->capability, now_ms);
}

const struct unanswered_type *unanswered_find(const struct unanswered *m, uint16_t type) {
  for (unsigned i = 0; i < UNANSWERED_TYPES; i++) {
    if (m->types[i].type == type && capability_is_resting(&m->types[i].capability)) return &m->types[i];
  }
  return NULL;
}
