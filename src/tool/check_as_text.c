/* check_as_text.c: a program's walk as a picture of text, as wide as the terminal. Exports as_write_text,
 * as_write_line, as_write_programs, as_question_text, as_answer_text. */
#include <stdlib.h>

#include "base/must.h"
#include "tool/check_as.h"
#include "tool/domain.h"

enum {
  TIME_COLUMNS = 10, /* "  120 ms  " */
  LABEL_COLUMNS = 22,
  BAR_COLUMNS = 16,
  ANSWER_COLUMN = TIME_COLUMNS + LABEL_COLUMNS + 1 + BAR_COLUMNS + 1,
  ADDRESSES_MAX = 16,
  TEXT_MAX = 4096
};

static const char *short_name(const struct as_walk *w, const uint8_t *name, size_t len,
                              char text[NAME_TEXT]) {
  return domain_short_text(w->typed.name, w->typed.len, name, len, text);
}

char *as_question_text(const struct as_walk *w, const struct as_question *q) {
  char name[NAME_TEXT], type[PRINT_WORD], *text = NULL;
  short_name(w, q->asked.name, q->asked.name_len, name);
  size_t len = strlen(name);
  if (q->asked.type == TYPE_SRV && len > 5 && strcmp(name + len - 5, "._tcp") == 0) name[len - 5] = 0;
  must(asprintf(&text, "%s %s", print_type(q->asked.type, type), name) >= 0);
  return text;
}

/* ---- answers ---- */

struct words {
  char text[TEXT_MAX];
  size_t len;
};

static void say(struct words *t, const char *before, const char *text) {
  int n = snprintf(t->text + t->len, sizeof t->text - t->len, "%s%s", t->len ? before : "", text);
  if (n > 0 && t->len + (size_t)n < sizeof t->text) t->len += (size_t)n;
}

static void say_srv(const struct as_walk *w, const struct asked *a, struct words *t) {
  struct srv list[WALKER_ENDS];
  struct record r;
  size_t n = 0;
  char name[NAME_TEXT], one[NAME_TEXT + 32];
  struct reply p = reply_open(a->msg, a->len);
  while (n < WALKER_ENDS && reply_next_answer(&p, TYPE_SRV, &r)) n += srv_read(&r, &list[n]);
  srv_sort(list, n);
  for (size_t i = 0; i < n; i++) {
    const struct srv *s = &list[i];
    snprintf(one, sizeof one, "%u %u %u %s", s->priority, s->weight, s->port,
             srv_is_none(s) ? "." : short_name(w, s->target, s->target_len, name));
    say(t, ", ", one);
  }
}

static void say_others(const struct asked *a, struct words *t) {
  struct record r;
  unsigned n = 0;
  char text[ADDRESS_TEXT];
  struct reply p = reply_open(a->msg, a->len);

  while (reply_next_answer(&p, a->type, &r)) {
    struct address x = {.family = a->type == TYPE_A ? AF_INET : AF_INET6};
    bool is_address = (a->type == TYPE_A && r.rdlen == 4) || (a->type == TYPE_AAAA && r.rdlen == 16);
    n++;
    if (!is_address || n > ADDRESSES_MAX) continue;
    memcpy(x.bytes, record_rdata(&r), r.rdlen);
    say(t, ", ", lookup_address_text(&x, text));
  }

  if (n == 0 || a->type == TYPE_A || a->type == TYPE_AAAA) return;
  snprintf(text, sizeof text, "%u record%s", n, n == 1 ? "" : "s");
  say(t, ", ", text);
}

char *as_answer_text(const struct as_walk *w, const struct as_question *q) {
  const struct asked *a = &q->asked;
  struct words *t = must_zalloc(sizeof *t);
  char word[PRINT_WORD], times[64];

  if (!lookup_is_answered(a)) say(t, "", lookup_outcome_text(a, word));
  else if (q->gave_up) say(t, "", "too late");
  else if (a->type == TYPE_SRV) say_srv(w, a, t);
  else say_others(a, t);
  if (t->len == 0) say(t, "", "none");
  if (q->times > 1) {
    snprintf(times, sizeof times, "asked %u times", q->times);
    say(t, ", ", times);
  }

  char *text = strdup(t->text);
  must(text);
  free(t);
  return text;
}

/* ---- the picture ---- */

static void write_question(const struct as_walk *w, const struct as_question *q, const struct term *t,
                           FILE *out) {
  char *label = as_question_text(w, q), *answer = as_answer_text(w, q);
  unsigned total = w->ms ? w->ms : 1, from = q->at_ms * BAR_COLUMNS / total,
           to = (q->at_ms + q->took_ms) * BAR_COLUMNS / total;
  if (to <= from) to = from + 1;
  if (to > BAR_COLUMNS) to = BAR_COLUMNS;

  fprintf(out, "%5u ms  %-*s", q->at_ms, LABEL_COLUMNS, label);
  if (strlen(label) > LABEL_COLUMNS) fprintf(out, "\n%*s", TIME_COLUMNS + LABEL_COLUMNS, "");
  fprintf(out, " %*s", (int)from, "");
  for (unsigned i = from; i < to; i++) fputc('#', out);
  fprintf(out, "%*s", (int)(BAR_COLUMNS - to + 1), "");
  term_wrap(t, out, ANSWER_COLUMN, ANSWER_COLUMN, answer);
  free(label);
  free(answer);
}

