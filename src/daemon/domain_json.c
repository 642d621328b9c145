/* domain_json.c: XMPP domains as JSON. Exports domain_json_*. */
#include "daemon/domain_json.h"

#include "base/clock.h"

static const char *const roles[] = {[FAMILY_C2S] = "client", [FAMILY_S2S] = "server"};

static uint64_t ago_s(uint64_t at_ms) {
  uint64_t now_ms = clock_ms();
  return now_ms > at_ms ? (now_ms - at_ms) / 1000 : 0;
}

/* What clients were told of a domain's services. */
static void write_outcomes(struct jsonw *j, const struct domain_outcomes *o) {
  jsonw_uint(j, "waited", o->told);
  jsonw_uint(j, "stale", o->stale);
  jsonw_uint(j, "failed", o->failed);
  jsonw_uint(j, "wait_ms", o->wait_ms);
  if (!o->failed) return;
  jsonw_open(j, "failure", '{');
  jsonw_string(j, "service", domains_service_text(o));
  jsonw_string(j, "why", err_word(o->why));
  jsonw_string(j, "text", err_text(o->why));
  jsonw_uint(j, "ago_s", ago_s(o->failed_ms));
  jsonw_close(j, '}');
}

/* ---- walks ---- */

static void write_way(struct jsonw *j, const struct domain_row_way *w, enum family_role role) {
  static const char *const words[] = {[DOMAIN_WAY_UNKNOWN] = NULL,
                                      [DOMAIN_WAY_SRV] = "srv",
                                      [DOMAIN_WAY_ADDRESSES] = "addresses",
                                      [DOMAIN_WAY_NONE] = "none"};
  char target[NAME_TEXT];
  jsonw_open(j, NULL, '{');
  jsonw_string(j, "role", roles[role]);
  jsonw_string(j, "by", words[w->known]);
  if (w->way.target_len) {
    jsonw_bool(j, "walked", w->is_walked);
    if (w->way.by_srv) jsonw_string(j, "service", walks_service_text(&w->way, role));
    jsonw_string(j, "target", name_format(w->way.target, w->way.target_len, target));
    jsonw_uint(j, "port", w->way.port);
    if (w->way.by_srv) jsonw_uint(j, "priority", w->way.priority);
  }
  jsonw_bool(j, "stale", w->is_stale);
  jsonw_string(j, "outcome", w->ended_ms ? walks_end_word(w->end) : NULL);
  if (w->ended_ms) jsonw_uint(j, "ago_s", ago_s(w->ended_ms));
  jsonw_close(j, '}');
}

static void write_ways(struct jsonw *j, const struct domain_view *v, const struct domain_row *row) {
  jsonw_open(j, "ways", '[');
  for (unsigned role = 0; role < 2; role++) {
    struct domain_row_way way;
    if (domain_view_way(v, row, (enum family_role)role, &way)) write_way(j, &way, (enum family_role)role);
  }
  jsonw_close(j, ']');
}

static void write_walk_failure(struct jsonw *j, const struct contact *c) {
  char why[CONTACT_WHY];
  if (!c->failed_ms) return;
  jsonw_open(j, "failure", '{');
  jsonw_string(j, "role", roles[c->failed_role]);
  jsonw_string(j, "outcome", walks_end_word(c->failed_end));
  jsonw_string(j, "text", contact_why_format(c, why));
  jsonw_uint(j, "ago_s", ago_s(c->failed_ms));
  jsonw_close(j, '}');
}

static void write_contact(struct jsonw *j, const struct contact *c) {
  jsonw_open(j, "contact", '{');
  jsonw_uint(j, "ago_s", ago_s(c->last_ms));
  jsonw_uint(j, "walks", c->walks);
  jsonw_uint(j, "reached", c->reached);
  if (c->reached) {
    jsonw_uint(j, "first_address_ms", c->first_ms);
    jsonw_real(j, "first_address_mean_ms", (double)c->first_sum_ms / c->reached, 1);
  }
  jsonw_uint(j, "answers", c->answers);
  jsonw_uint(j, "waited", c->waited);
  jsonw_uint(j, "saved", c->saved);
  jsonw_uint(j, "stale", c->stale);
  write_walk_failure(j, c);
  jsonw_close(j, '}');
}

/* ---- all ---- */

void domain_json_write(struct daemon *d, enum domain_view_order order, struct jsonw *j) {
  char name[NAME_TEXT];
  struct domain_row rows[DOMAIN_ROWS];
  struct domain_view *v = domain_view_new(d);

  jsonw_open(j, "domains", '[');
  unsigned n = v ? domain_view_rows(v, order, rows) : 0;
  for (unsigned i = 0; i < n; i++) {
    jsonw_open(j, NULL, '{');
    jsonw_string(j, "domain", name_format(rows[i].name, rows[i].name_len, name));
    jsonw_uint(j, "asked", rows[i].busy ? rows[i].busy->asked : 0);
    jsonw_uint(j, "error", rows[i].busy ? rows[i].busy->error : 0);
    if (rows[i].outcomes) write_outcomes(j, rows[i].outcomes);
    write_ways(j, v, &rows[i]);
    if (rows[i].contact) write_contact(j, rows[i].contact);
    jsonw_close(j, '}');
  }

  jsonw_close(j, ']');
  domain_view_free(v);
}
