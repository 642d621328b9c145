/* show_json.c: what the tool prints for programs, through jansson. Exports show_has_json, show_lookup_json,
 * show_query_json, record_json. */
#include <stdlib.h>

#include "tool/domain.h"
#include "tool/reply.h"
#include "tool/show.h"
#include "tool/show_json_priv.h"

enum { EDE_SHOWN = 200, MS_DIGITS = 9 };

bool show_has_json(void) { return true; }

static double ms_of(const struct asked *a) { return a->took_us / 1000.0; }

/* Adds value to an object and takes it over; NULL, out of memory, shows in the end as a missing key. */
static void set(json_t *object, const char *key, json_t *value) { json_object_set_new(object, key, value); }

static const char *side_name(enum lookup_side side) { return side == LOOKUP_C2S ? "c2s" : "s2s"; }

/* s: NULL for the domain itself, of which nothing comes along. */
static json_t *addresses_json(const struct service *s, const struct host *h, bool dnssec) {
  json_t *list = json_array();
  char text[ADDRESS_TEXT];
  for (size_t i = 0; i < h->address_count; i++) {
    const struct address *a = &h->addresses[i];
    const struct asked *asked = &h->asked[a->family == AF_INET6];
    json_t *one = json_pack("{s:s, s:I, s:f}", "address", lookup_address_text(a, text), "ttl",
                            (json_int_t)a->ttl, "ms", ms_of(asked));
    if (lookup_is_stale(asked)) set(one, "stale", json_true());
    if (s) set(one, "additional", json_boolean(lookup_came_along(s, h, a)));
    if (dnssec) set(one, "secure", json_boolean(lookup_is_secure(asked)));
    json_array_append_new(list, one);
  }
  return list;
}

/* Where a name's CNAMEs lead; null when they have no end. */
static void add_alias(json_t *object, const char *key, const struct alias *a) {
  char name[NAME_TEXT];
  if (a->links == 0) return;
  set(object, key, a->endless ? json_null() : json_string(domain_text(a->name, a->name_len, name)));
}

static json_t *targets_json(const struct service *s, bool dnssec) {
  json_t *list = json_array();
  char name[NAME_TEXT];
  for (size_t i = 0; i < s->count; i++) {
    const struct srv *srv = &s->srv[i];
    json_t *one = json_pack("{s:i, s:i, s:s, s:i}", "priority", srv->priority, "weight", srv->weight, "host",
                            domain_text(srv->target, srv->target_len, name), "port", srv->port);
    if (s->hosts[i]) {
      set(one, "addresses", addresses_json(s, s->hosts[i], dnssec));
      add_alias(one, "alias", &s->hosts[i]->alias);
    }
    json_array_append_new(list, one);
  }
  return list;
}

static json_t *edes_json(const struct asked *a) {
  json_t *list = json_array();
  struct edns edns;
  struct edns_ede ede;
  if (a->outcome != ASKED_ANSWERED || !edns_read(a->msg, a->len, &edns)) return list;
  while (edns_next_ede(&edns, &ede)) {
    char said[EDE_SHOWN];
    reply_text(ede.text, ede.text_len, said, sizeof said);
    json_array_append_new(
        list, json_pack("{s:i, s:s, s:s}", "code", ede.code, "name", edns_ede_name(ede.code), "text", said));
  }
  return list;
}

static json_t *service_json(const struct service *s, bool dnssec) {
  static const char *const states[] = {[SERVICE_UNASKED] = "unasked",
                                       [SERVICE_OFFERED] = "offered",
                                       [SERVICE_NOT_OFFERED] = "not-offered",
                                       [SERVICE_ABSENT] = "absent",
                                       [SERVICE_FAILED] = "failed"};
  char word[PRINT_WORD];
  json_t *one = json_pack("{s:s, s:s, s:b, s:s, s:s, s:f}", "service", s->kind->labels, "side",
                          side_name(s->kind->side), "direct_tls", s->kind->direct_tls, "state",
                          states[s->state], "outcome", lookup_outcome_text(&s->asked, word), "ms",
                          ms_of(&s->asked));
  if (s->kind->obsolete) set(one, "obsolete", json_true());
  if (s->count > 0) set(one, "ttl", json_integer(s->ttl));
  if (dnssec) set(one, "secure", json_boolean(lookup_is_secure(&s->asked)));
  set(one, "stale", json_boolean(lookup_is_stale(&s->asked)));
  set(one, "ede", edes_json(&s->asked));
  add_alias(one, "alias", &s->alias);
  set(one, "targets", targets_json(s, dnssec));
  return one;
}

static json_t *steps_json(const struct plan *p) {
  json_t *steps = json_array();
  char host[NAME_TEXT];
  for (size_t i = 0; i < p->count; i++) {
    const struct plan_step *s = &p->steps[i];
    json_t *one = json_pack("{s:s, s:i, s:s}", "host", plan_step_host(s, host), "port", s->port, "tls",
                            s->direct_tls ? "direct" : "starttls");
    if (s->srv) {
      set(one, "priority", json_integer(s->srv->priority));
      set(one, "weight", json_integer(s->srv->weight));
    }
    json_array_append_new(steps, one);
  }
  return steps;
}

