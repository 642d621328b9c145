/* ctl_top_xmpp.c: the XMPP domains lately contacted, as text. Exports ctl_top_xmpp_write. */
#include <stdlib.h>
#include <string.h>

#include "tool/ctl_show.h"
#include "tool/ctl_top_priv.h"
#include "tool/show_json_priv.h"
#include "tool/table.h"

enum { DOMAINS_SHOWN = 50, NAME_ROOM = 1024 };

static double number_of(const json_t *o, const char *key) {
  return json_number_value(json_object_get(o, key));
}

/* A name as people write it: without the final dot. */
static const char *name_of(const json_t *o, const char *key, char text[NAME_ROOM]) {
  snprintf(text, NAME_ROOM, "%s", text_of(o, key));
  size_t n = strlen(text);
  if (n > 1 && text[n - 1] == '.') text[n - 1] = 0;
  return text;
}

/* "xmpp.example.org:5269 (_xmpp-server, priority 5)" */
static void put_way(const json_t *way, FILE *out) {
  const char *by = text_of(way, "by");
  char target[NAME_ROOM];
  if (strcmp(by, "srv") == 0)
    fprintf(out, "%s:%.0f (%s, priority %.0f)", name_of(way, "target", target), number_of(way, "port"),
            text_of(way, "service"), number_of(way, "priority"));
  else if (strcmp(by, "addresses") == 0)
    fprintf(out, "its own addresses, port %.0f (no SRV)", number_of(way, "port"));
  else fputs(strcmp(by, "none") == 0 ? "no such service" : "not known", out);
  if (json_is_true(json_object_get(way, "stale"))) fputs(", expired", out);
}

/* Below a domain's row: where it is for servers and for clients. */
static void note_ways(const json_t *domain, FILE *out) {
  const json_t *way;
  size_t i;
  json_array_foreach(json_object_get(domain, "ways"), i, way) {
    fprintf(out, "%s%s: ", i ? "; " : "", text_of(way, "role"));
    put_way(way, out);
  }
}

/* Is the walk's failure to be shown? The later one is; of one time the service's, which says more, unless the
 * walk failed for another reason than an answer. A walk ends some seconds after what it failed by. */
static bool is_walk_the_last(const json_t *walk, const json_t *service) {
  enum { WALK_S = 15 };
  if (!walk || !service) return walk != NULL;
  double later_s = number_of(service, "ago_s") - number_of(walk, "ago_s");
  return later_s > WALK_S || (later_s >= 0 && strcmp(text_of(walk, "outcome"), "failed") != 0);
}

static void note_failure(const json_t *domain, FILE *out) {
  const json_t *contact = json_object_get(domain, "contact"), *walk = json_object_get(contact, "failure"),
               *service = json_object_get(domain, "failure");
  bool of_walk = is_walk_the_last(walk, service);
  const json_t *failure = of_walk ? walk : service;
  char ago[CTL_DURATION], name[NAME_ROOM];
  if (!failure) return;
  fprintf(out, "; last failure: %s: %s, %s ago", text_of(failure, of_walk ? "role" : "service"),
          text_of(failure, "text"), ctl_show_duration((long long)number_of(failure, "ago_s"), ago));
  if (name_text_is_plain(name_of(domain, "domain", name))) fprintf(out, "; try: jidns check %s", name);
}

static void add_note(struct table *t, const json_t *domain) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  if (!out) return;
  note_ways(domain, out);
  note_failure(domain, out);
  fclose(out);
  if (text && *text) table_note(t, "%s", *text == ';' ? text + 2 : text);
  free(text);
}

/* "REACHED", "first address after", ... of a domain that somebody has walked to. */
static void add_walks(struct table *t, const json_t *contact) {
  double walks = number_of(contact, "walks"), reached = number_of(contact, "reached"),
         answers = number_of(contact, "answers");
  char ago[CTL_DURATION];
  table_cell(t, 1, "%s", ctl_show_duration((long long)number_of(contact, "ago_s"), ago));
  table_cell(t, 2, "%.0f of %.0f", reached, walks);
  if (reached < walks) table_style(t, 2, STYLE_WARN);
  if (reached > 0) table_cell(t, 3, "%.0f ms", number_of(contact, "first_address_ms"));
  table_cell(t, 4, "%.0f of %.0f", answers - number_of(contact, "waited"), answers);
  table_cell(t, 5, "%.0f", number_of(contact, "saved"));
}

static void add_domain(struct table *t, const json_t *one) {
  const json_t *contact = json_object_get(one, "contact");
  double stale = number_of(one, "stale"), failed = number_of(one, "failed");
  char name[NAME_ROOM];
  table_row(t);
  table_cell(t, 0, "%s", name_of(one, "domain", name));
  if (contact) {
    add_walks(t, contact);
    if (number_of(contact, "stale") > stale) stale = number_of(contact, "stale");
  } else {
    for (unsigned i = 1; i < 6; i++) table_cell(t, i, "-");
  }
  table_cell(t, 6, "%.0f", stale);
  if (stale > 0) table_style(t, 6, STYLE_WARN);
  table_cell(t, 7, "%.0f", failed);
  if (failed > 0) table_style(t, 7, STYLE_BAD);
  add_note(t, one);
}

static void write_head(const json_t *told, const struct term *term, FILE *out) {
  char up[CTL_DURATION];
  term_wrapf(term, out, 0, 2, "jidnsd %s, process %.0f, up %s", text_of(told, "version"),
             number_of(told, "pid"), ctl_show_duration((long long)(number_of(told, "uptime_ms") / 1000), up));
  fputc('\n', out);
}

void ctl_top_xmpp_write(const json_t *told, const struct term *term, FILE *out) {
  static const char *const names[] = {"XMPP DOMAIN", "AGO",   "REACHED", "FIRST ADDRESS",
                                      "NO WAIT",     "AHEAD", "STALE",   "FAILED"};
  const json_t *list = json_object_get(told, "domains"), *one;
  struct table t = {0};
  size_t n = json_array_size(list), i;
  write_head(told, term, out);
  if (n == 0) {
    fputs("no XMPP domain was asked for yet\n", out);
    return;
  }

  table_head(&t, names, sizeof names / sizeof *names);
  json_array_foreach(list, i, one) {
    if (i < DOMAINS_SHOWN) add_domain(&t, one);
  }
  table_write(&t, term, out);
  table_free(&t);
  if (n > DOMAINS_SHOWN) fprintf(out, "and %zu more domains; --json has them\n", n - DOMAINS_SHOWN);
  term_wrapf(term, out, 0, 2, "jidns check DOMAIN says what is wrong with one");
  fputc('\n', out);
}
