/* walk.c: the DNS walks of XMPP programs. Exports programs, program_walk. */
#include "scenario/walk.h"

#include <stdio.h>

#include "base/must.h"
#include "xmpp/srv.h"

struct hosts {
  unsigned count;
  char name[WALK_HOSTS][NAME_TEXT];
};

static struct heard *start(struct walk *k, const char *name, uint16_t type) {
  must(k->count < WALK_ASKED);
  return k->asked[k->count++] = client_ask(k->world, name, type, k->how);
}

static void ask(struct walk *k, const char *name, uint16_t type) { client_wait(start(k, name, type)); }

/* Waits for all that was asked from the `from`-th question on. */
static void wait_from(struct walk *k, unsigned from) {
  for (unsigned i = from; i < k->count; i++) client_wait(k->asked[i]);
}

static struct heard *start_srv(struct walk *k, const char *service) {
  char name[NAME_TEXT];
  snprintf(name, sizeof name, "_%s._tcp.%s", service, k->domain);
  return start(k, name, TYPE_SRV);
}

/* Appends the targets of an SRV answer in the order in which they are tried. Returns whether the service
 * is there at all. */
static bool add_targets(const struct heard *h, struct hosts *out) {
  struct srv list[WALK_HOSTS];
  unsigned n = 0;
  const struct seen *s = heard_seen(h);
  for (unsigned i = 0; i < s->an && n < WALK_HOSTS; i++) {
    if (srv_read(seen_record(s, SECTION_ANSWER, i), &list[n])) n++;
  }
  srv_sort(list, n);
  for (unsigned i = 0; i < n && out->count < WALK_HOSTS; i++) {
    if (srv_is_none(&list[i])) continue;
    name_format(list[i].target, list[i].target_len, out->name[out->count++]);
  }
  return n > 0;
}

static bool ask_srv(struct walk *k, const char *service, struct hosts *out) {
  struct heard *h = start_srv(k, service);
  client_wait(h);
  return add_targets(h, out);
}

static void or_domain(const struct walk *k, struct hosts *h) {
  if (h->count == 0) snprintf(h->name[h->count++], NAME_TEXT, "%s", k->domain);
}

static void ask_pair(struct walk *k, const char *host) {
  unsigned from = k->count;
  start(k, host, TYPE_A);
  start(k, host, TYPE_AAAA);
  wait_from(k, from);
}

static void prosody_like(struct walk *k, bool tlsa) {
  struct hosts h = {0};
  if (!ask_srv(k, "xmpps-server", &h)) ask_srv(k, "xmpp-server", &h);
  or_domain(k, &h);
  unsigned from = k->count;
  for (unsigned i = 0; i < h.count; i++) {
    char name[NAME_TEXT + 16];
    start(k, h.name[i], TYPE_A);
    start(k, h.name[i], TYPE_AAAA);
    snprintf(name, sizeof name, "_5269._tcp.%s", h.name[i]);
    if (tlsa) start(k, name, TYPE_TLSA);
  }
  wait_from(k, from);
}

static void prosody(struct walk *k) { prosody_like(k, false); }
static void prosody_dane(struct walk *k) { prosody_like(k, true); }

static void ejabberd(struct walk *k) {
  struct hosts h = {0};
  ask_srv(k, "xmpps-server", &h);
  ask_srv(k, "xmpp-server", &h);
  or_domain(k, &h);
  for (unsigned i = 0; i < h.count; i++) {
    ask(k, h.name[i], TYPE_AAAA);
    ask(k, h.name[i], TYPE_A);
  }
}

/* Every empty answer is asked for again at once. */
static void mongooseim(struct walk *k) {
  struct hosts h = {0};
  if (!ask_srv(k, "xmpps-server", &h)) ask_srv(k, "xmpps-server", &h);
  if (!ask_srv(k, "xmpp-server", &h)) ask_srv(k, "xmpp-server", &h);
  or_domain(k, &h);
  ask(k, h.name[0], TYPE_A);
  ask(k, h.name[0], TYPE_AAAA);
}