static json_t *plan_json(const struct side_plans *side, bool with_tls) {
  static const char *const ends[] = {
      [PLAN_CONNECTS] = "connects", [PLAN_NOT_OFFERED] = "not-offered", [PLAN_NO_ADDRESS] = "no-address"};
  const struct plan *p = with_tls ? &side->with_tls : &side->without_tls;
  return json_pack("{s:s, s:b, s:s, s:b, s:o}", "side", side->name, "knows_direct_tls", with_tls, "end",
                   ends[p->end], "srv_failed", p->srv_failed, "steps", steps_json(p));
}

static bool write_out(json_t *root, FILE *out) {
  bool good = root && json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(MS_DIGITS)) == 0;
  if (good) fputc('\n', out);
  json_decref(root);
  return good;
}

/* Each answer's extended errors; those of SRV answers stand with their services as well. */
static void add_edes(void *context, const struct asked *a) {
  json_t *list = context, *edes = edes_json(a);
  char name[NAME_TEXT], type[PRINT_WORD];
  if (json_array_size(edes) == 0) {
    json_decref(edes);
    return;
  }
  json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "name", domain_text(a->name, a->name_len, name),
                                        "type", print_type(a->type, type), "ede", edes));
}

bool show_lookup_json(const struct findings *f, const struct ask_options *o, FILE *out) {
  const struct lookup *l = f->lookup;
  char name[NAME_TEXT], server[ADDR_TEXT];
  json_t *services = json_array(), *plans = json_array(), *mistakes = json_array();

  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (l->services[i].state != SERVICE_UNASKED)
      json_array_append_new(services, service_json(&l->services[i], o->dnssec));
  }

  for (size_t i = 0; i < f->side_count; i++) {
    json_array_append_new(plans, plan_json(&f->sides[i], true));
    json_array_append_new(plans, plan_json(&f->sides[i], false));
  }

  for (size_t i = 0; i < f->mistakes.count; i++) {
    const struct mistake *m = &f->mistakes.list[i];
    json_array_append_new(mistakes, json_pack("{s:s, s:s}", "word", m->word, "text", m->text));
  }

  json_t *root = json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o}", "domain", lookup_host_text(l->domain, name),
                           "server", addr_format(&o->server, server), "connects", f->connects, "services",
                           services, "addresses", addresses_json(NULL, l->domain, o->dnssec), "plans", plans,
                           "mistakes", mistakes);
  json_t *edes = json_array();
  lookup_each(l, add_edes, edes);
  set(root, "extended_errors", edes);
  add_alias(root, "alias", &l->domain->alias);
  if (l->typed && l->typed->taken_from) set(root, "taken_from", json_string(l->typed->taken_from));
  if (f->has_obsolete) set(root, "plan_of_jabber", steps_json(&f->obsolete));
  return write_out(root, out);
}

json_t *record_json(const struct record *r) {
  char owner[NAME_TEXT], klass[PRINT_WORD], type[PRINT_WORD];
  char *rdata = print_rdata(r);
  json_t *one = json_pack("{s:s, s:I, s:s, s:s, s:s}", "name", name_format(r->owner, r->owner_len, owner),
                          "ttl", (json_int_t)r->ttl, "class", print_class(r->klass, klass), "type",
                          print_type(r->type, type), "data", rdata ? rdata : "");
  free(rdata);
  return one;
}

static json_t *flags_json(const struct asked *a) {
  const uint8_t *m = a->msg;
  return json_pack("{s:b, s:b, s:b, s:b, s:b, s:b}", "aa", m[2] & DNS_AA, "tc", m[2] & DNS_TC, "rd",
                   m[2] & DNS_RD, "ra", m[3] & DNS_RA, "ad", m[3] & DNS_AD, "cd", m[3] & DNS_CD);
}

static json_t *edns_json(const struct asked *a) {
  struct edns edns;
  if (!edns_read(a->msg, a->len, &edns)) return json_null();
  return json_pack("{s:i, s:i, s:b, s:o}", "version", edns.version, "udp", edns.udp_size, "do",
                   (int)edns.dnssec_ok, "ede", edes_json(a));
}

bool show_query_json(const struct asked *a, const struct ask_options *o, FILE *out) {
  static const char *const keys[] = {"answer", "authority", "additional"};
  char name[NAME_TEXT], type[PRINT_WORD], rcode[PRINT_WORD], server[ADDR_TEXT];
  json_t *root = json_pack(
      "{s:s, s:s, s:s, s:s, s:f, s:i, s:s, s:o, s:o}", "server", addr_format(&o->server, server), "transport",
      a->over_tcp ? "tcp" : "udp", "name", name_format(a->name, a->name_len, name), "type",
      print_type(a->type, type), "ms", ms_of(a), "octets", (int)a->len, "rcode",
      print_rcode(reply_rcode(a->msg, a->len), rcode), "flags", flags_json(a), "edns", edns_json(a));
  json_t *sections[] = {json_array(), json_array(), json_array()};
  struct reply p = reply_open(a->msg, a->len);
  struct record r;
  enum section section;
  while (reply_next(&p, &r, &section)) {
    if (section == SECTION_ADDITIONAL && r.type == TYPE_OPT) continue;
    json_array_append_new(sections[section], record_json(&r));
  }

  for (size_t i = 0; i < 3; i++) set(root, keys[i], sections[i]);
  set(root, "malformed", json_boolean(p.w.err));
  return write_out(root, out);
}
