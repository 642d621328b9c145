/* lookup_json.c: services and plans for programs, the same wherever they are shown. Exports lookup_json_set,
 * lookup_json_alias, lookup_json_addresses, lookup_json_edes, lookup_json_services, lookup_json_steps. */
#include "dns/edns.h"
#include "tool/domain.h"
#include "tool/reply.h"
#include "tool/show_json_priv.h"

enum { EDE_SHOWN = 200 };

/* Adds value to an object and takes it over; NULL, out of memory, shows in the end as a missing key. */
void lookup_json_set(json_t *object, const char *key, json_t *value) {
  json_object_set_new(object, key, value);
}

static const char *side_name(enum lookup_side side) { return side == LOOKUP_C2S ? "c2s" : "s2s"; }

/* s: NULL for the domain itself, of which nothing comes along. */
json_t *lookup_json_addresses(const struct service *s, const struct host *h, bool dnssec) {
  json_t *list = json_array();
  char text[ADDRESS_TEXT];
  for (size_t i = 0; i < h->address_count; i++) {
    const struct address *a = &h->addresses[i];
    const struct asked *asked = &h->asked[a->family == AF_INET6];
    json_t *one = json_pack("{s:s, s:I, s:f}", "address", lookup_address_text(a, text), "ttl",
                            (json_int_t)a->ttl, "ms", asked_ms(asked));
    if (lookup_is_stale(asked)) lookup_json_set(one, "stale", json_true());
    if (s) lookup_json_set(one, "additional", json_boolean(lookup_came_along(s, h, a)));
    if (dnssec) lookup_json_set(one, "secure", json_boolean(lookup_is_secure(asked)));
    json_array_append_new(list, one);
  }
  return list;
}

/* Where a name's CNAMEs lead; null when they have no end. */
void lookup_json_alias(json_t *object, const char *key, const struct alias *a) {
  char name[NAME_TEXT];
  if (a->links == 0) return;
  lookup_json_set(object, key,
                  a->endless ? json_null() : json_string(domain_text(a->name, a->name_len, name)));
}

static json_t *targets_json(const struct service *s, bool dnssec) {
  json_t *list = json_array();
  char name[NAME_TEXT];
  for (size_t i = 0; i < s->count; i++) {
    const struct srv *srv = &s->srv[i];
    json_t *one = json_pack("{s:i, s:i, s:s, s:i}", "priority", srv->priority, "weight", srv->weight, "host",
                            domain_text(srv->target, srv->target_len, name), "port", srv->port);
    if (s->hosts[i]) {
      lookup_json_set(one, "addresses", lookup_json_addresses(s, s->hosts[i], dnssec));
      lookup_json_alias(one, "alias", &s->hosts[i]->alias);
    }
    json_array_append_new(list, one);
  }
  return list;
}

json_t *lookup_json_edes(const struct asked *a) {
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

static void set_proof(json_t *object, const struct asked *a) {
  char text[PROOF_TEXT];
  const char *proof = lookup_proof_text(a, text);
  lookup_json_set(object, "proof", proof ? json_string(proof) : json_null());
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
                          asked_ms(&s->asked));
  if (s->kind->obsolete) lookup_json_set(one, "obsolete", json_true());
  lookup_json_set(one, "ttl", json_integer(s->count > 0 ? s->ttl : 0));
  if (dnssec) {
    lookup_json_set(one, "secure", json_boolean(lookup_is_secure(&s->asked)));
    set_proof(one, &s->asked);
  }
  lookup_json_set(one, "stale", json_boolean(lookup_is_stale(&s->asked)));
  lookup_json_set(one, "ede", lookup_json_edes(&s->asked));
  lookup_json_alias(one, "alias", &s->alias);
  lookup_json_set(one, "targets", targets_json(s, dnssec));
  return one;
}

json_t *lookup_json_steps(const struct plan *p) {
  json_t *steps = json_array();
  char host[NAME_TEXT];
  for (size_t i = 0; i < p->count; i++) {
    const struct plan_step *s = &p->steps[i];
    json_array_append_new(steps,
                          json_pack("{s:s, s:i, s:s, s:i, s:i}", "host", plan_step_host(s, host), "port",
                                    s->port, "tls", s->direct_tls ? "direct" : "starttls", "priority",
                                    s->srv ? s->srv->priority : 0, "weight", s->srv ? s->srv->weight : 0));
  }
  return steps;
}

json_t *lookup_json_services(const struct lookup *l, bool dnssec) {
  json_t *list = json_array();
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (l->services[i].state != SERVICE_UNASKED)
      json_array_append_new(list, service_json(&l->services[i], dnssec));
  }
  return list;
}
