/* show_json.c: what the tool prints for programs, through jansson. Exports show_has_json, show_lookup_json,
 * show_query_json, record_json. */
#include <stdlib.h>

#include "tool/domain.h"
#include "tool/reply.h"
#include "tool/show.h"
#include "tool/show_json_priv.h"

bool show_has_json(void) { return true; }

static json_t *plan_json(const struct side_plans *side, bool with_tls) {
  static const char *const ends[] = {
      [PLAN_CONNECTS] = "connects", [PLAN_NOT_OFFERED] = "not-offered", [PLAN_NO_ADDRESS] = "no-address"};
  const struct plan *p = with_tls ? &side->with_tls : &side->without_tls;
  return json_pack("{s:s, s:b, s:s, s:b, s:o}", "side", side->name, "knows_direct_tls", with_tls, "end",
                   ends[p->end], "srv_failed", p->srv_failed, "steps", lookup_json_steps(p));
}

static bool write_out(json_t *root, FILE *out) {
  bool good = root && json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(JSON_DIGITS)) == 0;
  if (good) fputc('\n', out);
  json_decref(root);
  return good;
}

/* Each answer's extended errors; those of SRV answers stand with their services as well. */
static void add_edes(void *context, const struct asked *a) {
  json_t *list = context, *edes = lookup_json_edes(a);
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
  json_t *services = lookup_json_services(l, o->dnssec), *plans = json_array(), *mistakes = json_array();

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
                           services, "addresses", lookup_json_addresses(NULL, l->domain, o->dnssec), "plans",
                           plans, "mistakes", mistakes);
  json_t *edes = json_array();
  lookup_each(l, add_edes, edes);
  lookup_json_set(root, "extended_errors", edes);
  lookup_json_alias(root, "alias", &l->domain->alias);
  if (l->typed && l->typed->taken_from)
    lookup_json_set(root, "taken_from", json_string(l->typed->taken_from));
  if (f->has_obsolete) lookup_json_set(root, "plan_of_jabber", lookup_json_steps(&f->obsolete));
  if (f->dane) lookup_json_set(root, "dane", lookup_dane_json(f->dane));
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
                   (int)edns.dnssec_ok, "ede", lookup_json_edes(a));
}

bool show_query_json(const struct asked *a, const struct ask_options *o, FILE *out) {
  static const char *const keys[] = {"answer", "authority", "additional"};
  char name[NAME_TEXT], type[PRINT_WORD], rcode[PRINT_WORD], server[ADDR_TEXT];
  json_t *root = json_pack(
      "{s:s, s:s, s:s, s:s, s:f, s:i, s:s, s:o, s:o}", "server", addr_format(&o->server, server), "transport",
      a->over_tcp ? "tcp" : "udp", "name", name_format(a->name, a->name_len, name), "type",
      print_type(a->type, type), "ms", asked_ms(a), "octets", (int)a->len, "rcode",
      print_rcode(reply_rcode(a->msg, a->len), rcode), "flags", flags_json(a), "edns", edns_json(a));
  json_t *sections[] = {json_array(), json_array(), json_array()};
  struct reply p = reply_open(a->msg, a->len);
  struct record r;
  enum section section;
  while (reply_next(&p, &r, &section)) {
    if (section == SECTION_ADDITIONAL && r.type == TYPE_OPT) continue;
    json_array_append_new(sections[section], record_json(&r));
  }

  for (size_t i = 0; i < 3; i++) lookup_json_set(root, keys[i], sections[i]);
  lookup_json_set(root, "malformed", json_boolean(p.w.err));
  return write_out(root, out);
}
