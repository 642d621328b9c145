/* lookup_dane_json.c: what `jidns lookup --dane` says to programs. Exports lookup_dane_json. */
#include <stdlib.h>

#include "base/must.h"
#include "tool/programs.h"
#include "tool/show_json_priv.h"

static json_t *hex(const uint8_t *octets, size_t len) {
  static const char digits[] = "0123456789abcdef";
  char *text = must_zalloc(2 * len + 1);
  for (size_t i = 0; i < len; i++) {
    text[2 * i] = digits[octets[i] >> 4];
    text[2 * i + 1] = digits[octets[i] & 15];
  }
  json_t *value = json_string(text);
  free(text);
  return value;
}

static json_t *record_json_of(const struct dane_rdata *r) {
  enum dane_flaw flaw = dane_flaw_of(r->octets, r->len);
  json_t *one = json_object();
  if (flaw != DANE_SHORT) {
    lookup_json_set(one, "usage", json_integer(r->octets[0]));
    lookup_json_set(one, "selector", json_integer(r->octets[1]));
    lookup_json_set(one, "matching", json_integer(r->octets[2]));
    lookup_json_set(one, "data", hex(r->octets + 3, r->len - 3));
  }
  lookup_json_set(one, "usable", json_boolean(flaw == DANE_FLAWLESS));
  if (flaw != DANE_FLAWLESS) lookup_json_set(one, "why", json_string(dane_flaw_text(flaw)));
  return one;
}

static json_t *names_json(const struct lookup_end *e) {
  json_t *list = json_array();
  char text[NAME_TEXT + 16];
  for (unsigned i = 0; i < e->verdict.name_count; i++) {
    const struct dane_name *n = &e->verdict.names[i];
    json_array_append_new(list, json_pack("{s:s, s:s}", "kind", n->kind == DANE_SRV_ID ? "SRV-ID" : "DNS-ID",
                                          "name", lookup_dane_name_text(e, n, text)));
  }
  return list;
}

static json_t *end_json(const struct lookup_end *e) {
  char host[NAME_TEXT], tlsa[NAME_TEXT];
  const struct dane_endpoint *seen = &e->seen;
  const struct dane_verdict *v = &e->verdict;
  json_t *records = json_array();
  for (unsigned i = 0; i < seen->tlsa.records; i++)
    json_array_append_new(records, record_json_of(&e->records[i]));

  json_t *one = json_pack("{s:s, s:s, s:i, s:s}", "side", e->side == LOOKUP_C2S ? "c2s" : "s2s", "host",
                          lookup_host_text(e->host, host), "port", e->port, "tls",
                          e->direct_tls ? "direct" : "starttls");
  lookup_json_set(one, "service", e->service ? json_string(e->service->kind->labels) : json_null());
  lookup_json_set(one, "srv", json_string(lookup_dane_proof_text(seen->srv.proof)));
  lookup_json_set(one, "a", json_string(lookup_dane_proof_text(seen->addresses[0].proof)));
  lookup_json_set(one, "aaaa", json_string(lookup_dane_proof_text(seen->addresses[1].proof)));
  lookup_json_set(one, "tlsa",
                  json_pack("{s:s, s:s, s:o}", "name", domain_text(e->tlsa->name, e->tlsa->name_len, tlsa),
                            "proof", lookup_dane_proof_text(seen->tlsa.proof), "records", records));
  lookup_json_set(one, "state", json_string(dane_state_word(v->state)));
  lookup_json_set(one, "why", json_string(dane_state_text(v->state)));
  lookup_json_set(one, "use", json_string(dane_use_word(v->use)));
  lookup_json_set(one, "names_matter", json_boolean(v->names_matter));
  lookup_json_set(one, "names", names_json(e));
  return one;
}

/* Those of the sides that were looked up. */
static json_t *programs_json(enum lookup_side sides) {
  json_t *list = json_array();
  for (unsigned i = 0; i < PROGRAM_COUNT; i++) {
    const struct program *p = &programs[i];
    if (!(sides & (p->server ? LOOKUP_S2S : LOOKUP_C2S))) continue;
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:b, s:b}", "name", p->name, "side",
                                    p->server ? "s2s" : "c2s", "does_dane", p->traits & PROGRAM_TLSA ? 1 : 0,
                                    "soft", p->traits & PROGRAM_SOFT_DANE ? 1 : 0));
  }
  return list;
}

json_t *lookup_dane_json(const struct lookup_dane *d) {
  json_t *ends = json_array();
  for (size_t i = 0; i < d->end_count; i++) json_array_append_new(ends, end_json(&d->ends[i]));
  return json_pack("{s:b, s:b, s:b, s:o, s:o}", "usable", lookup_dane_is_usable(d), "validated",
                   !lookup_dane_is_unvalidated(d), "too_many", d->too_many, "ends", ends, "programs",
                   programs_json(d->lookup->sides));
}
