/* lookup_dane_text.c: what `jidns lookup --dane` says to people. Exports lookup_dane_show. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "tool/lookup_dane.h"
#include "tool/plan.h"
#include "tool/programs.h"

enum { END_INDENT = 2, LINE_INDENT = 6, WRAP_INDENT = 8, DIGITS_SHOWN = 16 /* of a digest */ };

struct page {
  const struct lookup_dane *dane;
  const struct term *term;
  FILE *out;
};

/* A sentence put together piece by piece, then broken at the terminal's edge. */
struct sentence {
  FILE *out;
  char *text;
  size_t len;
};

static FILE *begin(struct sentence *s) {
  s->out = open_memstream(&s->text, &s->len);
  must(s->out);
  return s->out;
}

static void end_line(const struct page *p, struct sentence *s, unsigned indent, unsigned wrap_indent) {
  must(fclose(s->out) == 0);
  fprintf(p->out, "%*s", (int)indent, "");
  term_wrap(p->term, p->out, indent, wrap_indent, s->text);
  free(s->text);
}

/* ---- one endpoint ---- */

static const char *place(const struct lookup_end *e, char text[NAME_TEXT + 16]) {
  char name[NAME_TEXT];
  snprintf(text, NAME_TEXT + 16, "%s port %u", lookup_host_text(e->host, name), e->port);
  return text;
}

static void write_heading(const struct page *p, const struct lookup_end *e) {
  struct sentence s;
  char text[NAME_TEXT + 16];
  fprintf(begin(&s), "%s: %s (%s), %s", e->side == LOOKUP_C2S ? "c2s" : "s2s", place(e, text),
          plan_tls(e->direct_tls), e->service ? e->service->kind->labels : "the domain itself");
  end_line(p, &s, END_INDENT, LINE_INDENT);
}

static void write_verdict(const struct page *p, const struct lookup_end *e) {
  static const struct {
    enum term_style style;
    const char *word, *rest;
  } uses[] = {
      [DANE_VERIFY] = {STYLE_GOOD, "DANE", ": the certificate must fit a TLSA record"},
      [DANE_PLAIN] = {STYLE_WARN, "no DANE", ", an authority has to vouch: "},
      [DANE_AVOID] = {STYLE_BAD, "must not connect", ", says DANE: "},
  };
  const struct dane_verdict *v = &e->verdict;
  const char *state = v->use == DANE_VERIFY ? "" : dane_state_text(v->state);
  fprintf(p->out, "%*s", LINE_INDENT, "");
  term_put(p->term, p->out, uses[v->use].style, uses[v->use].word);
  term_wrapf(p->term, p->out, LINE_INDENT + (unsigned)strlen(uses[v->use].word), WRAP_INDENT, "%s%s",
             uses[v->use].rest, state);
}

static const char *family_text(const struct dane_answer *a) {
  bool none = a->records == 0 && (a->proof == DANE_SECURE || a->proof == DANE_INSECURE);
  return none ? "none" : lookup_dane_proof_text(a->proof);
}

static void write_proofs(const struct page *p, const struct lookup_end *e) {
  struct sentence s;
  const struct dane_endpoint *seen = &e->seen;
  fprintf(begin(&s), "SRV %s, A %s, AAAA %s, TLSA %s", lookup_dane_proof_text(seen->srv.proof),
          family_text(&seen->addresses[0]), family_text(&seen->addresses[1]),
          lookup_dane_proof_text(seen->tlsa.proof));
  end_line(p, &s, LINE_INDENT, WRAP_INDENT);
}

/* "TLSA 3 1 1 0123456789abcdef...: its usage is above 3" */
static void write_record(const struct page *p, const struct dane_rdata *r) {
  struct sentence s;
  FILE *out = begin(&s);
  enum dane_flaw flaw = dane_flaw_of(r->octets, r->len);
  fputs("TLSA", out);
  for (size_t i = 0; i < 3 && i < r->len; i++) fprintf(out, " %u", r->octets[i]);
  if (r->len > 3) fputc(' ', out);
  for (size_t i = 3; i < r->len && i < 3 + DIGITS_SHOWN / 2; i++) fprintf(out, "%02x", r->octets[i]);
  if (r->len > 3 + DIGITS_SHOWN / 2) fputs("...", out);
  if (flaw != DANE_FLAWLESS) fprintf(out, ": of no use, %s", dane_flaw_text(flaw));
  end_line(p, &s, LINE_INDENT, WRAP_INDENT);
}

static void write_names(const struct page *p, const struct lookup_end *e) {
  const struct dane_verdict *v = &e->verdict;
  struct sentence s;
  char text[NAME_TEXT + 16];
  if (v->use == DANE_AVOID) return;
  FILE *out = begin(&s);
  if (!v->names_matter) fputs("names in the certificate do not matter: the key is enough (usage 3)", out);
  else fputs("it must name one of: ", out);
  for (unsigned i = 0; i < v->name_count; i++) {
    fprintf(out, "%s%s%s", i ? ", " : "", lookup_dane_name_text(e, &v->names[i], text),
            v->names[i].kind == DANE_SRV_ID ? " (SRV-ID)" : "");
  }
  end_line(p, &s, LINE_INDENT, WRAP_INDENT);
}

