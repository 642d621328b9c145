/* reply.c: fuzz target: what upstream replies, judged, verified, stored, expanded, and given to clients.
 *
 * Input: an octet of how, an octet that chooses the question, then for each exchange in turn an octet of how
 * it ends, and for a reply two octets of length and the reply: as it stands (REPLY_RAW), or the header's
 * second and third word and what follows the question, the rest being as in a right reply. Before that the
 * link to the server may come or go, so that asking itself fails (REPLY_LINK), and all that is cached may be
 * flushed while answers are held back (REPLY_FLUSH). */
#include <stdlib.h>

#include "dns/form.h"
#include "dns/ttl.h"
#include "fuzz/fuzz.h"
#include "fuzz/resolver.h"

enum {
  HOW_DO = 1,
  HOW_CD = 2,
  HOW_TCP = 4,
  HOW_CASE = 8,
  HOW_COOKIES = 16,
  HOW_WAIT = 32,
  HOW_CUT = 64,
  HOW_AD = 128
};
enum { REPLY_RAW = 1, REPLY_REFUSED = 2, REPLY_LATER = 4, REPLY_SLOW = 8, REPLY_LINK = 16, REPLY_FLUSH = 32 };
enum { STEPS = 64, TOLD = 256, RIGHT_FLAGS = (DNS_QR | DNS_RD) << 8 | DNS_RA };

static const struct {
  const char *name;
  uint16_t type;
} questions[] = {
    {"a.lab.", TYPE_A},
    {"a.lab.", TYPE_AAAA},
    {"_xmpp-server._tcp.lab.", TYPE_SRV},
    {"_xmpp-client._tcp.lab.", TYPE_SRV},
    {"a.lab.", TYPE_CNAME},
    {"a.lab.", TYPE_ANY},
    {"a.lab.", TYPE_DNAME},
    {"_5269._tcp.a.lab.", TYPE_TLSA},
    {".", TYPE_NS},
    {"lab.", TYPE_SOA},
    {"lab.", TYPE_MX},
    {"lab.", TYPE_TXT},
    {"a.lab.", 65280},
    {"a.lab.", TYPE_RRSIG},
    {"a.b.c.d.e.f.g.h.lab.", TYPE_A},
    {"_sip._udp.lab.", TYPE_SRV},
};

struct run {
  struct resolver *r;
  uint8_t how;
  uint64_t now_ms;
  unsigned delivered;
  struct msg query;
  struct seen seen, udp;
  uint8_t *replies[STEPS];
  unsigned reply_count;
  struct record told[TOLD]; /* all records of all replies; borrow these */
  unsigned told_count;
};

/* ---- what the server says ---- */

static void note_told(struct run *run, const uint8_t *msg, size_t len) {
  struct wire w = wire_read(msg, len);
  uint8_t name[NAME_MAX_LEN];
  if (len < DNS_HEADER) return;
  unsigned records = (unsigned)load_u16(msg + 6) + load_u16(msg + 8) + load_u16(msg + 10);
  w.at = DNS_HEADER;
  if (load_u16(msg + 4)) name_read(&w, name);
  if (load_u16(msg + 4)) wire_u32(&w);
  for (; records > 0 && run->told_count < TOLD && record_read(&w, &run->told[run->told_count]); records--)
    run->told_count++;
}

/* A reply to x that is right as far as the question; the rest is the input's. */
static size_t write_reply(const struct exchange *x, struct wire *in, uint8_t *out) {
  size_t len;
  exchange_write(x->question, &x->query_opts, out);
  store_u16(out, x->id);
  store_u16(out + 2, (uint16_t)(RIGHT_FLAGS ^ feed_u16(in)));
  for (unsigned i = 0; i < 3; i++) store_u16(out + 6 + 2 * i, feed_u16(in));
  size_t at = DNS_HEADER + x->question->name_len + 4u;
  const uint8_t *rest = feed_octets(in, DNS_MSG_MAX - at, &len);
  memcpy(out + at, rest, len);
  return at + len;
}

