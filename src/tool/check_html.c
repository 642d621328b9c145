/* check_html.c: checked domains as one HTML file that needs nothing else. Exports check_html_new,
 * check_html_add(_silent), check_html_write, check_html_free, check_html_count, check_html_verdict_class. */
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "config.h"
#include "tool/check_html_priv.h"
#include "tool/domain.h"

/* The index stands before the sections and is known after them, so both are kept until the end. */
struct check_html {
  struct htmlw rows, sections;
  char *rows_text, *sections_text;
  size_t rows_len, sections_len;
  unsigned count;
};

struct check_html *check_html_new(void) {
  struct check_html *h = must_zalloc(sizeof *h);
  h->rows.out = open_memstream(&h->rows_text, &h->rows_len);
  h->sections.out = open_memstream(&h->sections_text, &h->sections_len);
  must(h->rows.out && h->sections.out);
  return h;
}

void check_html_free(struct check_html *h) {
  if (!h) return;
  if (h->rows.out) fclose(h->rows.out);
  if (h->sections.out) fclose(h->sections.out);
  free(h->rows_text);
  free(h->sections_text);
  free(h);
}

const char *check_html_verdict_class(enum verdict v) {
  static const char *const classes[] = {
      [VERDICT_YES] = "yes",          [VERDICT_PARTLY] = "part",  [VERDICT_NO] = "no",
      [VERDICT_NOT_OFFERED] = "none", [VERDICT_UNKNOWN] = "none", [VERDICT_UNASKED] = "none"};
  return classes[v];
}

void check_html_count(const struct report *r, struct htmlw *w) {
  static const char *const many[] = {"infos", "notices", "warnings", "errors"};
  unsigned ignored = report_ignored(r), total = 0;
  for (int s = SEVERITY_ERROR; s >= SEVERITY_NOTICE; s--) {
    unsigned n = report_count(r, (enum severity)s);
    if (n == 0) continue;
    htmlw_textf(w, "%s%u %s", total ? ", " : "", n,
                n == 1 ? report_severity_word((enum severity)s) : many[s]);
    total += n;
  }
  if (total == 0) htmlw_text(w, "Nothing to complain of");
  if (ignored) htmlw_textf(w, " (%u ignored)", ignored);
}

/* ---- the index ---- */

static void write_row_head(struct htmlw *w, const char *domain, unsigned number) {
  htmlw_open(w, "tr");
  htmlw_open(w, "th");
  htmlw_attr(w, "scope", "row");
  htmlw_open(w, "a");
  htmlw_attrf(w, "href", "#domain-%u", number);
  htmlw_text(w, domain);
  htmlw_close(w);
  htmlw_close(w);
}

void check_html_add(struct check_html *h, const struct checked *c, const struct check_options *o) {
  char domain[NAME_TEXT];
  struct htmlw *w = &h->rows;
  h->count++;
  write_row_head(w, lookup_host_text(c->facts->domain->domain, domain), h->count);
  for (unsigned side = 0; side < 2; side++) {
    enum verdict v = c->report->verdicts[side];
    htmlw_element(w, "td", check_html_verdict_class(v), check_verdict_text(v));
  }
  htmlw_open(w, "td");
  check_html_count(c->report, w);
  htmlw_close(w);
  htmlw_close(w);
  htmlw_raw(w, "\n");
  check_html_section(c, o, h->count, &h->sections);
}

void check_html_add_silent(struct check_html *h, const char *domain, const char *why) {
  struct htmlw *w = &h->rows;
  h->count++;
  write_row_head(w, domain, h->count);
  htmlw_element(w, "td", "none", "unknown");
  htmlw_element(w, "td", "none", "unknown");
  htmlw_element(w, "td", NULL, why);
  htmlw_close(w);
  htmlw_raw(w, "\n");

  w = &h->sections;
  htmlw_open(w, "section");
  htmlw_attrf(w, "id", "domain-%u", h->count);
  htmlw_element(w, "h2", NULL, domain);
  htmlw_open(w, "p");
  htmlw_textf(w, "Nothing is known of this domain: %s.", why);
  htmlw_close(w);
  htmlw_close(w);
}

/* ---- the page ---- */

static void write_meta(struct htmlw *w, const char *kind, const char *name, const char *content) {
  htmlw_open(w, "meta");
  htmlw_attr(w, kind, name);
  htmlw_attr(w, "content", content);
  htmlw_close(w);
}

static void write_head(struct htmlw *w) {
  htmlw_open(w, "head");
  htmlw_open(w, "meta");
  htmlw_attr(w, "charset", "utf-8");
  htmlw_close(w);

  /* Nothing is loaded and nothing runs, even if something that should be text were markup. */
  write_meta(w, "http-equiv", "Content-Security-Policy",
             "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
  write_meta(w, "name", "viewport", "width=device-width, initial-scale=1");
  write_meta(w, "name", "referrer", "no-referrer");
  write_meta(w, "name", "generator", "jidns " PACKAGE_VERSION);
  htmlw_element(w, "title", NULL, "XMPP DNS report");
  htmlw_open(w, "style");
  htmlw_raw(w, check_html_style);
  htmlw_close(w);
  htmlw_close(w);
}

static void write_index(const struct check_html *h, struct htmlw *w) {
  static const struct table_column heads[] = {
      {"Domain", NULL}, {"Clients", NULL}, {"Servers", NULL}, {"Findings", NULL}};
  htmlw_open(w, "nav");
  htmlw_attr(w, "aria-label", "Domains");
  htmlw_open(w, "table");
  check_html_table_head(w, heads, sizeof heads / sizeof *heads);
  htmlw_open(w, "tbody");
  htmlw_raw(w, h->rows_text);
  htmlw_close(w);
  htmlw_close(w);
  htmlw_close(w);
}

static void write_body(const struct check_html *h, struct htmlw *w) {
  char now[64];
  time_t t = time(NULL);
  struct tm utc;

  strftime(now, sizeof now, "%Y-%m-%d %H:%M UTC", gmtime_r(&t, &utc));

  htmlw_open(w, "body");
  htmlw_open(w, "header");
  htmlw_element(w, "h1", NULL, "Can XMPP programs find the way?");
  htmlw_open_class(w, "p", "dim");
  htmlw_textf(w, "What the DNS says of %u %s, judged by jidns " PACKAGE_VERSION ", %s", h->count,
              h->count == 1 ? "domain" : "domains", now);
  htmlw_close(w);
  if (h->count > 1) write_index(h, w);
  htmlw_close(w);

  htmlw_open(w, "main");
  htmlw_raw(w, h->sections_text);
  htmlw_close(w);
  htmlw_open(w, "footer");
  htmlw_element(
      w, "p", NULL,
      "jidns check --explain CODE says more of a finding. Lines to enter are written for a zone file; "
      "the TTL of 3600 is a proposal.");
  htmlw_close(w);
  htmlw_close(w);
}

bool check_html_write(struct check_html *h, FILE *out) {
  struct htmlw w = {.out = out};
  if (fflush(h->rows.out) != 0 || fflush(h->sections.out) != 0) return false;
  fputs("<!DOCTYPE html>\n", out);
  htmlw_open(&w, "html");
  htmlw_attr(&w, "lang", "en");
  write_head(&w);
  write_body(h, &w);
  htmlw_close(&w);
  fputc('\n', out);
  return !ferror(out);
}
