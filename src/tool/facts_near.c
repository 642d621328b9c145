/* facts_near.c: names that are almost right. Exports facts_start_near_misses, facts_questions_of_near_misses.
 */
#include "tool/facts_priv.h"

static const struct near_miss near_misses[FACTS_NEAR_MISSES] = {
    {.labels = "_xmpp-client._udp", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "xmpp-client._tcp", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpp-client", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpp_client._tcp", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpp-client._tls", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpp-client.tcp", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "xmpp-client.tcp", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpps-client._tls", .right = "_xmpps-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpps_client._tcp", .right = "_xmpps-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpps-client._udp", .right = "_xmpps-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_xmpp-client._tcp.xmpp",
     .right = "_xmpp-client._tcp",
     .side = LOOKUP_C2S,
     .kind = NEAR_MISS_AT_HOST},
    {.labels = "_xmpp-client._tcp.jabber",
     .right = "_xmpp-client._tcp",
     .side = LOOKUP_C2S,
     .kind = NEAR_MISS_AT_HOST},
    {.labels = "_xmpp-client._tcp",
     .right = "_xmpp-client._tcp",
     .side = LOOKUP_C2S,
     .kind = NEAR_MISS_AT_TARGET},
    {.labels = "_xmpp-client._tcp",
     .right = "_xmpp-client._tcp",
     .side = LOOKUP_C2S,
     .kind = NEAR_MISS_TWICE},
    {.labels = "_xmpp-server._udp", .right = "_xmpp-server._tcp", .side = LOOKUP_S2S},
    {.labels = "xmpp-server._tcp", .right = "_xmpp-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpp-server", .right = "_xmpp-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpp_server._tcp", .right = "_xmpp-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpp-server._tls", .right = "_xmpp-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpp-server.tcp", .right = "_xmpp-server._tcp", .side = LOOKUP_S2S},
    {.labels = "xmpp-server.tcp", .right = "_xmpp-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpps-server._tls", .right = "_xmpps-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpps_server._tcp", .right = "_xmpps-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpps-server._udp", .right = "_xmpps-server._tcp", .side = LOOKUP_S2S},
    {.labels = "_xmpp-server._tcp.xmpp",
     .right = "_xmpp-server._tcp",
     .side = LOOKUP_S2S,
     .kind = NEAR_MISS_AT_HOST},
    {.labels = "_xmpp-server._tcp.jabber",
     .right = "_xmpp-server._tcp",
     .side = LOOKUP_S2S,
     .kind = NEAR_MISS_AT_HOST},
    {.labels = "_xmpp-server._tcp",
     .right = "_xmpp-server._tcp",
     .side = LOOKUP_S2S,
     .kind = NEAR_MISS_AT_TARGET},
    {.labels = "_xmpp-server._tcp",
     .right = "_xmpp-server._tcp",
     .side = LOOKUP_S2S,
     .kind = NEAR_MISS_TWICE},
    {.labels = "_xmpp._tcp", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
    {.labels = "_jabber-client._tcp", .right = "_xmpp-client._tcp", .side = LOOKUP_C2S},
};

void facts_start_near_misses(struct facts *f) { memcpy(f->near_misses, near_misses, sizeof near_misses); }

/* The first host within the domain, but not itself, that the side's records name; NULL: none. */
static const struct host *own_target(const struct facts *f, enum lookup_side side) {
  for (unsigned tls = 0; tls < 2; tls++) {
    const struct service *s = facts_service(f->domain, side, tls);
    for (size_t i = 0; i < s->count && s->state == SERVICE_OFFERED; i++) {
      const struct host *h = s->hosts[i];
      if (h && h != f->domain->domain && name_is_within(h->name, h->name_len, f->typed.name, f->typed.len))
        return h;
    }
  }
  return NULL;
}

static void add_near_miss(struct facts *f, struct ask_list *to, struct near_miss *n) {
  uint8_t twice[NAME_MAX_LEN];
  char domain[NAME_TEXT];

  if (n->kind == NEAR_MISS_TWICE) {
    size_t len = domain_below(domain_text(f->typed.name, f->typed.len, domain), f->typed.name, f->typed.len,
                              twice);
    if (len > 0) facts_add_below(to, &n->asked, n->labels, twice, len, TYPE_SRV);
  } else if (n->kind == NEAR_MISS_AT_TARGET) {
    const struct host *h = own_target(f, n->side == LOOKUP_C2S ? LOOKUP_S2S : LOOKUP_C2S);
    if (h) facts_add_below(to, &n->asked, n->labels, h->name, h->name_len, TYPE_SRV);
  } else {
    facts_add_below(to, &n->asked, n->labels, f->typed.name, f->typed.len, TYPE_SRV);
  }
}

/* Only where the right name has nothing: a wrong one beside it hurts nobody. Beside STARTTLS records few have
 * any for direct TLS, so that those are not missed. */
static bool is_worth_asking(const struct facts *f, const struct near_miss *n) {
  const struct service *starttls = facts_service(f->domain, n->side, false);
  if (!(f->domain->sides & n->side)) return false;
  return !facts_has_records(f->domain, n->side) ||
         (starttls->state == SERVICE_ABSENT && strcmp(n->right, starttls->kind->labels) == 0);
}

void facts_questions_of_near_misses(struct facts *f, struct ask_list *to) {
  for (size_t i = 0; i < FACTS_NEAR_MISSES; i++) {
    if (is_worth_asking(f, &f->near_misses[i])) add_near_miss(f, to, &f->near_misses[i]);
  }
}