static void reply(struct run *run, const struct exchange *x, bool raw, const uint8_t *octets, size_t len) {
  static uint8_t made[DNS_MSG_MAX];
  struct wire in = wire_read(octets, len);
  if (!raw) {
    len = write_reply(x, &in, made);
    octets = made;
  }
  uint8_t *msg = run->replies[run->reply_count++] = exact(octets, len);
  note_told(run, msg, len);
  resolver_reply(run->r, msg, len, run->now_ms);
}

static void go_to_timer(struct run *run) {
  uint64_t next_ms = timers_next_ms(&run->r->timers);
  if (next_ms == UINT64_MAX) return;
  if (next_ms > run->now_ms) run->now_ms = next_ms;
  timers_run(&run->r->timers, run->now_ms);
}

static void step(struct run *run, struct wire *in) {
  struct exchange *x = resolver_first(run->r);
  if (!x) {
    go_to_timer(run);
    return;
  }

  uint8_t form = feed_u8(in);
  size_t len;
  if (form & REPLY_SLOW) run->now_ms += 100;
  if (form & REPLY_LINK) run->r->link_is_down = !run->r->link_is_down;
  if (form & REPLY_FLUSH)
    cache_flush(run->r->cache,
                &(struct cache_which){.name = (const uint8_t *)"", .name_len = 1, .below = true});
  if (form & REPLY_REFUSED) {
    resolver_refuse(run->r, run->now_ms);
  } else if (form & REPLY_LATER) {
    go_to_timer(run);
  } else {
    size_t want = feed_u16(in);
    const uint8_t *octets = feed_octets(in, want, &len);
    reply(run, x, form & REPLY_RAW, octets, len);
  }
}

/* ---- what clients hear ---- */

/* With a TTL that is no longer, or that of a stale answer; or it is the CNAME that a DNAME so told makes. */
static bool was_told(const struct run *run, const struct seen *s, const struct record *r) {
  bool stale = s->ede == EDE_STALE;
  if (stale && r->ttl != TTL_STALE) return false;
  for (unsigned i = 0; i < run->told_count; i++) {
    const struct record *told = &run->told[i];
    if ((stale || r->ttl <= ttl_received(told->ttl)) && (same_record(r, told) || follows_from(told, r)))
      return true;
  }
  return run->told_count == TOLD;
}

/* The answer's names, from the asked one along its CNAMEs, or an SRV's targets and theirs. */
struct names {
  unsigned count;
  struct {
    size_t len;
    uint8_t octets[NAME_MAX_LEN];
  } at[SEEN_MAX];
};

static bool names_have(const struct names *n, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < n->count; i++) {
    if (name_equal(n->at[i].octets, n->at[i].len, name, len)) return true;
  }
  return false;
}

static bool names_lie_below(const struct names *n, const uint8_t *zone, size_t len) {
  for (unsigned i = 0; i < n->count; i++) {
    if (name_is_within(n->at[i].octets, n->at[i].len, zone, len)) return true;
  }
  return false;
}

static void names_add_target(struct names *n, const struct record *r, size_t skip) {
  must(n->count < SEEN_MAX);
  n->at[n->count].len = record_target(r, skip, n->at[n->count].octets);
  must(n->at[n->count].len);
  n->count++;
}

static void check_answer_section(const struct run *run, const struct question *q, const struct seen *s,
                                 struct names *chain) {
  bool dnssec_ok = question_flags(q) & KEY_DO;
  uint16_t asked = question_type(q);

  chain->count = 1;
  chain->at[0].len = q->name_len;
  memcpy(chain->at[0].octets, q->key, q->name_len);
  for (unsigned i = 0; i < s->an; i++) {
    const struct record *r = &s->records[i];
    uint16_t covered = r->type == TYPE_RRSIG && r->rdlen >= 2 ? load_u16(record_rdata(r)) : 0;
    must(was_told(run, s, r));
    if (r->type == TYPE_DNAME || covered == TYPE_DNAME) must(names_lie_below(chain, r->owner, r->owner_len));
    else must(names_have(chain, r->owner, r->owner_len));
    must(r->type == asked || asked == TYPE_ANY || r->type == TYPE_CNAME || r->type == TYPE_DNAME ||
         (r->type == TYPE_RRSIG && dnssec_ok));
    must(r->type != TYPE_OPT && r->klass == CLASS_IN && form_holds(r));
    if (r->type == TYPE_CNAME && asked != TYPE_CNAME && asked != TYPE_ANY) names_add_target(chain, r, 0);
  }
}

