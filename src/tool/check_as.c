/* check_as.c: walks through a domain's DNS as a program does. Exports as_walk_*, as_question_text,
 * as_answer_text, check_as, check_is_program. */
#include "tool/check_as.h"

#include <stdlib.h>

#include "base/must.h"
#include "tool/cli.h"
#include "tool/domain.h"

/* ---- the walk ---- */

static struct as_question *add_question(struct as_walk *w, const struct walker_question *q) {
  if (w->count == w->room) {
    w->room = w->room ? 2 * w->room : 16;
    w->list = realloc(w->list, w->room * sizeof(*w->list));
    must(w->list);
  }
  struct as_question *x = w->list[w->count++] = must_zalloc(sizeof *x);
  ask_make(&x->asked, q->name, q->name_len, q->type);
  x->at_ms = w->ms;
  return x;
}

/* What the program makes of the outcome in its own patience. */
static void judge_time(const struct program *p, struct as_question *x) {
  unsigned patience_ms = p->patience_ms * p->sends, real_ms = x->asked.took_us / 1000;
  bool answered = x->asked.outcome == ASKED_ANSWERED;
  bool insists = lookup_is_servfail(&x->asked);
  unsigned trip_ms = real_ms > AS_TRIP_MS ? real_ms : AS_TRIP_MS;

  x->times = insists ? 1 + p->insists : 1;
  x->took_ms = trip_ms * x->times;
  if (answered && trip_ms <= p->patience_ms) return;
  x->times = answered ? 1 + trip_ms / p->patience_ms : p->sends;
  if (answered && trip_ms <= patience_ms) return;
  x->gave_up = true;
  x->times = p->sends;
  x->took_ms = patience_ms;
}

static void take_batch(struct as_walk *w, size_t from) {
  unsigned longest_ms = 0;
  for (size_t i = from; i < w->count; i++) {
    struct as_question *x = w->list[i];
    judge_time(w->walker.program, x);
    w->unanswered += x->asked.outcome != ASKED_ANSWERED;
    if (x->took_ms > longest_ms) longest_ms = x->took_ms;
    const uint8_t *msg = x->gave_up ? NULL : x->asked.msg;
    walker_take(&w->walker, &w->walker.questions[i - from], msg, msg ? x->asked.len : 0);
  }
  if (w->walker.stage == WALKER_OVER) return; /* asked when it can't connect */
  w->ms += longest_ms;
  w->waits++;
}

struct as_walk *as_walk_new(const struct program *p, const struct typed_domain *typed,
                            void (*ask)(void *context, struct asked *const *list, size_t n), void *context) {
  struct as_walk *w = must_zalloc(sizeof *w);
  struct ask_list list = {.count = 0};
  w->typed = *typed;
  walker_start(&w->walker, p, typed->name, typed->len);
  while (walker_next(&w->walker)) {
    size_t from = w->count;
    list.count = 0;
    for (unsigned i = 0; i < w->walker.count; i++)
      ask_list_put(&list, &add_question(w, &w->walker.questions[i])->asked);
    ask(context, list.list, list.count);
    take_batch(w, from);
  }
  ask_list_free(&list);
  return w;
}

void as_walk_free(struct as_walk *w) {
  if (!w) return;
  for (size_t i = 0; i < w->count; i++) {
    asked_free(&w->list[i]->asked);
    free(w->list[i]);
  }
  free(w->list);
  free(w);
}

/* ---- what came of it ---- */

static size_t read_addresses(const struct as_question *q, struct address *out, size_t most) {
  const struct asked *a = &q->asked;
  struct record r;
  size_t n = 0;
  uint16_t octets = a->type == TYPE_A ? 4 : 16;
  if (q->gave_up || a->outcome != ASKED_ANSWERED) return 0;
  struct reply p = reply_open(a->msg, a->len);
  while (n < most && reply_next_answer(&p, a->type, &r)) {
    if (r.rdlen != octets) continue;
    out[n] = (struct address){.family = a->type == TYPE_A ? AF_INET : AF_INET6, .ttl = r.ttl};
    memcpy(out[n++].bytes, record_rdata(&r), octets);
  }
  return n;
}

size_t as_walk_addresses(const struct as_walk *w, const struct walker_end *e, struct address *out,
                         size_t most) {
  static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
  size_t n = 0;
  for (unsigned t = 0; t < 2; t++) {
    for (size_t i = 0; i < w->count; i++) {
      const struct asked *a = &w->list[i]->asked;
      if (a->type != types[t] || !name_equal(a->name, a->name_len, e->srv.target, e->srv.target_len))
        continue;
      n += read_addresses(w->list[i], out + n, most - n);
      break;
    }
  }
  return n;
}

const struct walker_end *as_walk_end(const struct as_walk *w) {
  struct address address;
  for (unsigned i = 0; i < w->walker.end_count; i++) {
    const struct walker_end *e = &w->walker.ends[i];
    if (e->srv.port > 0 && as_walk_addresses(w, e, &address, 1) > 0) return e;
  }
  return NULL;
}

/* ---- the command ---- */

bool check_is_program(const char *word) {
  return strcmp(word, "all") == 0 || strcmp(word, "list") == 0 || program_of(word);
}

static bool is_wanted(const struct cli *c, const struct program *p) {
  enum lookup_side side = p->server ? LOOKUP_S2S : LOOKUP_C2S;
  if (strcmp(c->check.as, "all") == 0) return c->sides & side;
  return strcmp(c->check.as, p->name) == 0;
}

static int show(const struct cli *c, const struct as_walk *w) {
  bool many = strcmp(c->check.as, "all") == 0 || c->words_count > 1;
  if (c->check.format == CHECK_JSON) {
    if (!as_write_json(w, many, stdout)) return CLI_TROUBLE;
  } else if (strcmp(c->check.as, "all") == 0 && !c->check.verbose) {
    as_write_line(w, &c->check.term, stdout);
  } else {
    as_write_text(w, &c->check.term, stdout);
  }
  if (w->unanswered == w->count) return CLI_NO_ANSWER;
  return as_walk_end(w) || w->walker.is_refused ? CLI_FOUND : CLI_NOT_FOUND;
}

static int check_domain_as(const struct cli *c, struct sources *sources, const struct typed_domain *typed) {
  int status = CLI_FOUND;
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    if (!is_wanted(c, &programs[i])) continue;
    struct as_walk *w = as_walk_new(&programs[i], typed, sources_ask, sources);
    int one = show(c, w);
    if (one > status) status = one;
    as_walk_free(w);
  }
  return status;
}

int check_as(const struct cli *c, struct sources *sources) {
  int status = CLI_FOUND;
  char domain[NAME_TEXT];
  for (int i = 0; i < c->words_count; i++) {
    struct typed_domain typed;
    const char *why = domain_read_jid(c->words[i], &typed);
    if (why) return cli_usage(c, "\"%s\" is not a domain or JID: %s", c->words[i], why);
    if (i > 0 && c->check.format == CHECK_TEXT) fputc('\n', stdout);
    if (strcmp(c->check.as, "all") == 0 && c->check.format == CHECK_TEXT)
      printf("%s, at %d ms a question\n", domain_text(typed.name, typed.len, domain), AS_TRIP_MS);
    int one = check_domain_as(c, sources, &typed);
    if (one > status) status = one;
  }
  return status;
}
