/* walk.c: the DNS walks of XMPP programs. Exports programs, program_walk. */
#include "scenario/walk.h"

#include <stdio.h>

#include "base/must.h"
#include "xmpp/srv.h"

/* Asks; returns the question's number. */
static unsigned start(struct walk *k, const char *name, uint16_t type) {
  must(k->count < WALK_ASKED);
  k->asked[k->count] = client_ask(k->world, name, type, k->program->how);
  return k->count++;
}

/* One question of a walk while it is waited for. */
struct question_state {
  struct heard *sent[8]; /* the same question, sent again and again */
  unsigned count, failed;
  bool over;
};

static void send_again(struct walk *k, struct question_state *s) {
  const struct program *p = k->program;
  const struct heard *h = s->sent[0];
  must(s->count < sizeof s->sent / sizeof *s->sent);
  s->sent[s->count] = client_ask_octets(k->world, h->name, h->name_len, h->type, p->how | (p->then_tcp ? HOW_TCP : 0));
  s->count++;
}

/* Looks whether an answer has come, or it is time to send it again or to give up. */
static void look(struct walk *k, struct question_state *s, struct heard **out) {
  const struct program *p = k->program;
  for (unsigned i = 0; i < s->count && !s->over; i++) {
    if (!is_answered(s->sent[i])) continue;
    *out = s->sent[i];
    s->over = heard_rcode(*out) != RCODE_SERVFAIL || s->failed == p->insists;
    if (s->over) return;
    s->failed++;
    send_again(k, s);
    s->sent[i] = s->sent[--s->count];
    i--;
  }
  if (k->world->now_ms < s->sent[s->count - 1]->asked_ms + p->patience_ms) return;
  s->over = s->count >= p->sends;
  k->gave_up += s->over;
  if (!s->over) send_again(k, s);
}

/* Waits for all that was asked from the `from`-th question on. */
static void wait_from(struct walk *k, unsigned from) {
  struct question_state states[WALK_ASKED] = {0};
  for (unsigned i = from; i < k->count; i++) states[i] = (struct question_state){.sent = {k->asked[i]}, .count = 1};
  for (;;) {
    unsigned open = 0;
    for (unsigned i = from; i < k->count; i++) {
      if (!states[i].over) look(k, &states[i], &k->asked[i]);
      open += !states[i].over;
    }
    if (!open) return;
    world_run_ms(k->world, 1);
  }
}

static void ask(struct walk *k, const char *name, uint16_t type) { wait_from(k, start(k, name, type)); }

static unsigned start_srv(struct walk *k, const char *service) {
  char name[NAME_TEXT];
  snprintf(name, sizeof name, "_%s._tcp.%s", service, k->domain);
  return start(k, name, TYPE_SRV);
}

/* Appends the targets of an SRV answer in the order in which they are tried. Returns whether the service
 * is there at all. */
