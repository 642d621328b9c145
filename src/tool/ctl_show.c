/* ctl_show.c: a daemon's answers for people, through jansson. Exports ctl_show, ctl_show_dump_json,
 * ctl_show_error and, to the module, ctl_show_server, ctl_show_duration. */
#include "tool/ctl_show.h"

#include <stdlib.h>
#include <string.h>

#include "tool/domain.h"
#include "tool/reply.h"
#include "tool/show_json_priv.h"
#include "tool/table.h"

/* ---- members; 0 for what is missing ---- */

static long long number_of(const json_t *o, const char *key) {
  return json_integer_value(json_object_get(o, key));
}
static bool is_set(const json_t *o, const char *key) { return json_is_true(json_object_get(o, key)); }

/* ---- status ---- */

static const char *state_of(const json_t *server) {
  const char *state = text_of(server, "state");
  return *state ? state : is_set(server, "up") ? "up" : "down";
}

/* "3 d 4 h", "12 min 3 s": the two largest units. */
const char *ctl_show_duration(long long s, char text[CTL_DURATION]) {
  static const struct {
    long long s;
    const char *name;
  } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  size_t i = 0;
  while (i < 3 && s < units[i].s) i++;
  size_t n = (size_t)snprintf(text, CTL_DURATION, "%lld %s", s / units[i].s, units[i].name);
  if (i < 3)
    snprintf(text + n, CTL_DURATION - n, " %lld %s", s % units[i].s / units[i + 1].s, units[i + 1].name);
  return text;
}

