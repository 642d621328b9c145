/* lab.c: an upstream that signs, and a world that validates. Exports lab_*. */
#include "scenario/lab.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/must.h"

enum { SET_MAX = 32, DAY_S = 86400 };

/* ---- what is signed ---- */

/* The sets of an answer as the zone has them, one behind the other. */
struct signing {
  struct lab *lab;
  struct msg *out;
  uint16_t type;  /* asked for */
  unsigned rcode; /* of the answer */
  size_t name_len;
  uint8_t name[NAME_MAX_LEN]; /* where aliases have led so far */
};

static struct signer_way way_of(const struct lab *l, const struct signer_zone *z, uint32_t ttl_s) {
  struct signer_way way = {
      .zone = z->kind == SIGNER_UNSIGNED ? NULL : z->text, .ttl_s = ttl_s, .expires = (int32_t)l->life_s};
  if (!l->expired || strcmp(l->expired, z->text) != 0) return way;
  way.begins = -30 * DAY_S;
  way.expires = -20 * DAY_S;
  return way;
}

static struct rdata rdata_of(const struct record *r) {
  return rd_octets(record_rdata(r), r->rdlen); /* the zone compresses nothing */
}

static void sign_set(struct signing *g, const struct record *first, const struct rdata *rd, unsigned count) {
  char owner[NAME_TEXT];
  const struct signer_zone *z = signer_zone_of(g->lab->signer, first->owner, first->owner_len, first->type);
  name_format(first->owner, first->owner_len, owner);
  signer_sets(g->lab->signer, g->out, SECTION_ANSWER, owner, first->type, rd, count,
              way_of(g->lab, z, first->ttl));
  if (first->type != TYPE_CNAME) return;
  g->name_len = rd[0].len;
  memcpy(g->name, rd[0].octets, rd[0].len);
}

static void types_at(const struct signing *g, const struct signer_zone *z, uint16_t *types) {
  const struct zone *zone = &g->lab->world->zone;
  bool is_apex = name_equal(g->name, g->name_len, z->name, z->name_len);
  unsigned n = 0;
  if (is_apex) types[n++] = TYPE_NS;
  if (is_apex) types[n++] = TYPE_SOA;
  types[n++] = TYPE_RRSIG;
  types[n++] = TYPE_NSEC;
  for (unsigned i = 0; i < zone->count && n < SET_MAX; i++) {
    const struct zone_record *r = &zone->records[i];
    if (name_equal(r->name, r->name_len, g->name, g->name_len)) types[n++] = r->type;
  }
  types[n] = 0;
}

/* That there is nothing: the only name of the zone is its own; or the name has no such type. */
static void sign_denial(struct signing *g, uint32_t ttl_s) {
  static const uint16_t apex[] = {TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_NSEC, TYPE_DNSKEY, 0};
  char name[NAME_TEXT], next[NAME_TEXT + 8];
  uint16_t types[SET_MAX + 1];
  const struct signer_zone *z = signer_zone_of(g->lab->signer, g->name, g->name_len, g->type);
  struct signer_way way = way_of(g->lab, z, ttl_s);
  signer_soa(g->lab->signer, g->out, z->text, way);
  if (!way.zone) return;
  if (g->rcode == RCODE_NXDOMAIN) {
    signer_nsec(g->lab->signer, g->out, z->text, z->text, apex, way);
    return;
  }
  name_format(g->name, g->name_len, name);
  snprintf(next, sizeof next, "\\000.%s", name);
  types_at(g, z, types);
  signer_nsec(g->lab->signer, g->out, name, next, types, way);
}

static void sign_message(struct signing *g, const struct msg *plain) {
  static struct rdata rd[SET_MAX];
  struct wire w = record_start(plain->octets, plain->len);
  struct record first = {0}, r;
  unsigned an = msg_count(plain, 1), ns = msg_count(plain, 2), count = 0;
  for (unsigned i = 0; i < an; i++) {
    must(record_read(&w, &r) && count < SET_MAX);
    bool goes_on = count && r.type == first.type &&
                   name_equal(r.owner, r.owner_len, first.owner, first.owner_len);
    if (count && !goes_on) sign_set(g, &first, rd, count);
    if (!goes_on) {
      first = r;
      count = 0;
    }
    rd[count++] = rdata_of(&r);
  }
  if (count) sign_set(g, &first, rd, count);
  if (ns && record_read(&w, &r)) sign_denial(g, r.ttl);
}

/* ---- how well ---- */

static void spoil(struct msg *m) {
  struct wire w = record_start(m->octets, m->len);
  struct record r;
  while (w.at < m->len && record_read(&w, &r))
    if (r.type == TYPE_RRSIG) m->octets[r.rdata_at + r.rdlen - 1] ^= 1;
}