static bool add_targets(const struct heard *h, struct walk_hosts *out) {
  struct srv list[WALK_HOSTS];
  unsigned n = 0;
  if (!is_answered(h)) return false;
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

static bool ask_srv(struct walk *k, const char *service) {
  unsigned number = start_srv(k, service);
  wait_from(k, number);
  return add_targets(k->asked[number], &k->hosts);
}

static void or_domain(struct walk *k) {
  if (k->hosts.count == 0) snprintf(k->hosts.name[k->hosts.count++], NAME_TEXT, "%s", k->domain);
}

static void ask_pair(struct walk *k, const char *host) {
  unsigned from = k->count;
  start(k, host, TYPE_A);
  start(k, host, TYPE_AAAA);
  wait_from(k, from);
}

static void prosody_like(struct walk *k, bool tlsa) {
  if (!ask_srv(k, "xmpps-server")) ask_srv(k, "xmpp-server");
  or_domain(k);
  unsigned from = k->count;
  for (unsigned i = 0; i < k->hosts.count; i++) {
    char name[NAME_TEXT + 16];
    start(k, k->hosts.name[i], TYPE_A);
    start(k, k->hosts.name[i], TYPE_AAAA);
    snprintf(name, sizeof name, "_5269._tcp.%s", k->hosts.name[i]);
    if (tlsa) start(k, name, TYPE_TLSA);
  }
  wait_from(k, from);
}

static void prosody(struct walk *k) { prosody_like(k, false); }
static void prosody_dane(struct walk *k) { prosody_like(k, true); }

static void ejabberd(struct walk *k) {
  ask_srv(k, "xmpps-server");
  ask_srv(k, "xmpp-server");
  or_domain(k);
  for (unsigned i = 0; i < k->hosts.count; i++) {
    ask(k, k->hosts.name[i], TYPE_AAAA);
    ask(k, k->hosts.name[i], TYPE_A);
  }
}

/* Every empty answer is asked for again at once. */
static void mongooseim(struct walk *k) {
  if (!ask_srv(k, "xmpps-server")) ask_srv(k, "xmpps-server");
  if (!ask_srv(k, "xmpp-server")) ask_srv(k, "xmpp-server");
  or_domain(k);
  ask(k, k->hosts.name[0], TYPE_A);
  ask(k, k->hosts.name[0], TYPE_AAAA);
}

static void openfire(struct walk *k) {
  bool plain = ask_srv(k, "xmpp-server"), direct = ask_srv(k, "xmpps-server");
  if (!plain && !direct) ask_srv(k, "jabber");
  or_domain(k);
  for (unsigned i = 0; i < k->hosts.count; i++) ask_pair(k, k->hosts.name[i]);
}

static void metronome(struct walk *k) {
  ask_srv(k, "xmpps-server");
  ask_srv(k, "xmpp-server");
  or_domain(k);
  ask_pair(k, k->hosts.name[0]);
}

static void conversations(struct walk *k) {
  unsigned direct = start_srv(k, "xmpps-client"), plain = start_srv(k, "xmpp-client");
  start(k, k->domain, TYPE_A);
  start(k, k->domain, TYPE_AAAA);
  wait_from(k, 0);
  add_targets(k->asked[direct], &k->hosts);
  add_targets(k->asked[plain], &k->hosts);
  if (k->hosts.count) ask_pair(k, k->hosts.name[0]);
  or_domain(k);
}

static void smack(struct walk *k) {
  ask_srv(k, "xmpp-client");
  if (k->hosts.count) {
    ask(k, k->hosts.name[0], TYPE_A);
    ask(k, k->hosts.name[0], TYPE_AAAA);
  }
  or_domain(k);
  ask(k, k->domain, TYPE_A);
  ask(k, k->domain, TYPE_AAAA);
}

static void dino(struct walk *k) {
  ask_srv(k, "xmpp-client");
  ask_srv(k, "xmpps-client");
  or_domain(k);
  ask_pair(k, k->hosts.name[0]);
}

static void gajim(struct walk *k) {
  if (!ask_srv(k, "xmpps-client")) ask_srv(k, "xmpp-client");
  or_domain(k);
  ask_pair(k, k->hosts.name[0]);
}

static void slixmpp(struct walk *k) {
  ask_srv(k, "xmpp-client");
  or_domain(k);
  ask(k, k->hosts.name[0], TYPE_AAAA);
  ask(k, k->hosts.name[0], TYPE_A);
}

/* libstrophe, profanity, gloox: getaddrinfo of the first target. */
static void srv_then_pair(struct walk *k) {
  ask_srv(k, "xmpp-client");
  or_domain(k);
  ask_pair(k, k->hosts.name[0]);
}

/* The connect fails; the old way to BOSH is looked up. */
static void libpurple(struct walk *k) {
  char name[NAME_TEXT];
  srv_then_pair(k);
  snprintf(name, sizeof name, "_xmppconnect.%s", k->domain);
  ask(k, name, TYPE_TXT);
}

/* Patience: libunbound's about 1 s a try; Erlang's 2 s in three tries, also for what MongooseIM asks; JNDI's 1 s, then
 * doubled; MiniDNS (Conversations) 3 s and TCP after that; glibc's 5 s twice. */
const struct program programs[PROGRAMS] = {
    {"prosody", HOW_DO, 1000, 5, 4, false, prosody},
    {"prosody with DANE", HOW_DO, 1000, 5, 4, false, prosody_dane},
    {"prosody with net/dns.lua", HOW_PLAIN, 5000, 1, 0, false, prosody},
    {"ejabberd", HOW_PLAIN, 667, 3, 0, false, ejabberd},
    {"mongooseim", HOW_PLAIN, 667, 3, 0, false, mongooseim},
    {"openfire", HOW_PLAIN, 1000, 4, 0, false, openfire},
    {"metronome", HOW_PLAIN, 15000, 1, 0, false, metronome},
    {"conversations", HOW_EDNS, 3000, 2, 0, true, conversations},
    {"smack", HOW_EDNS, 5000, 1, 0, false, smack},
    {"dino", HOW_PLAIN, 5000, 2, 0, false, dino},
    {"gajim", HOW_PLAIN, 5000, 2, 0, false, gajim},
    {"slixmpp", HOW_PLAIN, 1000, 1, 0, false, slixmpp},
    {"libstrophe", HOW_PLAIN, 5000, 2, 1, false, srv_then_pair},
    {"profanity", HOW_PLAIN, 5000, 2, 1, false, srv_then_pair},
    {"gloox", HOW_PLAIN, 5000, 2, 0, false, srv_then_pair},
    {"libpurple", HOW_PLAIN, 5000, 2, 0, false, libpurple},
};

void program_walk(const struct program *p, struct world *w, const char *domain, struct walk *out) {
  *out = (struct walk){.world = w, .domain = domain, .program = p};
  p->walk(out);
}
