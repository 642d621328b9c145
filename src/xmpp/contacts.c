/* contacts.c: what became of the walks to each domain. Exports contacts_*, contact_*. */
#include "xmpp/contacts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns/type.h"

const struct contact *contacts_find(const struct contacts *c, const uint8_t *domain, size_t len) {
  for (unsigned i = 0; i < CONTACTS_MAX; i++) {
    const struct contact *one = &c->list[i];
    if (one->domain_len == len && memcmp(one->domain, domain, len) == 0) return one;
  }
  return NULL;
}

/* The domain's place, or that of the one contacted least lately. */
static struct contact *place_for(struct contacts *c, const uint8_t *domain, size_t len) {
  const struct contact *there = contacts_find(c, domain, len);
  if (there) return &c->list[there - c->list];

  struct contact *oldest = &c->list[0];
  for (unsigned i = 1; i < CONTACTS_MAX; i++) {
    if (c->list[i].last_ms < oldest->last_ms) oldest = &c->list[i];
  }
  *oldest = (struct contact){.domain_len = (uint8_t)len};
  memcpy(oldest->domain, domain, len);
  return oldest;
}

static void note_failure(struct contact *one, const struct walked *w, uint64_t now_ms) {
  one->failed_ms = now_ms;
  one->failed_role = w->role;
  one->failed_end = w->end;
  one->why = w->why;
  one->failed_type = w->failed_question.name_len ? question_type(&w->failed_question) : 0;
}

void contacts_note(struct contacts *c, const struct walked *w, uint64_t now_ms) {
  struct contact *one = place_for(c, w->domain, w->domain_len);
  struct contact_walk *last = &one->by_role[w->role];
  one->last_ms = last->ended_ms = now_ms;
  last->end = w->end;
  one->walks++;
  one->answers += w->answers;
  one->waited += w->waited;
  one->saved += w->saved;
  one->stale += w->stale;
  if (w->end == WALK_REACHED) {
    one->reached++;
    one->first_ms = w->reached_after_ms;
    one->first_sum_ms += w->reached_after_ms;
    last->way = w->way;
  } else if (w->end != WALK_NOT_TRIED) {
    note_failure(one, w, now_ms);
  }
}

static int last_first(const void *a, const void *b) {
  const struct contact *x = a, *y = b;
  return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

void contacts_sort(struct contacts *c) { qsort(c->list, CONTACTS_MAX, sizeof *c->list, last_first); }

const char *contact_why_format(const struct contact *c, char text[CONTACT_WHY]) {
  char type[TYPE_TEXT];
  const char *why = walks_why_text(c->failed_end, c->why);
  if (c->failed_end == WALK_NO_ADDRESS) snprintf(text, CONTACT_WHY, "what it leads to %s", why);
  else if (c->failed_end == WALK_FAILED)
    snprintf(text, CONTACT_WHY, "%s: %s", type_format(c->failed_type, type), why);
  else snprintf(text, CONTACT_WHY, "%s", why);
  return text;
}