static void write_end(const struct as_walk *w, const struct walker_end *e, bool first, const struct term *t,
                      FILE *out) {
  struct address list[ADDRESSES_MAX];
  size_t n = as_walk_addresses(w, e, list, ADDRESSES_MAX);
  char name[NAME_TEXT], text[ADDRESS_TEXT];
  struct words *line = must_zalloc(sizeof *line);

  snprintf(line->text, sizeof line->text, "%s %s port %u, %s", first ? "connects to" : "then",
           short_name(w, e->srv.target, e->srv.target_len, name), e->srv.port,
           e->direct_tls ? "TLS at once" : "STARTTLS");
  line->len = strlen(line->text);
  for (size_t i = 0; i < n; i++) say(line, i ? ", " : ": ", lookup_address_text(&list[i], text));
  if (e->srv.port == 0) say(line, "", ": nothing listens at port 0");
  else if (n == 0) say(line, "", first ? ": no address" : ": not asked for yet, or no address");
  if (first) fprintf(out, "%5u ms  ", w->ms);
  else fprintf(out, "%*s", TIME_COLUMNS, "");
  term_wrap(t, out, TIME_COLUMNS, TIME_COLUMNS, line->text);
  free(line);
}

static void write_result(const struct as_walk *w, const struct term *t, FILE *out) {
  const struct program *p = w->walker.program;
  const struct walker_end *e = as_walk_end(w);
  char name[NAME_TEXT], line[NAME_TEXT + 256], measured[80];

  if (p->version) snprintf(measured, sizeof measured, "Measured with %s %s.", p->name, p->version);
  else snprintf(measured, sizeof measured, "Read from its source, not measured.");
  if (e)
    snprintf(line, sizeof line, "Result: connects to %s port %u after %u ms, %u wait%s in a row. %s",
             domain_text(e->srv.target, e->srv.target_len, name), e->srv.port, w->ms, w->waits,
             w->waits == 1 ? "" : "s", measured);
  else
    snprintf(line, sizeof line, "Result: %s. %s",
             w->walker.is_refused ? "connects nowhere, because the service is not offered"
                                  : "finds nothing to connect to",
             measured);
  term_wrap(t, out, 0, 0, line);
}

void as_write_text(const struct as_walk *w, const struct term *t, FILE *out) {
  const struct program *p = w->walker.program;
  char domain[NAME_TEXT], head[NAME_TEXT + 80];

  snprintf(head, sizeof head, "What %s does to reach %s, at %d ms a question", p->name,
           domain_text(w->typed.name, w->typed.len, domain), AS_TRIP_MS);
  term_wrap(t, out, 0, 0, head);
  for (size_t i = 0; i < w->count; i++) write_question(w, w->list[i], t, out);

  bool first = true;
  for (unsigned i = 0; i < w->walker.end_count; i++) {
    write_end(w, &w->walker.ends[i], first, t, out);
    first = false;
  }

  if (p->notes) {
    fprintf(out, "%*s", TIME_COLUMNS, "");
    term_wrap(t, out, TIME_COLUMNS, TIME_COLUMNS, p->notes);
  }

  write_result(w, t, out);
}

void as_write_line(const struct as_walk *w, const struct term *t, FILE *out) {
  const struct program *p = w->walker.program;
  const struct walker_end *e = as_walk_end(w);
  char name[NAME_TEXT], end[NAME_TEXT + 64];
  if (e)
    snprintf(end, sizeof end, "%s %u %s", short_name(w, e->srv.target, e->srv.target_len, name), e->srv.port,
             e->direct_tls ? "direct TLS" : "STARTTLS");
  else snprintf(end, sizeof end, "%s", w->walker.is_refused ? "nowhere: not offered" : "nowhere");
  int used = fprintf(out, "  %-15s %-8s %u wait%s %5u ms  ", p->name, p->version ? p->version : "", w->waits,
                     w->waits == 1 ? " " : "s", w->ms);
  term_wrap(t, out, (unsigned)used, (unsigned)used, end);
}

void as_write_programs(const struct term *t, FILE *out) {
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    const struct program *p = &programs[i];
    int used = fprintf(out, "%-15s %-7s %-8s ", p->name, p->server ? "server" : "client",
                       p->version ? p->version : "");
    term_wrap(t, out, (unsigned)used, (unsigned)used, p->notes ? p->notes : "-");
  }
}