static void check_authority_section(const struct run *run, const struct question *q, const struct seen *s,
                                    const struct names *chain) {
  bool dnssec_ok = question_flags(q) & KEY_DO;
  for (unsigned i = s->an; i < s->an + s->ns; i++) {
    const struct record *r = &s->records[i];
    bool proof = r->type == TYPE_NSEC || r->type == TYPE_NSEC3 || r->type == TYPE_RRSIG;
    must((r->type == TYPE_SOA || (proof && dnssec_ok)) && form_holds(r));
    if (r->type == TYPE_SOA) must(names_lie_below(chain, r->owner, r->owner_len));
    must(was_told(run, s, r));
  }
}

/* Only an SRV answer has any: its targets' addresses. */
static void check_additional_section(const struct run *run, const struct question *q, const struct seen *s) {
  static struct names targets;
  must(s->ar == 0 || question_type(q) == TYPE_SRV);
  targets.count = 0;
  for (unsigned i = 0; i < s->an && s->ar; i++) {
    if (s->records[i].type == TYPE_SRV) names_add_target(&targets, &s->records[i], 6);
  }
  for (unsigned i = s->an + s->ns; i < s->an + s->ns + s->ar; i++) {
    const struct record *r = &s->records[i];
    must(names_have(&targets, r->owner, r->owner_len) || r->type == TYPE_DNAME || r->type == TYPE_RRSIG);
    must(was_told(run, s, r));
    if (r->type == TYPE_CNAME) names_add_target(&targets, r, 0);
  }
}

static size_t ask(struct run *run, const struct question *q, bool tcp, struct seen *s) {
  static uint8_t out[DNS_MSG_MAX];
  static struct msg m;
  uint8_t flags = question_flags(q);
  struct client client = {.transport = tcp ? TRANSPORT_TCP : TRANSPORT_UDP};

  msg_start(&m, (uint16_t)(DNS_RD << 8 | (flags & KEY_CD ? DNS_CD : 0)));
  msg_put(&m, q->key, q->name_len + 4u);
  msg_set_count(&m, 0, 1);
  msg_opt(&m, DNS_UDP_OURS, 0, flags & KEY_DO, NULL, 0); /* what is stale is said in it */
  int n = serve_query(&run->r->serve, m.octets, m.len, &client, run->now_ms, out);
  must(n > 0); /* without servers nobody is told to wait */
  unsigned records = (unsigned)load_u16(out + 6) + load_u16(out + 8) + load_u16(out + 10);
  if (records >= SEEN_MAX) return 0;
  check_answer(m.octets, m.len, tcp, out, (size_t)n, s);
  must(!tcp || !(out[2] & DNS_TC));
  return (size_t)n;
}

/* A truncated answer holds some of the records of the whole one, each once, those of the authority only
 * behind all of the answer. */
static void check_cut(const struct seen *cut, const struct seen *whole) {
  static bool used[SEEN_MAX];
  memset(used, 0, sizeof used);
  must(cut->an + cut->ns < whole->an + whole->ns && (cut->ns == 0 || cut->an == whole->an));
  for (unsigned i = 0; i < cut->an + cut->ns; i++) {
    unsigned k = i < cut->an ? 0 : whole->an, end = i < cut->an ? whole->an : whole->an + whole->ns;
    while (k < end && (used[k] || !same_record(&cut->records[i], &whole->records[k]))) k++;
    must(k < end);
    used[k] = true;
  }
}

