/* check_as_json.c: a program's walk for programs, through jansson. Exports as_write_json. */
#include <jansson.h>
#include <stdlib.h>

#include "tool/check_as.h"
#include "tool/domain.h"

#define AS_SCHEMA "jidns-check-as/1"

enum { ADDRESSES_MAX = 32 };

static json_t *question_json(const struct as_walk *w, const struct as_question *q) {
  char name[NAME_TEXT], type[PRINT_WORD], word[PRINT_WORD];
  char *answer = as_answer_text(w, q);
  json_t *one = json_pack(
      "{s:s, s:s, s:i, s:i, s:i, s:s, s:b, s:s}", "name", domain_text(q->asked.name, q->asked.name_len, name),
      "type", print_type(q->asked.type, type), "at_ms", (int)q->at_ms, "took_ms", (int)q->took_ms, "times",
      (int)q->times, "outcome", lookup_outcome_text(&q->asked, word), "gave_up", q->gave_up, "text", answer);
  free(answer);
  return one;
}

static json_t *end_json(const struct as_walk *w, const struct walker_end *e) {
  struct address list[ADDRESSES_MAX];
  char name[NAME_TEXT], text[ADDRESS_TEXT];
  json_t *addresses = json_array();
  size_t n = as_walk_addresses(w, e, list, ADDRESSES_MAX);
  for (size_t i = 0; i < n; i++)
    json_array_append_new(addresses, json_string(lookup_address_text(&list[i], text)));
  return json_pack("{s:s, s:i, s:s, s:i, s:b, s:o}", "host",
                   domain_text(e->srv.target, e->srv.target_len, name), "port", e->srv.port, "tls",
                   e->direct_tls ? "direct" : "starttls", "priority", e->srv.priority, "fallback",
                   e->is_domain, "addresses", addresses);
}

bool as_write_json(const struct as_walk *w, bool compact, FILE *out) {
  const struct program *p = w->walker.program;
  char domain[NAME_TEXT];
  json_t *questions = json_array(), *ends = json_array();

  for (size_t i = 0; i < w->count; i++) json_array_append_new(questions, question_json(w, w->list[i]));
  for (unsigned i = 0; i < w->walker.end_count; i++)
    json_array_append_new(ends, end_json(w, &w->walker.ends[i]));

  const struct walker_end *e = as_walk_end(w);
  json_t *root = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:i, s:i, s:i, s:s, s:o, s:o, s:s?}", "schema",
                           AS_SCHEMA, "domain", domain_text(w->typed.name, w->typed.len, domain), "program",
                           p->name, "measured", p->version, "side", p->server ? "s2s" : "c2s", "trip_ms",
                           AS_TRIP_MS, "ms", (int)w->ms, "waits", (int)w->waits, "end",
                           e                      ? "connects"
                           : w->walker.is_refused ? "refused"
                                                  : "nothing",
                           "questions", questions, "ends", ends, "notes", p->notes);
  bool good = root && json_dumpf(root, out, compact ? JSON_COMPACT : JSON_INDENT(2)) == 0;
  if (good) fputc('\n', out);
  json_decref(root);
  return good;
}
