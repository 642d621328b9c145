/* check.c: fuzz target: what the DNS answers to jidns check and jidns lookup --dane. Whatever comes, the
 * report ends, is the same in each form, and shows nothing that a terminal obeys or a browser takes for
 * markup.
 *
 * Input: an octet of how, then for each question in turn an octet that tells its outcome and, for an answer,
 * one of RCODE, one for how many records, two of length, and all that follows the question. */
#include <stdlib.h>

#include "fuzz/fuzz.h"
#include "tool/check.h"
#include "tool/programs.h"
#include "tool/show.h"

enum { HOW_C2S = 1, HOW_S2S = 2, HOW_OFFLINE = 4, HOW_COMPONENT = 8, HOW_VERBOSE = 16, HOW_DANE = 32 };
enum {
  OUTCOME_NONE = 1,
  OUTCOME_LEFT_OUT = 2,
  OUTCOME_TC = 4,
  OUTCOME_AD = 8,
  OUTCOME_AA = 16,
  OUTCOME_SLOW = 32
};

enum { WORD_LONG = 40 /* an address in brackets is shorter */ };

static const char domain[] = "d.chat.";

/* The question's own octets as they were asked, then what the input has. */
static void make_answer(struct asked *a, struct wire *in, uint8_t outcome) {
  uint8_t rcode = feed_u8(in) & 15, count = feed_u8(in);
  size_t len, room = feed_u16(in);
  const uint8_t *rest = feed_octets(in, room, &len);
  size_t question_end = DNS_HEADER + a->name_len + 4u;

  a->len = question_end + len;
  a->msg = must_zalloc(a->len);
  a->msg[2] = DNS_QR | (outcome & OUTCOME_TC ? DNS_TC : 0) | (outcome & OUTCOME_AA ? DNS_AA : 0);
  a->msg[3] = (uint8_t)(rcode | (outcome & OUTCOME_AD ? DNS_AD : 0));
  a->msg[5] = 1;
  a->msg[7] = count;
  a->msg[9] = count / 2; /* some of them may be in the sections behind */
  memcpy(a->msg + DNS_HEADER, a->name, a->name_len);
  a->msg[question_end - 3] = (uint8_t)a->type;
  a->msg[question_end - 1] = CLASS_IN;
  memcpy(a->msg + question_end, rest, len);
  a->outcome = ASKED_ANSWERED;
}

static void answer_all(void *context, struct asked *const *list, size_t n) {
  struct wire *in = context;
  for (size_t i = 0; i < n; i++) {
    uint8_t outcome = feed_u8(in);
    list[i]->took_us = outcome & OUTCOME_SLOW ? 2000000 : 3000;
    list[i]->outcome = outcome & OUTCOME_LEFT_OUT ? ASKED_LEFT_OUT : ASKED_TIMEOUT;
    if (!(outcome & (OUTCOME_NONE | OUTCOME_LEFT_OUT))) make_answer(list[i], in, outcome);
  }
}

/* ---- what is shown ---- */

struct shown {
  char *text;
  size_t len;
  FILE *out;
};

static FILE *shown_open(struct shown *s) {
  *s = (struct shown){.text = NULL};
  s->out = open_memstream(&s->text, &s->len);
  must(s->out);
  return s->out;
}

/* Lines of printable ASCII, at most `width` columns if that is not 0 and no word is a long name. */
static void shown_close(struct shown *s, size_t width) {
  size_t column = 0, word = 0, longest = 0;
  fclose(s->out);
  for (size_t i = 0; i < s->len; i++) {
    unsigned char c = (unsigned char)s->text[i];
    must(c == '\n' || c == '\t' || (c >= ' ' && c <= '~'));
    if (c == '\n') {
      must(width == 0 || column <= width || longest > WORD_LONG);
      column = word = longest = 0;
      continue;
    }
    column++;
    word = c == ' ' ? 0 : word + 1;
    if (word > longest) longest = word;
  }
  free(s->text);
}

