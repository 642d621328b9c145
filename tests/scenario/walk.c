/* walk.c: the DNS walks of XMPP programs. Exports program_walk. */
#include "scenario/walk.h"

#include "base/must.h"

/* Asks; returns the question's number. */
static unsigned start(struct walk *k, const char *name, uint16_t type) {
  must(k->count < WALK_ASKED);
  k->asked[k->count] = client_ask(k->world, name, type, k->how);
  return k->count++;
}

/* One question of a walk while it is waited for. */
struct question_state {
  struct heard *sent[8]; /* the same question, sent again and again */
  unsigned count, failed;
  bool over;
};

static void send_again(struct walk *k, struct question_state *s) {
  const struct program *p = k->program;
  const struct heard *h = s->sent[0];
  must(s->count < sizeof s->sent / sizeof *s->sent);
  s->sent[s->count] = client_ask_octets(k->world, h->name, h->name_len, h->type,
                                        k->how | (p->then_tcp ? HOW_TCP : 0));
  s->count++;
}

/* Looks whether an answer has come, or it is time to send it again or to give up. */
static void look(struct walk *k, struct question_state *s, struct heard **out) {
  const struct program *p = k->program;
  for (unsigned i = 0; i < s->count && !s->over; i++) {
    if (!is_answered(s->sent[i])) continue;
    *out = s->sent[i];
    s->over = heard_rcode(*out) != RCODE_SERVFAIL || s->failed == p->insists;
    if (s->over) return;
    s->failed++;
    send_again(k, s);
    s->sent[i] = s->sent[--s->count];
    i--;
  }

  if (k->world->now_ms < s->sent[s->count - 1]->asked_ms + p->patience_ms) return;
  s->over = s->count >= p->sends;
  k->gave_up += s->over;
  if (!s->over) send_again(k, s);
}

/* Waits for all that was asked from the `from`-th question on. */
static void wait_from(struct walk *k, unsigned from) {
  struct question_state states[WALK_ASKED] = {0};
  for (unsigned i = from; i < k->count; i++)
    states[i] = (struct question_state){.sent = {k->asked[i]}, .count = 1};
  for (;;) {
    unsigned open = 0;
    for (unsigned i = from; i < k->count; i++) {
      if (!states[i].over) look(k, &states[i], &k->asked[i]);
      open += !states[i].over;
    }
    if (!open) return;
    world_run_ms(k->world, 1);
  }
}

static unsigned how_of(const struct program *p) {
  return p->dnssec_ok ? HOW_DO : p->edns ? HOW_EDNS : HOW_PLAIN;
}

/* Asks the walker's questions together and tells it what came of them. */
static void ask_batch(struct walk *k, struct walker *w) {
  unsigned from = k->count;
  char name[NAME_TEXT];
  for (unsigned i = 0; i < w->count; i++)
    start(k, name_format(w->questions[i].name, w->questions[i].name_len, name), w->questions[i].type);
  wait_from(k, from);
  for (unsigned i = 0; i < w->count; i++) {
    const struct heard *h = k->asked[from + i];
    walker_take(w, &w->questions[i], is_answered(h) ? h->msg : NULL, h->len);
  }
}

void program_walk(const struct program *p, struct world *w, const char *domain, struct walk *out) {
  uint8_t name[NAME_MAX_LEN];
  struct walker walker;
  *out = (struct walk){.world = w, .program = p, .how = how_of(p)};
  walker_start(&walker, p, name, name_parse(domain, name));
  while (walker_next(&walker)) ask_batch(out, &walker);
  for (unsigned i = 0; i < walker.end_count; i++) {
    const struct srv *s = &walker.ends[i].srv;
    name_format(s->target, s->target_len, out->hosts.name[out->hosts.count++]);
  }
}
