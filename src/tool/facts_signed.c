/* facts_signed.c: keys and signatures of the zone that a domain lies in. Exports facts_signed_*. */
#include <time.h>

#include "tool/facts_priv.h"

/* The owner of the SOA that came for the domain, with the answer or with the denial; what fails may be the
 * domain's own zone. */
static void find_zone(struct facts *f) {
  const struct asked *soa = &f->single[FACT_SOA];
  struct record r;
  enum section section;

  f->signing.zone = f->typed.name;
  f->signing.zone_len = f->typed.len;
  if (!lookup_is_answered(soa)) return;

  struct reply p = reply_open(soa->msg, soa->len);
  while (reply_next(&p, &r, &section)) {
    if (section == SECTION_ADDITIONAL || r.type != TYPE_SOA) continue;
    bool above = name_is_within(f->typed.name, f->typed.len, r.owner, r.owner_len);
    f->signing.zone = above ? f->typed.name + (f->typed.len - r.owner_len) : NULL;
    f->signing.zone_len = r.owner_len;
    return;
  }
}

/* The root and top-level domains are others' business. */
static bool is_somebodys(const uint8_t *zone, size_t len) { return zone && len > 1 && len > zone[0] + 2u; }

void facts_signed_questions(struct facts *f, struct ask_list *to) {
  struct facts_signed *s = &f->signing;
  s->now_s = (int64_t)time(NULL);
  if (f->offline) return;

  find_zone(f);
  if (is_somebodys(s->zone, s->zone_len)) {
    s->keys.checking_disabled = s->delegation.checking_disabled = true;
    ask_list_add(to, &s->keys, s->zone, s->zone_len, TYPE_DNSKEY);
    ask_list_add(to, &s->delegation, s->zone, s->zone_len, TYPE_DS);
  }

  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *service = &f->domain->services[i];
    if (service->state != SERVICE_OFFERED || !lookup_is_secure(&service->asked)) continue;
    s->services[i].dnssec_ok = true;
    ask_list_add(to, &s->services[i], service->asked.name, service->asked.name_len, TYPE_SRV);
  }
}

void facts_signed_free(struct facts *f) {
  asked_free(&f->signing.keys);
  asked_free(&f->signing.delegation);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) asked_free(&f->signing.services[i]);
}

void facts_signed_each(const struct facts *f, void (*each)(void *context, const struct asked *a),
                       void *context) {
  const struct facts_signed *s = &f->signing;
  if (s->keys.name_len > 0) each(context, &s->keys);
  if (s->delegation.name_len > 0) each(context, &s->delegation);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    if (s->services[i].name_len > 0) each(context, &s->services[i]);
  }
}