static void check_html(const struct checked *c, const struct check_options *o) {
  struct check_html *h = check_html_new();
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  must(h && out);
  check_html_add(h, c, o);
  check_html_add_silent(h, "d.chat", "no answer");
  must(check_html_write(h, out));
  fclose(out);
  for (size_t i = 0; i < len; i++) must(text[i] == '\n' || (unsigned char)text[i] >= ' ');
  must(!strstr(text, "<script>") && !strstr(text, "<img") && !strstr(text, "\xe2\x80\xae"));
  check_html_free(h);
  free(text);
}

static void show(const struct checked *c, const struct check_options *o) {
  struct shown s;
  check_write_text(c, o, shown_open(&s));
  shown_close(&s, TERM_WIDTH);
  check_write_summary(c, shown_open(&s));
  shown_close(&s, 0);
  check_write_tsv(c, shown_open(&s));
  shown_close(&s, 0);
  check_write_nagios(c, 1, shown_open(&s));
  shown_close(&s, 0);
  check_write_fix(c->report, CHECK_FIX_NSUPDATE, shown_open(&s));
  shown_close(&s, 0);
  if (check_has_json()) {
    must(check_write_json(c, o, true, shown_open(&s)));
    shown_close(&s, 0);
  }
  check_html(c, o);
}

/* A program's own way through answers of the same kind. */
static void walk(struct wire *in, const uint8_t *name, size_t len) {
  struct walker w;
  unsigned batches = 0;
  walker_start(&w, &programs[feed_u8(in) % PROGRAM_COUNT], name, len);
  while (walker_next(&w)) {
    must(w.count > 0 && ++batches < 100);
    for (unsigned i = 0; i < w.count; i++) {
      struct asked a = {.name_len = 0}, *one = &a;
      ask_make(&a, w.questions[i].name, w.questions[i].name_len, w.questions[i].type);
      answer_all(in, &one, 1);
      walker_take(&w, &w.questions[i], a.outcome == ASKED_ANSWERED ? a.msg : NULL, a.len);
      asked_free(&a);
    }
  }
  must(w.end_count <= WALKER_ENDS);
}

/* TLSA records, and what is said of them. */
static void look_for_dane(struct wire *in, struct lookup *l) {
  struct lookup_dane *d = lookup_dane_new(l, answer_all, in);
  struct findings *f = findings_new(l);
  struct ask_options o = {.dnssec = true};
  struct shown s;

  must(f && d->end_count <= LOOKUP_ENDS_MAX && addr_parse("192.0.2.1", ASK_PORT, &o.server));
  f->dane = d;
  for (size_t i = 0; i < d->end_count; i++) {
    const struct lookup_end *e = &d->ends[i];
    must(e->verdict.use != DANE_VERIFY || (lookup_is_secure(e->tlsa) && e->seen.tlsa.records > 0));
  }
  lookup_dane_show(d, NULL, shown_open(&s));
  shown_close(&s, 80);
  if (show_has_json()) {
    must(show_lookup_json(f, &o, shown_open(&s)));
    shown_close(&s, 0);
  }
  findings_free(f);
  lookup_dane_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const components[] = {"rooms"};
  struct wire in = feed(data, size);
  uint8_t how = feed_u8(&in);
  struct typed_domain typed = {.len = 0};
  struct check_options options = {.verbose = how & HOW_VERBOSE};
  enum lookup_side sides = how & LOOKUP_BOTH ? how & LOOKUP_BOTH : LOOKUP_BOTH;

  must(domain_read_jid(domain, &typed) == NULL);
  struct facts *facts = facts_new(&typed, sides, components, how & HOW_COMPONENT ? 1 : 0);
  facts->offline = how & HOW_OFFLINE;
  facts_run(facts, answer_all, &in);

  struct checked checked = {.facts = facts, .report = report_new(facts)};
  must(addr_parse("192.0.2.1", ASK_PORT, &checked.server));
  show(&checked, &options);
  walk(&in, typed.name, typed.len);
  if (how & HOW_DANE) look_for_dane(&in, facts->domain);
  report_free(checked.report);
  facts_free(facts);
  return 0;
}