static void openfire(struct walk *k) {
  struct hosts h = {0};
  bool plain = ask_srv(k, "xmpp-server", &h), direct = ask_srv(k, "xmpps-server", &h);
  if (!plain && !direct) ask_srv(k, "jabber", &h);
  or_domain(k, &h);
  for (unsigned i = 0; i < h.count; i++) ask_pair(k, h.name[i]);
}

static void metronome(struct walk *k) {
  struct hosts h = {0};
  ask_srv(k, "xmpps-server", &h);
  ask_srv(k, "xmpp-server", &h);
  or_domain(k, &h);
  ask_pair(k, h.name[0]);
}

static void conversations(struct walk *k) {
  struct hosts h = {0};
  struct heard *direct = start_srv(k, "xmpps-client"), *plain = start_srv(k, "xmpp-client");
  start(k, k->domain, TYPE_A);
  start(k, k->domain, TYPE_AAAA);
  wait_from(k, 0);
  add_targets(direct, &h);
  add_targets(plain, &h);
  if (h.count) ask_pair(k, h.name[0]);
}

static void smack(struct walk *k) {
  struct hosts h = {0};
  ask_srv(k, "xmpp-client", &h);
  if (h.count) {
    ask(k, h.name[0], TYPE_A);
    ask(k, h.name[0], TYPE_AAAA);
  }
  ask(k, k->domain, TYPE_A);
  ask(k, k->domain, TYPE_AAAA);
}

static void dino(struct walk *k) {
  struct hosts h = {0};
  ask_srv(k, "xmpp-client", &h);
  ask_srv(k, "xmpps-client", &h);
  or_domain(k, &h);
  ask_pair(k, h.name[0]);
}

static void gajim(struct walk *k) {
  struct hosts h = {0};
  ask_srv(k, "xmpps-client", &h);
  if (!h.count) ask_srv(k, "xmpp-client", &h);
  or_domain(k, &h);
  ask_pair(k, h.name[0]);
}

static void slixmpp(struct walk *k) {
  struct hosts h = {0};
  ask_srv(k, "xmpp-client", &h);
  or_domain(k, &h);
  ask(k, h.name[0], TYPE_AAAA);
  ask(k, h.name[0], TYPE_A);
}

/* libstrophe, profanity, gloox: getaddrinfo of the first target. */
static void srv_then_pair(struct walk *k) {
  struct hosts h = {0};
  ask_srv(k, "xmpp-client", &h);
  or_domain(k, &h);
  ask_pair(k, h.name[0]);
}

/* The connect fails; the old way to BOSH is looked up. */
static void libpurple(struct walk *k) {
  char name[NAME_TEXT];
  srv_then_pair(k);
  snprintf(name, sizeof name, "_xmppconnect.%s", k->domain);
  ask(k, name, TYPE_TXT);
}

const struct program programs[PROGRAMS] = {
    {"prosody", HOW_DO, prosody},
    {"prosody with DANE", HOW_DO, prosody_dane},
    {"prosody with net/dns.lua", HOW_PLAIN, prosody},
    {"ejabberd", HOW_PLAIN, ejabberd},
    {"mongooseim", HOW_PLAIN, mongooseim},
    {"openfire", HOW_PLAIN, openfire},
    {"metronome", HOW_PLAIN, metronome},
    {"conversations", HOW_EDNS, conversations},
    {"smack", HOW_EDNS, smack},
    {"dino", HOW_PLAIN, dino},
    {"gajim", HOW_PLAIN, gajim},
    {"slixmpp", HOW_PLAIN, slixmpp},
    {"libstrophe", HOW_PLAIN, srv_then_pair},
    {"profanity", HOW_PLAIN, srv_then_pair},
    {"gloox", HOW_PLAIN, srv_then_pair},
    {"libpurple", HOW_PLAIN, libpurple},
};

void program_walk(const struct program *p, struct world *w, const char *domain, struct walk *out) {
  *out = (struct walk){.world = w, .domain = domain, .how = p->how};
  p->walk(out);
}