static void write_end(const struct page *p, const struct lookup_end *e) {
  write_heading(p, e);
  write_verdict(p, e);
  write_proofs(p, e);
  for (unsigned i = 0; i < e->seen.tlsa.records; i++) write_record(p, &e->records[i]);
  write_names(p, e);
}

/* ---- programs ---- */

static bool is_one(const struct program *p, enum lookup_side side, bool dane) {
  return p->server == (side == LOOKUP_S2S) && !(p->traits & PROGRAM_TLSA) != dane;
}

static bool has_program(enum lookup_side side, bool dane) {
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    if (is_one(&programs[i], side, dane)) return true;
  }
  return false;
}

/* "c2s, conversations, smack" */
static void put_programs(FILE *out, enum lookup_side side, bool dane) {
  fputs(side == LOOKUP_C2S ? "c2s" : "s2s", out);
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    if (is_one(&programs[i], side, dane)) fprintf(out, ", %s", programs[i].name);
  }
}

static bool has_use(const struct lookup_dane *d, enum lookup_side side, enum dane_use use) {
  for (size_t i = 0; i < d->end_count; i++) {
    if (d->ends[i].side == side && d->ends[i].verdict.use == use) return true;
  }
  return false;
}

static void put_places(const struct lookup_dane *d, enum lookup_side side, enum dane_use use, FILE *out) {
  char text[NAME_TEXT + 16];
  bool first = true;
  for (size_t i = 0; i < d->end_count; i++) {
    const struct lookup_end *e = &d->ends[i];
    if (e->side != side || e->verdict.use != use) continue;
    fprintf(out, "%s%s", first ? "" : ", ", place(e, text));
    first = false;
  }
}

/* "s2s, prosody-dane: verifies by TLSA at x.d.lab port 5269; goes as without DANE to ..." */
static void write_those_with(const struct page *p, enum lookup_side side) {
  static const char *const uses[] = {[DANE_VERIFY] = "verifies by TLSA at ",
                                     [DANE_PLAIN] = "goes as without DANE to ",
                                     [DANE_AVOID] = "should not go to "};
  struct sentence s;
  FILE *out = begin(&s);
  const char *between = ": ";
  put_programs(out, side, true);
  for (unsigned u = 0; u <= DANE_AVOID; u++) {
    if (!has_use(p->dane, side, (enum dane_use)u)) continue;
    fprintf(out, "%s%s", between, uses[u]);
    put_places(p->dane, side, (enum dane_use)u, out);
    between = "; ";
  }
  end_line(p, &s, END_INDENT, LINE_INDENT);
}

static void write_those_without(const struct page *p, enum lookup_side side) {
  struct sentence s;
  FILE *out = begin(&s);
  put_programs(out, side, false);
  fprintf(out, ": no DANE; an authority%s has to vouch", side == LOOKUP_S2S ? " or dialback" : "");
  end_line(p, &s, END_INDENT, LINE_INDENT);
}

static void write_programs(const struct page *p) {
  static const enum lookup_side sides[] = {LOOKUP_C2S, LOOKUP_S2S};
  fputc('\n', p->out);
  term_put(p->term, p->out, STYLE_HEAD, "What programs make of DANE");
  fputc('\n', p->out);
  for (unsigned i = 0; i < 2; i++) {
    if (!(p->dane->lookup->sides & sides[i])) continue;
    if (p->dane->end_count > 0 && has_program(sides[i], true)) write_those_with(p, sides[i]);
    if (has_program(sides[i], false)) write_those_without(p, sides[i]);
  }
}

void lookup_dane_show(const struct lookup_dane *d, const struct term *t, FILE *out) {
  const struct page p = {.dane = d, .term = t, .out = out};
  fputc('\n', out);
  term_put(t, out, STYLE_HEAD, "DANE");
  fputc('\n', out);
  if (lookup_dane_is_unvalidated(d)) {
    fputs("  ", out);
    term_wrap(t, out, 2, 4,
              "The server calls nothing secure, not even the root: it does not validate DNSSEC, or does not "
              "say so. Ask one that does: a validating resolver, or a jidnsd with --trust-ad on in front of "
              "one.");
  }
  for (size_t i = 0; i < d->end_count; i++) write_end(&p, &d->ends[i]);
  if (d->end_count == 0) fputs("  There is no endpoint to look at.\n", out);
  if (d->too_many)
    fprintf(out, "  There are more endpoints than %d; they were not looked at.\n", LOOKUP_ENDS_MAX);
  write_programs(&p);
}