static void row(struct table *t, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void row(struct table *t, const char *what, const char *format, ...) {
  char text[1000];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  table_row(t);
  table_cell(t, 0, "%s", what);
  table_cell(t, 1, "%s", text);
}

/* A fleet's engine: where, and why not. */
static void fleet_rows(struct table *t, const json_t *fleet) {
  const char *why = text_of(fleet, "why"), *writes = text_of(fleet, "writes_refused");
  if (!json_is_object(fleet)) return;
  row(t, "fleet", "%s %s%s%s, namespace %s, %s", text_of(fleet, "server"), text_of(fleet, "state"),
      *why ? ": " : "", why, text_of(fleet, "namespace"), text_of(fleet, "role"));
  if (*writes) row(t, "", "it takes no answers: %s", writes);
}

static void status_rows(struct table *t, const json_t *o) {
  char since[CTL_DURATION];
  const json_t *cache = json_object_get(o, "cache"), *reload = json_object_get(o, "reload"),
               *tap = json_object_get(o, "dnstap"), *dnssec = json_object_get(o, "dnssec"), *one;
  size_t i;

  row(t, "version", "%s", text_of(o, "version"));
  row(t, "pid", "%lld", number_of(o, "pid"));
  row(t, "running for", "%s", ctl_show_duration(number_of(o, "uptime_s"), since));
  row(t, "threads", "%lld", number_of(o, "threads"));
  json_array_foreach(json_object_get(o, "listen"), i, one)
      row(t, i ? "" : "listening on", "%s", json_string_value(one));
  json_array_foreach(json_object_get(o, "upstreams"), i, one) {
    const char *domain = text_of(one, "for");
    row(t, i ? "" : "upstream", "%s %s%s%s", text_of(one, "address"), state_of(one), *domain ? ", for " : "",
        domain);
  }

  fleet_rows(t, json_object_get(o, "fleet"));
  row(t, "questions in flight", "%lld", number_of(o, "in_flight"));
  row(t, "cache", "%lld answers, %.1f of %.0f MiB", number_of(cache, "answers"),
      (double)number_of(cache, "octets") / (1 << 20), (double)number_of(cache, "limit") / (1 << 20));
  if (json_is_object(dnssec)) {
    row(t, "DNSSEC", "%s%s", text_of(dnssec, "mode"),
        is_set(dnssec, "clock") ? "" : "; the clock is wrong: signatures' dates are not judged");
  }
  row(t, "log level", "%s", text_of(o, "log_level"));
  if (json_is_object(tap)) {
    row(t, "dnstap", "%s %s: %lld messages written, %lld dropped",
        is_set(tap, "connected") ? "connected to" : "no collector at", text_of(tap, "socket"),
        number_of(tap, "written"), number_of(tap, "dropped"));
  }
  row(t, "settings file", "%s", *text_of(o, "settings_file") ? text_of(o, "settings_file") : "none");
  if (json_is_object(reload)) {
    row(t, "last reload", "%s, %s ago",
        is_set(reload, "good") ? "good" : "failed: the settings before it are in force",
        ctl_show_duration(number_of(reload, "ago_s"), since));
  } else {
    row(t, "last reload", "none");
  }
}

static void show_status(const json_t *o, const struct term *term, FILE *out) {
  struct table t = {.wraps = true};
  status_rows(&t, o);
  table_write(&t, term, out);
  table_free(&t);
}

/* ---- stats, upstreams ---- */

static void show_stats(const json_t *o, const struct term *term, FILE *out) {
  struct table t = {.wraps = true};
  const json_t *help = json_object_get(o, "help"), *workers = json_object_get(o, "workers"), *worker;
  const char *name;
  json_t *value;
  size_t i;

  json_object_foreach(json_object_get(o, "counters"), name, value) {
    unsigned column = 0;
    table_row(&t);
    table_cell(&t, column++, "%s", name);
    table_cell(&t, column++, "%lld", (long long)json_integer_value(value));
    json_array_foreach(workers, i, worker) {
      if (column < TABLE_COLUMNS - 1) table_cell(&t, column++, "%lld", number_of(worker, name));
    }
    table_cell(&t, column, "%s", text_of(help, name));
  }

  table_write(&t, term, out);
  table_free(&t);
}

static enum term_style style_of(const char *state) {
  return strcmp(state, "up") == 0 ? STYLE_GOOD : strcmp(state, "down") == 0 ? STYLE_BAD : STYLE_PLAIN;
}

void ctl_show_server(struct table *t, const json_t *server) {
  const json_t *srtt = json_object_get(server, "srtt_ms");
  table_cell(t, 0, "%s", text_of(server, "address"));
  table_cell(t, 1, "%s", state_of(server));
  table_style(t, 1, style_of(state_of(server)));
  table_cell(t, 2, json_is_number(srtt) ? "%.1f" : "-", json_number_value(srtt));
}

/* What it is spared since it was found not to bear it, and for how long. */
static void show_remembered(const json_t *server, const struct term *term, FILE *out) {
  char text[CTL_DURATION];
  const json_t *one;
  size_t i;
  json_array_foreach(json_object_get(server, "remembered"), i, one) {
    long long retry_s = number_of(one, "retry_s");
    term_wrapf(term, out, 0, 2, "%s %s; it is tried again %s%s", text_of(server, "address"),
               text_of(one, "text"), retry_s ? "in " : "with the next question",
               retry_s ? ctl_show_duration(retry_s, text) : "");
  }
}

/* Of a plain server's encrypted way: what questions gain by it. */
static void show_way(struct table *t, const json_t *way) {
  if (way && !is_set(way, "used"))
    table_note(t, "the way over %s is not used: asked in plain", text_of(way, "transport"));
  else if (is_set(way, "unproven"))
    table_note(t, "nobody has proven who answers there: only those who listen are kept out");
}

/* Encrypted servers, in a table of their own where there are some. */
static void show_encrypted(const json_t *servers, const struct term *term, FILE *out) {
  static const char *const names[] = {"SERVER",  "OVER",        "VERSION",     "HANDSHAKES",
                                      "RESUMED", "VALID UNTIL", "LAST FAILURE"};
  struct table t = {0};
  const json_t *one;
  size_t i;
  bool any = false;

  table_head(&t, names, sizeof names / sizeof *names);
  json_array_foreach(servers, i, one) {
    const json_t *tls = json_object_get(one, "tls");
    if (!tls) continue;
    any = true;
    const char *version = text_of(tls, "version"), *until = text_of(tls, "certificate_until"),
               *failure = text_of(tls, "failure_text");
    table_row(&t);
    table_cell(&t, 0, "%s", text_of(one, "address"));
    const json_t *way = json_object_get(one, "discovered");
    table_cell(&t, 1, "%s%s", text_of(way ? way : one, "transport"),
               is_set(way, "unproven") ? ", unproven" : "");
    show_way(&t, way);
    table_cell(&t, 2, "%s", *version ? version : "-");
    table_cell(&t, 3, "%lld", number_of(tls, "handshakes"));
    table_cell(&t, 4, "%lld", number_of(tls, "handshakes_resumed"));
    table_cell(&t, 5, "%.10s", *until ? until : "-");
    long long status = number_of(tls, "http_status");
    if (*failure || !status) table_cell(&t, 6, "%s", *failure ? failure : "none");
    else table_cell(&t, 6, "HTTP status %lld", status);
  }

  if (any) {
    fputc('\n', out);
    table_write(&t, term, out);
  }
  table_free(&t);
}

static void show_upstreams(const json_t *o, const struct term *term, FILE *out) {
  static const char *const names[] = {"SERVER", "STATE", "SRTT MS", "RTO MS", "ASKED", "REPLIES", "FOR"};
  struct table t = {0};
  const json_t *one;
  size_t i;
  table_head(&t, names, sizeof names / sizeof *names);
  json_array_foreach(json_object_get(o, "upstreams"), i, one) {
    table_row(&t);
    ctl_show_server(&t, one);
    table_cell(&t, 3, "%lld", number_of(one, "rto_ms"));
    table_cell(&t, 4, "%lld", number_of(one, "asked"));
    table_cell(&t, 5, "%lld", number_of(one, "replies"));
    table_cell(&t, 6, "%s", *text_of(one, "for") ? text_of(one, "for") : "all");
    if (number_of(one, "silent"))
      table_note(&t, "tries in a row without a reply: %lld", number_of(one, "silent"));
  }

  table_write(&t, term, out);
  table_free(&t);
  json_array_foreach(json_object_get(o, "upstreams"), i, one) show_remembered(one, term, out);
  show_encrypted(json_object_get(o, "upstreams"), term, out);
}

/* ---- dump ---- */

/* The message of a dump's line; its length, 0 when there is none. */
static size_t message_of(const json_t *o, uint8_t *msg, size_t room) {
  const char *hex = text_of(o, "message");
  size_t len = strlen(hex) / 2;
  if (len > room || strlen(hex) % 2) return 0;
  for (size_t i = 0; i < len; i++) {
    unsigned octet;
    if (sscanf(hex + 2 * i, "%2x", &octet) != 1) return 0;
    msg[i] = (uint8_t)octet;
  }
  return len < DNS_HEADER ? 0 : len;
}

/* The message's next record with what is left of its TTL. */
static bool next_record(struct reply *p, long long age_s, struct record *r, enum section *section) {
  if (!reply_next(p, r, section)) return false;
  r->ttl = age_s < (long long)r->ttl ? (uint32_t)(r->ttl - age_s) : 0;
  return true;
}

/* A comment that says what the cache knows of an answer, its records in the form of zone files; those beside
 * the answer proper as comments, so that what is printed can be read as a zone. */
static void show_answer(const json_t *o, const struct term *term, FILE *out) {
  (void)term;
  static const char *const sections[] = {"", "; authority: ", "; additional: "};
  static const char *const again[] = {"not asked for again", "asked for again once", "asked for again twice",
                                      "asked for again 3 times or more"};
  uint8_t msg[DNS_MSG_MAX];
  size_t len = message_of(o, msg, sizeof msg);
  char type[PRINT_WORD], rcode[PRINT_WORD];
  long long age_s = number_of(o, "age_s"), expired_s = number_of(o, "expired_s"), uses = number_of(o, "uses");
  fprintf(out, "; %s %s%s%s: %s, %lld s old, ", text_of(o, "name"),
          print_type((uint16_t)number_of(o, "type"), type), is_set(o, "do") ? " +DO" : "",
          is_set(o, "cd") ? " +CD" : "", print_rcode((unsigned)number_of(o, "rcode"), rcode), age_s);
  if (expired_s) fprintf(out, "expired for %lld s, ", expired_s);
  else fprintf(out, "%lld s left, ", number_of(o, "ttl_s"));
  fprintf(out, "%s\n", is_set(o, "prefetched") ? "prefetched" : again[uses < 0 || uses > 3 ? 3 : uses]);
  if (len == 0) return;
  struct reply p = reply_open(msg, len);
  struct record r;
  enum section section;
  while (next_record(&p, age_s, &r, &section)) {
    char *line = print_record(&r);
    fprintf(out, "%s%s\n", sections[section], line ? line : "; out of memory");
    free(line);
  }
}

static void show_dump(const json_t *o, const struct term *term, FILE *out) {
  if (json_object_get(o, "ok"))
    fprintf(out, "; %lld answer%s\n", number_of(o, "answers"), number_of(o, "answers") == 1 ? "" : "s");
  else show_answer(o, term, out);
}

bool ctl_show_dump_json(const char *line, FILE *out) {
  static const char *const keys[] = {"answer", "authority", "additional"};
  uint8_t msg[DNS_MSG_MAX];
  json_t *o = json_loads(line, 0, NULL), *sections[3];
  size_t len = message_of(o, msg, sizeof msg);
  if (len > 0) {
    struct reply p = reply_open(msg, len);
    struct record r;
    enum section section;
    for (size_t i = 0; i < 3; i++) sections[i] = json_array();
    while (next_record(&p, number_of(o, "age_s"), &r, &section))
      json_array_append_new(sections[section], record_json(&r));
    for (size_t i = 0; i < 3; i++) json_object_set_new(o, keys[i], sections[i]);
  }

  bool good = o && json_dumpf(o, out, JSON_COMPACT) == 0 && fputc('\n', out) != EOF;
  json_decref(o);
  return good;
}

/* ---- the rest ---- */

static void show_flush(const json_t *o, const struct term *term, FILE *out) {
  (void)term;
  long long n = number_of(o, "removed");
  fprintf(out, "%lld answer%s removed\n", n, n == 1 ? "" : "s");
  if (json_object_get(o, "fleet"))
    fputs("The fleet's server is told to remove the name; if it refuses, jidnsd's log says so.\n", out);
}

static void show_reload(const json_t *o, const struct term *term, FILE *out) {
  (void)term;
  const json_t *one;
  size_t i;
  json_array_foreach(json_object_get(o, "complaints"), i, one) fprintf(out, "%s\n", json_string_value(one));
  fputs("the new settings are in force\n", out);
}

static void show_level(const json_t *o, const struct term *term, FILE *out) {
  (void)term;
  fprintf(out, "%s\n", text_of(o, "level"));
}

static void show_settings(const json_t *o, const struct term *term, FILE *out) {
  (void)term;
  static const char *const keys[] = {"complaints", "lines"};
  const json_t *one;
  size_t i;
  for (unsigned k = 0; k < 2; k++) {
    json_array_foreach(json_object_get(o, keys[k]), i, one) fprintf(out, "%s\n", json_string_value(one));
  }
}

/* The number of one that was added, how many were cleared, or all of them. */
static void show_fault(const json_t *o, const struct term *term, FILE *out) {
  const json_t *one;
  size_t i;
  if (json_object_get(o, "number")) fprintf(out, "%lld\n", number_of(o, "number"));
  if (json_object_get(o, "cleared")) fprintf(out, "%lld cleared\n", number_of(o, "cleared"));
  json_array_foreach(json_object_get(o, "faults"), i, one) {
    term_wrapf(term, out, 0, 4, "%lld  %s  (spoiled %lld of %lld)", number_of(one, "number"),
               text_of(one, "rule"), number_of(one, "spoiled"), number_of(one, "matched"));
  }
}

bool ctl_show(const struct cli *c, const char *line, FILE *out) {
  static const struct {
    const char *command;
    void (*show)(const json_t *o, const struct term *term, FILE *out);
  } shows[] = {{"status", show_status},   {"stats", show_stats},   {"flush", show_flush},
               {"dump", show_dump},       {"reload", show_reload}, {"upstreams", show_upstreams},
               {"log-level", show_level}, {"fault", show_fault},   {"settings", show_settings}};
  json_t *o = json_loads(line, 0, NULL);
  for (size_t i = 0; o && i < sizeof shows / sizeof *shows; i++) {
    if (strcmp(shows[i].command, c->command) == 0) shows[i].show(o, &c->term, out);
  }
  if (!o) fprintf(stderr, "jidns %s: jidnsd's answer is no JSON: %.60s\n", c->command, line);
  bool good = o != NULL;
  json_decref(o);
  return good;
}

void ctl_show_error(const struct cli *c, const char *line) {
  json_t *o = json_loads(line, 0, NULL), *one;
  size_t i;
  const char *error = text_of(o, "error");
  bool names = strncmp(error, c->command, strlen(c->command)) == 0; /* the command, by itself */
  fprintf(stderr, "jidns %s%s%s\n", names ? "" : c->command, names ? "" : ": ", error);
  json_array_foreach(json_object_get(o, "complaints"), i, one)
      fprintf(stderr, "%s\n", json_string_value(one));
  json_decref(o);
}