static void strip(struct msg *m) {
  static struct msg whole;
  struct wire w = record_start(m->octets, m->len);
  struct record r;
  unsigned counts[] = {msg_count(m, 1), msg_count(m, 2)};
  memcpy(&whole, m, sizeof whole);
  w.msg = whole.octets;
  m->len = w.at;
  for (unsigned s = 0; s < 2; s++) {
    unsigned kept = 0;
    for (unsigned i = 0; i < counts[s]; i++) {
      size_t from = w.at;
      must(record_read(&w, &r));
      if (r.type == TYPE_RRSIG || r.type == TYPE_NSEC) continue;
      msg_put(m, whole.octets + from, w.at - from);
      kept++;
    }
    msg_set_count(m, 1 + s, (uint16_t)kept);
  }
}

/* What signs is the zone itself: its records, but for keys, are those of the kit's zone. */
static void make(struct lab *l, struct msg *out, const struct question *q) {
  static struct msg plain;
  char text[NAME_TEXT];
  uint16_t type = question_type(q);
  name_format(q->key, q->name_len, text);
  if (type == TYPE_DNSKEY || type == TYPE_DS) {
    signer_answer(l->signer, q->key, q->name_len, type, out);
    return;
  }

  msg_answer(&plain, text, type, RCODE_NOERROR);
  zone_answer(&l->world->zone, &plain, q->key, q->name_len, type, false);
  struct signing g = {
      .lab = l, .out = out, .type = type, .rcode = plain.octets[3] & DNS_RCODE, .name_len = q->name_len};
  memcpy(g.name, q->key, q->name_len);
  msg_answer(out, text, type, g.rcode);
  sign_message(&g, &plain);
}

/* Appends it to header and question. */
static void append(struct msg *m, const struct msg *made, const struct question *q) {
  size_t head = DNS_HEADER + q->name_len + 4u;
  must(m->len == head);
  msg_put(m, made->octets + head, made->len - head);
  m->octets[3] |= made->octets[3] & DNS_RCODE;
  for (unsigned which = 1; which <= 3; which++) msg_set_count(m, which, msg_count(made, which));
}

static void answer(void *ctx, struct msg *m, const struct question *q, bool dnssec_ok, enum fault fault,
                   uint64_t now_ms) {
  static struct msg made;
  struct lab *l = ctx;
  uint32_t now_s = SIGNER_NOW + (uint32_t)((now_ms - WORLD_START_MS) / 1000) + (uint32_t)l->signs_skew_s;
  l->signer->signs_s = fault == FAULT_EXPIRED ? now_s - 30 * DAY_S : now_s;
  make(l, &made, q);
  if (fault == FAULT_SPOILED) spoil(&made);
  if (fault == FAULT_STRIPPED || !dnssec_ok) strip(&made);
  append(m, &made, q);
}

/* ---- the world ---- */

static uint32_t clock_s(void *ctx, uint64_t now_ms) {
  struct lab *l = ctx;
  l->judged = now_ms == l->judged_ms ? l->judged + 1 : 1;
  l->judged_ms = now_ms;
  if (l->judged > l->judged_most) l->judged_most = l->judged;
  return l->clock_is_wrong ? 0
                           : SIGNER_NOW + (uint32_t)((now_ms - WORLD_START_MS) / 1000) + (uint32_t)l->skew_s;
}

struct lab *lab_new(struct world_options o) {
  struct lab *l = must_zalloc(sizeof *l);
  l->signer = signer_new(ALGORITHM_ED25519);
  signer_zone(l->signer, "lab.", SIGNER_SIGNED);
  must(l->judge = judge_new(l->signer->verifier, &l->signer->anchors));
  prove_log_init(&l->log);
  o.proving = (struct proving){.judge = l->judge, .log = &l->log, .clock_s = clock_s, .clock_ctx = l};
  if (o.forward.prove == PROVE_OFF) o.forward.prove = PROVE_VALIDATE;
  l->world = world_new(&o);
  l->world->script.sign = answer;
  l->world->script.sign_ctx = l;
  return l;
}

void lab_free(struct lab *l) {
  world_free(l->world);
  judge_free(l->judge);
  signer_free(l->signer);
  free(l);
}

/* As the worker does. */
static void use(struct lab *l, const struct forward_options *o) {
  forward_set_options(l->world->wiring.forward, o);
  forward_reroute(l->world->wiring.forward, l->world->now_ms);
}

void lab_set_prove(struct lab *l, enum prove_mode mode) {
  struct forward_options o = *forward_options(l->world->wiring.forward);
  o.policy.prove = mode;
  o.proving.judge = mode == PROVE_OFF ? NULL : l->judge;
  use(l, &o);
}

void lab_renew_judge(struct lab *l) {
  struct forward_options o = *forward_options(l->world->wiring.forward);
  struct judge *old = l->judge;
  must(l->judge = judge_new(l->signer->verifier, &l->signer->anchors));
  o.proving.judge = l->judge;
  forward_set_options(l->world->wiring.forward, &o);
  judge_free(old);
  forward_reroute(l->world->wiring.forward, l->world->now_ms);
}

bool heard_ad(const struct heard *h) { return heard_seen(h)->low & DNS_AD; }

unsigned lab_asked_of_zones(const struct lab *l) {
  return upstream_asked(l->world, "", TYPE_DS) + upstream_asked(l->world, "", TYPE_DNSKEY);
}
