/* mutes.c: types of records that a server does not answer. Exports mutes_*. */
#include "upstream/mutes.h"

#include <stddef.h>

static struct mute *find(struct mutes *m, uint16_t type) {
  for (unsigned i = 0; i < MUTE_TYPES; i++) {
    if (m->types[i].type == type) return &m->types[i];
  }
  return NULL;
}

/* The type's place; a new one, if need be in place of the one noted longest ago. */
static struct mute *place_for(struct mutes *m, uint16_t type) {
  struct mute *oldest = &m->types[0], *there = find(m, type);
  if (there) return there;
  for (unsigned i = 1; i < MUTE_TYPES; i++) {
    if (m->types[i].noted_ms < oldest->noted_ms) oldest = &m->types[i];
  }
  *oldest = (struct mute){.type = type};
  return oldest;
}

static bool is_known(const struct mute *t, uint64_t domain) {
  for (unsigned i = 0; i < t->domains; i++) {
    if (t->hashes[i] == domain) return true;
  }
  return false;
}

bool mutes_note(struct mutes *m, uint16_t type, uint64_t domain, bool in_vain, uint64_t now_ms) {
  struct mute *t = place_for(m, type);
  bool rested = habit_is_resting(&t->habit);
  t->noted_ms = now_ms;

  if (!rested) {
    if (is_known(t, domain)) return false;
    t->hashes[t->domains++] = domain;
    t->in_vain += in_vain;
    if (t->domains < MUTE_DOMAINS) return false;
  }

  habit_rests(&t->habit, WHY_NONE, MUTE_REST_MS, HABIT_REST_MS, now_ms);
  return !rested;
}

bool mutes_answered(struct mutes *m, uint16_t type) {
  struct mute *t = find(m, type);
  if (!t) return false;
  bool rested = habit_is_resting(&t->habit);
  *t = (struct mute){0};
  return rested;
}

bool mutes_allow(struct mutes *m, uint16_t type, uint64_t now_ms) {
  struct mute *t = find(m, type);
  return !t || habit_allows(&t->habit, now_ms);
}

const struct mute *mutes_find_resting(const struct mutes *m, uint16_t type) {
  for (unsigned i = 0; i < MUTE_TYPES; i++) {
    if (m->types[i].type == type && habit_is_resting(&m->types[i].habit)) return &m->types[i];
  }
  return NULL;
}
