/* against_read.c: older reports from JSON, through jansson. Exports against_read. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/shown.h"
#include "tool/against.h"

#define SCHEMA "jidns-check/"

/* A file may come from anywhere: what is printed of it later is made printable now. */
static char *printable(const char *text) {
  char *copy = strdup(text);
  must(copy);
  for (char *c = copy; *c; c++) {
    if (*c < ' ' || *c > '~') *c = '?';
  }
  return copy;
}

static const char *word_of(const json_t *object, const char *key) {
  const char *word = json_string_value(json_object_get(object, key));
  return word ? word : "";
}

/* False when it is none. */
static bool read_finding(const json_t *json, struct old_finding *out) {
  enum severity severity;
  const char *code = word_of(json, "code");
  if (!*code || !report_severity_parse(word_of(json, "severity"), &severity)) return false;
  *out = (struct old_finding){.code = printable(code),
                              .subject = printable(word_of(json, "subject")),
                              .side = printable(word_of(json, "side")),
                              .text = printable(word_of(json, "text")),
                              .severity = severity};
  return true;
}

static bool read_findings(const json_t *list, struct old_report *r) {
  size_t n = json_array_size(list);
  if (!json_is_array(list)) return false;
  r->list = must_zalloc((n + 1) * sizeof *r->list);
  for (size_t i = 0; i < n; i++) {
    const json_t *one = json_array_get(list, i);
    if (json_is_true(json_object_get(one, "ignored"))) continue;
    if (!read_finding(one, &r->list[r->count])) return false;
    r->count++;
  }
  return true;
}

static bool read_report(struct old_reports *o, const json_t *json) {
  const json_t *verdict = json_object_get(json, "verdict");
  const char *domain = word_of(json, "domain");
  if (strncmp(word_of(json, "schema"), SCHEMA, sizeof SCHEMA - 1) != 0 || !*domain) return false;
  if (o->count == o->room) {
    o->room = o->room ? 2 * o->room : 8;
    o->list = realloc(o->list, o->room * sizeof *o->list);
    must(o->list);
  }
  struct old_report *r = &o->list[o->count++];
  *r = (struct old_report){
      .domain = printable(domain),
      .time = printable(word_of(json, "time")),
      .verdicts = {printable(word_of(verdict, "c2s")), printable(word_of(verdict, "s2s"))}};
  return read_findings(json_object_get(json, "findings"), r);
}

/* jansson counts lines from where it began to read. */
static void complain(FILE *err, FILE *file, long begun, const char *path, const json_error_t *e) {
  int line = e->line;
  rewind(file);
  for (long i = 0; i < begun; i++) line += fgetc(file) == '\n';
  fprintf(err, "jidns check: --against %s:%d: ", path, line);
  shown_put(err, e->text, JSON_ERROR_TEXT_LENGTH);
  fputs("; it must be what jidns check --format json wrote\n", err);
}

static bool at_end(FILE *file) {
  int c;
  while ((c = fgetc(file)) == ' ' || c == '\n' || c == '\t' || c == '\r') continue;
  if (c == EOF) return true;
  ungetc(c, file);
  return false;
}

static bool read_all(struct old_reports *o, FILE *file, const char *path, FILE *err) {
  do {
    json_error_t e;
    long begun = ftell(file);
    json_t *json = json_loadf(file, JSON_DISABLE_EOF_CHECK, &e);
    if (!json) {
      complain(err, file, begun, path, &e);
      return false;
    }
    bool good = read_report(o, json);
    json_decref(json);
    if (!good) {
      fprintf(err, "jidns check: --against %s: report %zu is not one of jidns check --format json\n", path,
              o->count > 0 ? o->count : 1);
      return false;
    }
  } while (!at_end(file));
  return true;
}

bool against_read(struct old_reports *o, const char *path, FILE *err) {
  FILE *file = fopen(path, "re");
  *o = (struct old_reports){.count = 0};
  if (!file) {
    fprintf(err, "jidns check: --against %s: %m\n", path);
    return false;
  }
  bool good = read_all(o, file, path, err);
  fclose(file);
  return good;
}