/* What the cache now says to q is all of what the replies said, belongs to q, and is the same over both
 * transports. */
static void check_cached(struct run *run, const struct question *q) {
  static struct names chain;
  const struct seen *s = &run->seen;

  if (!ask(run, q, true, &run->seen) || s->rcode == RCODE_SERVFAIL) return;
  must(s->rcode == RCODE_NOERROR || s->rcode == RCODE_NXDOMAIN || s->rcode == RCODE_YXDOMAIN);
  must(!(s->low & DNS_AD) || run->how & HOW_AD);
  check_answer_section(run, q, s, &chain);
  check_authority_section(run, q, s, &chain);
  check_additional_section(run, q, s);
  if (!ask(run, q, false, &run->udp)) return;
  must(run->udp.rcode == s->rcode);
  if (run->udp.high & DNS_TC) {
    check_cut(&run->udp, s);
    return;
  }

  must(run->udp.an == s->an && run->udp.ns == s->ns && run->udp.ar <= s->ar);
}

static void deliver(const struct client *c, const uint8_t *msg, size_t len) {
  struct run *run = c->owner;
  unsigned records = (unsigned)load_u16(msg + 6) + load_u16(msg + 8) + load_u16(msg + 10);
  run->delivered++;
  /* TC over TCP only when that is all there was */
  must(c->transport == TRANSPORT_UDP || !(msg[2] & DNS_TC) || run->r->counters.partial);
  if (records < SEEN_MAX)
    check_answer(run->query.octets, run->query.len, c->transport == TRANSPORT_TCP, msg, len, &run->seen);
}

/* ---- a run ---- */

static void start(struct run *run, uint8_t what) {
  static uint8_t out[DNS_MSG_MAX];
  unsigned i = what % (sizeof questions / sizeof *questions);
  uint8_t how = run->how;
  const struct resolver_options o = {
      .nxdomain_cut = how & HOW_CUT,
      .trust_ad = how & HOW_AD,
      .cookies = how & HOW_COOKIES,
      .case_random = how & HOW_CASE,
      .xmpp = {.expand = how & HOW_WAIT ? XMPP_EXPAND_WAIT : XMPP_EXPAND_CACHED,
               .expand_all = how & HOW_WAIT,
               .prefetch = !(what & 0x80),
               .guess = true}};
  struct client client = {
      .deliver = deliver, .owner = run, .transport = how & HOW_TCP ? TRANSPORT_TCP : TRANSPORT_UDP};

  run->r = resolver_new(&o);
  run->now_ms = RESOLVER_START_MS;
  run->delivered = run->reply_count = run->told_count = 0;
  msg_query(&run->query, questions[i].name, questions[i].type);
  if (how & HOW_CD) run->query.octets[3] |= DNS_CD;
  if (how & HOW_DO) msg_opt(&run->query, DNS_UDP_MAX, 0, true, NULL, 0);
  must(serve_query(&run->r->serve, run->query.octets, run->query.len, &client, run->now_ms, out) ==
       SERVE_LATER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct run run;
  struct wire in = feed(data, size);

  run.how = feed_u8(&in);
  start(&run, feed_u8(&in));
  for (unsigned i = 0; i < STEPS && feed_left(&in); i++) step(&run, &in);
  run.r->link_is_down = false;
  resolver_refuse_all(run.r, run.now_ms);
  for (unsigned i = 0; i < STEPS && forward_in_flight(run.r->forward); i++) {
    go_to_timer(&run);
    resolver_refuse_all(run.r, run.now_ms);
  }

  must(run.delivered == 1 && forward_in_flight(run.r->forward) == 0);
  unsigned servers = run.r->upstream.count;
  run.r->upstream.count = 0;
  for (unsigned i = 0; i < run.r->question_count; i++) check_cached(&run, &run.r->questions[i]);
  run.r->upstream.count = servers;
  resolver_free(run.r);
  for (unsigned i = 0; i < run.reply_count; i++) free(run.replies[i]);
  return 0;
}
