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

static bool has_address(const struct lookup_end *e) {
  return e->verdict.state != DANE_NO_ADDRESS && e->verdict.state != DANE_ADDRESSES_FAILED;
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
  if (!has_address(e)) {
    fprintf(p->out, "%*s", LINE_INDENT, "");
    term_wrapf(p->term, p->out, LINE_INDENT, WRAP_INDENT, "no way there: %s", dane_state_text(v->state));
    return;
  }
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
          e->verdict.state == DANE_NO_TLSA ? "none" : lookup_dane_proof_text(seen->tlsa.proof));
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

/* What one of them does at an endpoint. */
enum way { WAY_VERIFIES, WAY_PLAIN, WAY_DESPITE, WAY_NONE, WAYS };

static enum way way_of(const struct program *p, const struct lookup_end *e) {
  if (e->verdict.use == DANE_VERIFY) return WAY_VERIFIES;
  if (e->verdict.use == DANE_PLAIN) return WAY_PLAIN;
  return has_address(e) && p->traits & PROGRAM_SOFT_DANE ? WAY_DESPITE : WAY_NONE;
}

/* Puts `words` and the endpoints that it goes to this way; false: there are none. */
static bool put_places(const struct lookup_dane *d, const struct program *program, enum way way,
                       const char *between, const char *words, FILE *out) {
  enum lookup_side side = program->server ? LOOKUP_S2S : LOOKUP_C2S;
  char text[NAME_TEXT + 16];
  bool any = false;
  for (size_t i = 0; i < d->end_count; i++) {
    const struct lookup_end *e = &d->ends[i];
    if (e->side != side || way_of(program, e) != way) continue;
    if (any) fprintf(out, ", %s", place(e, text));
    else fprintf(out, "%s%s%s", between, words, place(e, text));
    any = true;
  }
  return any;
}

/* "s2s, prosody-dane: verifies by TLSA at x.d.lab port 5269; goes as without DANE to ..." */
static void write_one_with(const struct page *p, const struct program *program) {
  static const char *const words[WAYS] = {
      [WAY_VERIFIES] = "verifies by TLSA at ",
      [WAY_PLAIN] = "goes as without DANE to ",
      [WAY_DESPITE] = "goes as without DANE, though it should not, to ",
      [WAY_NONE] = "does not go to ",
  };
  struct sentence s;
  FILE *out = begin(&s);
  const char *between = ": ";
  fprintf(out, "%s, %s", program->server ? "s2s" : "c2s", program->name);
  for (unsigned w = 0; w < WAYS; w++) {
    if (put_places(p->dane, program, (enum way)w, between, words[w], out)) between = "; ";
  }
  end_line(p, &s, END_INDENT, LINE_INDENT);
}

static bool has_end(const struct lookup_dane *d, enum lookup_side side) {
  for (size_t i = 0; i < d->end_count; i++) {
    if (d->ends[i].side == side) return true;
  }
  return false;
}

static void write_those_with(const struct page *p, enum lookup_side side) {
  if (!has_end(p->dane, side)) return;
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    if (is_one(&programs[i], side, true)) write_one_with(p, &programs[i]);
  }
}

static void write_those_without(const struct page *p, enum lookup_side side) {
  struct sentence s;
  FILE *out = begin(&s);
  fputs(side == LOOKUP_C2S ? "c2s" : "s2s", out);
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    if (is_one(&programs[i], side, false)) fprintf(out, ", %s", programs[i].name);
  }
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
    write_those_with(p, sides[i]);
    write_those_without(p, sides[i]);
  }
}

void lookup_dane_show(const struct lookup_dane *d, const struct term *t, FILE *out) {
  const struct page p = {.dane = d, .term = t, .out = out};
  fputc('\n', out);
  term_put(t, out, STYLE_HEAD, "DANE");
  fputc('\n', out);
  if (lookup_dane_is_unvalidated(d)) {
    fputs("  ", out);
    term_wrap(
        t, out, 2, 4,
        "The server calls nothing secure, not even the root: it does not validate DNSSEC, or does not "
        "say so. Ask one that does: a validating resolver, a jidnsd with --dnssec validate, or one with "
        "--trust-ad on in front of a validating resolver.");
  }
  for (size_t i = 0; i < d->end_count; i++) write_end(&p, &d->ends[i]);
  if (d->end_count == 0) fputs("  There is no endpoint to look at.\n", out);
  if (d->too_many)
    fprintf(out, "  There are more endpoints than %d; they were not looked at.\n", LOOKUP_ENDS_MAX);
  write_programs(&p);
}
