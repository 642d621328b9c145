/* script.c: an upstream in virtual time. Exports script_*. */
#include "scenario/script.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "dns/edns.h"

struct script_channel {
  struct channel channel;
  struct script *script;
  unsigned server;
  enum transport over;
  bool tcp;
  struct channel_facts facts; /* of an encrypted one */
};

struct script_reply {
  struct script_reply *next;
  uint64_t due_ms;
  struct exchange *exchange; /* NULL once dropped */
  enum err outcome;
  size_t len;
  uint8_t msg[];
};

void script_init(struct script *s, struct zone *z, struct counters *c, uint32_t delay_ms) {
  *s = (struct script){.zone = z, .counters = c, .delay_ms = delay_ms, .next_id = 1000};
}

void script_heal(struct script *s) {
  for (unsigned i = 0; i < s->rule_count; i++) free(s->rules[i].made);
  s->rule_count = 0;
}

void script_close(struct script *s) {
  must(s->under_way == 0);
  for (struct script_reply *r = s->replies, *next; r; r = next) {
    next = r->next;
    free(r);
  }
  script_heal(s);
  free(s->rules);
  free(s->asked);
}

void script_rule(struct script *s, const struct fault_rule *rule) {
  if (s->rule_count == s->rule_room) {
    s->rule_room = s->rule_room ? s->rule_room * 2 : 8;
    s->rules = realloc(s->rules, s->rule_room * sizeof *s->rules);
    must(s->rules);
  }
  struct fault_rule *r = &s->rules[s->rule_count++];
  *r = *rule;
  if (!rule->made) return;
  r->made = must_alloc(sizeof *r->made);
  memcpy(r->made, rule->made, sizeof *r->made);
}

/* ---- what is asked ---- */

static struct upstream_question *note(struct script *s, const struct script_channel *c,
                                      const struct exchange *x, const uint8_t *msg, size_t len,
                                      uint64_t now_ms) {
  char text[NAME_TEXT];
  const struct question *q = x->question;
  struct wire w = wire_read(msg, len);
  struct record opt = {0};
  if (s->asked_count == s->asked_room) {
    s->asked_room = s->asked_room ? s->asked_room * 2 : 64;
    s->asked = realloc(s->asked, s->asked_room * sizeof *s->asked);
    must(s->asked);
  }
  w.at = DNS_HEADER + q->name_len + 4u;
  bool edns = load_u16(msg + 10) == 1 && record_read(&w, &opt) && opt.type == TYPE_OPT;
  /* Nothing of the client's goes upstream. */
  must(w.at == len && (msg[2] & ~DNS_RD) == 0 && load_u16(msg + 4) == 1);
  struct upstream_question *u = &s->asked[s->asked_count++];
  *u = (struct upstream_question){.at_ms = now_ms,
                                  .server = c->server,
                                  .type = question_type(q),
                                  .over = c->over,
                                  .tcp = c->tcp,
                                  .edns = edns,
                                  .dnssec_ok = edns && opt.ttl & 0x8000,
                                  .options_len = edns ? opt.rdlen : 0,
                                  .cd = msg[3] & DNS_CD};
  size_t cookie_len;
  if (edns_option(msg, len, OPT_COOKIE, &cookie_len)) u->cookie_len = (uint8_t)cookie_len;
  snprintf(u->name, sizeof u->name, "%s", name_format(q->key, q->name_len, text));
  return u;
}

/* The rule for this question, copied, since its count may end with it; false when there is none. */
static bool find_rule(struct script *s, const struct upstream_question *u, struct fault_rule *out) {
  for (unsigned i = 0; i < s->rule_count; i++) {
    struct fault_rule *r = &s->rules[i];
    if (r->is_spent || (r->name[0] && strcmp(r->name, u->name) != 0)) continue;
    if ((r->type && r->type != u->type) || (r->server >= 0 && (unsigned)r->server != u->server)) continue;
    if ((r->with_cookie && !u->cookie_len) || (r->over_udp && u->tcp)) continue;
    if (r->over_tls && u->over != TRANSPORT_TLS) continue;
    if (r->skip > 0) {
      r->skip--;
      continue;
    }
    if (r->sticks && !r->name[0]) {
      strcpy(r->name, u->name);
      r->type = u->type;
    }
    if (r->times > 0 && --r->times == 0) r->is_spent = true;
    *out = *r;
    return true;
  }

  return false;
}

/* ---- what is replied ---- */

static void start(struct msg *m, const struct exchange *x, bool lowers) {
  msg_start(m, (uint16_t)((DNS_QR | DNS_RD) << 8 | DNS_RA));
  store_u16(m->octets, x->id);
  msg_put(m, x->question->key, x->question->name_len + 4u);
  msg_set_count(m, 0, 1);
  if (x->query_opts.case_seed && !lowers) { /* as it was asked */
    uint8_t asked[EXCHANGE_QUERY_MAX];
    exchange_write(x->question, &x->query_opts, asked);
    memcpy(m->octets + DNS_HEADER, asked + DNS_HEADER, x->question->name_len);
  }
}

/* What the server's capabilities add to a reply. */
static void finish(const struct script *s, struct msg *m, const struct exchange *x) {
  const struct server_cookie *c = x->query_opts.cookie;
  if (s->authentic && x->query_opts.ad) m->octets[3] |= DNS_AD;
  if (!s->cookie_len || !c) {
    msg_opt(m, DNS_UDP_OURS, 0, false, NULL, 0);
    return;
  }

  uint8_t option[4 + 40] = {0, OPT_COOKIE, 0, (uint8_t)(8 + s->cookie_len)};
  memcpy(option + 4, c->client, sizeof c->client);
  if (s->cookie_forged) option[4] ^= 1;
  memset(option + 12, 'S', s->cookie_len);
  bool bad = s->likes_no_cookie || (s->bad_cookie && c->server_len != s->cookie_len);
  if (bad) m->octets[3] = (uint8_t)((m->octets[3] & ~DNS_RCODE) | (RCODE_BADCOOKIE & 15));
  size_t opt = m->len;
  msg_opt(m, DNS_UDP_OURS, 0, false, option, 12u + s->cookie_len);
  if (bad) m->octets[opt + 5] = RCODE_BADCOOKIE >> 4;
}

static void answer_as(struct script *s, struct msg *m, const struct exchange *x,
                      const struct upstream_question *u, enum fault fault) {
  const struct question *q = x->question;
  if (s->sign) s->sign(s->sign_ctx, m, q, u->dnssec_ok, fault, u->at_ms);
  else zone_answer(s->zone, m, q->key, q->name_len, question_type(q), u->dnssec_ok);
}

static void answer(struct script *s, struct msg *m, const struct exchange *x, bool dnssec_ok) {
  const struct question *q = x->question;
  zone_answer(s->zone, m, q->key, q->name_len, question_type(q), dnssec_ok);
}

/* The records that the zone has for the name, but under an alias that the name leads to. */
static void answer_alias(struct script *s, struct msg *m, const struct exchange *x) {
  const struct question *q = x->question;
  struct rdata alias = rd_name("alias.");

  alias.len--;
  memcpy(alias.octets + alias.len, q->key, q->name_len);
  alias.len = (uint16_t)(alias.len + q->name_len);
  uint8_t head[12] = {0xc0, DNS_HEADER, 0, TYPE_CNAME, 0, CLASS_IN, 0, 0, 0, 60};
  store_u16(head + 10, alias.len);
  size_t from = m->len + sizeof head + alias.len;
  msg_put(m, head, sizeof head);
  msg_put(m, alias.octets, alias.len);
  answer(s, m, x, false);
  if (!msg_count(m, 1)) { /* negative: the CNAME alone before its SOA, RCODE as it is */
    msg_set_count(m, 1, 1);
    return;
  }

  msg_set_count(m, 1, (uint16_t)(msg_count(m, 1) + 1));

  /* The owners, pointers to the question, become pointers to the alias. */
  for (size_t at = from; at < m->len;) {
    must(load_u16(m->octets + at) == (0xc000 | DNS_HEADER));
    store_u16(m->octets + at, (uint16_t)(0xc000u | (from - alias.len)));
    at += 12u + load_u16(m->octets + at + 10);
  }
}

static void answer_dot(struct script *s, struct msg *m, const struct exchange *x) {
  if (question_type(x->question) != TYPE_SRV) {
    answer(s, m, x, false);
    return;
  }
  static const uint8_t none[] = {0xc0, DNS_HEADER, 0, TYPE_SRV, 0, CLASS_IN, 0, 0, 0, 60,
                                 0,    7,          0, 0,        0, 0,        0, 0, 0};
  msg_put(m, none, sizeof none);
  msg_set_count(m, 1, 1);
}

static void make_fault(struct script *s, struct msg *m, const struct exchange *x,
                       const struct fault_rule *rule, const struct upstream_question *u) {
  switch (rule->fault) {
  case FAULT_SERVFAIL: m->octets[3] |= RCODE_SERVFAIL; break;
  case FAULT_REFUSED: m->octets[3] |= RCODE_REFUSED; break;
  case FAULT_TRUNCATED:
    if (u->tcp) answer_as(s, m, x, u, rule->fault);
    else m->octets[2] |= DNS_TC;
    break;
  case FAULT_NXDOMAIN:
    m->octets[3] |= RCODE_NXDOMAIN;
    msg_record(m, SECTION_AUTHORITY, "lab.", TYPE_SOA, 60, rd_soa("ns.lab.", "host.lab.", 60));
    break;
  case FAULT_CNAME: answer_alias(s, m, x); break;
  case FAULT_DOT: answer_dot(s, m, x); break;
  case FAULT_EMPTY: break;
  case FAULT_GARBAGE:
    for (size_t i = 0; i < m->len; i++) m->octets[i] = (uint8_t)(i * 151 + 13);
    break;
  case FAULT_GARBLED:
    msg_set_count(m, 1, 3);
    msg_put(m, "\xc0\xff\1\2\3\4\5\6\7\xff\xff\xff", 12);
    break;
  case FAULT_WRONG_QUESTION:
    answer_as(s, m, x, u, rule->fault);
    m->octets[DNS_HEADER + 1] ^= 1;
    break;
  case FAULT_WRONG_ID:
    answer_as(s, m, x, u, rule->fault);
    m->octets[1] ^= 1;
    break;
  case FAULT_FORMERR:
  case FAULT_NOTIMP:
  case FAULT_BADVERS:
    if (!u->edns) {
      answer(s, m, x, false);
      break;
    }
    if (rule->fault == FAULT_BADVERS) {
      msg_record(m, SECTION_ADDITIONAL, ".", TYPE_OPT, (uint32_t)RCODE_BADVERS << 20, rd_fill(0, 0));
      break;
    }
    m->octets[3] |= rule->fault == FAULT_FORMERR ? RCODE_FORMERR : RCODE_NOTIMP;
    if (rule->fault == FAULT_FORMERR) {
      m->len = DNS_HEADER;
      msg_set_count(m, 0, 0);
    }
    break;
  case FAULT_REFERRAL:
    m->octets[3] &= (uint8_t)~DNS_RA;
    msg_record(m, SECTION_AUTHORITY, ".", TYPE_NS, 3600, rd_name("a.root.lab."));
    break;
  default: answer_as(s, m, x, u, rule->fault);
  }
}

static void make_reply(struct script *s, struct msg *m, const struct exchange *x,
                       const struct fault_rule *rule, const struct upstream_question *u) {
  if (rule->fault == FAULT_MADE) {
    memcpy(m, rule->made, sizeof *m);
    store_u16(m->octets, x->id);
    return;
  }

  start(m, x, s->lowers);
  make_fault(s, m, x, rule, u);
  size_t limit = u->tcp ? DNS_MSG_MAX : u->edns ? DNS_UDP_OURS : DNS_UDP_PLAIN;
  must(m->len <= DNS_MSG_MAX);
  if (m->len <= limit) {
    bool none = rule->fault == FAULT_FORMERR || rule->fault == FAULT_NOTIMP || rule->fault == FAULT_BADVERS;
    if (u->edns && load_u16(m->octets + 4) && !none) finish(s, m, x);
    return;
  }

  start(m, x, s->lowers); /* as servers do: what does not fit is asked again over TCP */
  m->octets[2] |= DNS_TC;
}

static void send_reply(struct script *s, struct exchange *x, enum err outcome, const struct msg *m,
                       uint64_t due_ms) {
  size_t len = outcome == ERR_NONE ? m->len : 0;
  struct script_reply *r = must_alloc(sizeof *r + len);
  *r = (struct script_reply){.due_ms = due_ms, .exchange = x, .outcome = outcome, .len = len};
  if (len) memcpy(r->msg, m->octets, len);
  x->waits_on = r;
  struct script_reply **link = &s->replies;
  if (s->last && s->last->due_ms <= due_ms) link = &s->last->next; /* the usual case */
  else
    while (*link && (*link)->due_ms <= due_ms) link = &(*link)->next;
  r->next = *link;
  *link = r;
  if (!r->next) s->last = r;
}

uint64_t script_next_ms(const struct script *s) { return s->replies ? s->replies->due_ms : UINT64_MAX; }

void script_deliver(struct script *s, uint64_t now_ms) {
  while (s->replies && s->replies->due_ms <= now_ms) {
    struct script_reply *r = s->replies;
    struct exchange *x = r->exchange;
    s->replies = r->next;
    if (!s->replies) s->last = NULL;
    enum reply_worth worth = x && r->outcome == ERR_NONE ? exchange_judge(x, r->msg, r->len) : REPLY_WRONG;
    bool matches = x && (r->outcome != ERR_NONE || worth != REPLY_WRONG);
    if (r->outcome == ERR_NONE) {
      if (worth == REPLY_CASE_MISMATCH) r->outcome = ERR_CASE_MISMATCH;
      if (worth == REPLY_NO_COOKIE) r->outcome = ERR_COOKIE;
      if (worth == REPLY_RIGHT) count(s->counters, reply_good);
      else count(s->counters, reply_wrong);
    }
    if (x) x->waits_on = NULL;
    if (matches) {
      s->under_way--;
      container(x->channel, struct script_channel, channel)->facts.waiting--;
      x->channel = NULL;
      uint8_t *copy = exact(r->msg, r->len); /* so that a sanitizer sees the first octet read beyond */
      x->done(x, r->outcome, r->outcome == ERR_NONE ? copy : NULL, r->outcome == ERR_NONE ? r->len : 0,
              now_ms);
      free(copy);
    }
    free(r);
  }
}

/* ---- its own cache ---- */

static struct script_cached *cached_place(struct script *s, uint64_t hash) {
  for (unsigned i = 0; i < SCRIPT_CACHED; i++) {
    struct script_cached *c = &s->cached[i];
    if (c->hash == hash || !c->hash) return c;
  }
  must(false);
  return NULL;
}

/* The TTLs of a reply, which is the authority's, become what is left of them; or it is fetched anew. */
static void count_down(struct script *s, struct msg *m, const struct question *q, uint64_t now_ms) {
  struct script_cached *c = cached_place(s, q->hash);
  struct wire w = wire_read(m->octets, m->len);
  struct record r;
  uint64_t now_s = now_ms / 1000;
  bool anew = !c->hash || now_s > c->until_s;
  s->fetched += anew;
  w.at = DNS_HEADER + q->name_len + 4u;
  while (w.at < m->len && record_read(&w, &r)) {
    if (r.type == TYPE_OPT) continue;
    if (anew) *c = (struct script_cached){.hash = q->hash, .until_s = now_s + r.ttl};
    anew = false;
    store_u32(m->octets + r.rdata_at - 6, (uint32_t)(c->until_s - now_s));
  }
}

/* ---- the channel ---- */

static enum err on_ask(struct channel *channel, struct exchange *x, const uint8_t *msg, size_t len,
                       uint64_t now_ms) {
  struct script_channel *c = container(channel, struct script_channel, channel);
  struct script *s = c->script;
  struct upstream_question u = *note(s, c, x, msg, len, now_ms);
  struct fault_rule rule = {.fault = FAULT_NONE};

  find_rule(s, &u, &rule);
  enum fault fault = rule.fault;
  if (fault == FAULT_CLOSED) return ERR_UNREACHABLE;
  bool is_broken = fault == FAULT_BROKEN && c->tcp;
  if ((s->no_tcp && c->over == TRANSPORT_TCP) || (is_broken && !rule.late_ms)) return ERR_TCP;
  x->id = s->next_id++;
  x->waits_on = NULL;
  s->under_way++;
  c->facts.waiting++;
  if (c->over == TRANSPORT_TLS) count(s->counters, upstream_tls);
  else if (c->tcp) count(s->counters, upstream_tcp);
  else count(s->counters, upstream_udp);
  if (fault == FAULT_LOST || (fault == FAULT_NO_EDNS && u.edns)) return ERR_NONE;
  uint64_t due_ms = now_ms + (fault == FAULT_LATE || is_broken ? rule.late_ms : s->delay_ms);
  if (c->over == TRANSPORT_TLS && s->is_cold) {
    x->connects = true;
    due_ms += 2 * s->delay_ms;
    s->is_cold = false;
  }
  enum err outcome = fault != FAULT_ICMP ? ERR_NONE : c->over == TRANSPORT_TCP ? ERR_TCP : ERR_UNREACHABLE;
  if (fault == FAULT_CERTIFICATE && c->over == TRANSPORT_TLS) outcome = ERR_CERT_EXPIRED;
  if (is_broken) outcome = ERR_TCP;
  if (fault == FAULT_HTTP) outcome = ERR_HTTP_ANSWER;
  if (fault == FAULT_FORGED && !c->tcp) outcome = ERR_FORGED;
  if (outcome == ERR_NONE) make_reply(s, &s->scratch, x, &rule, &u);
  if (outcome == ERR_NONE && s->caches) count_down(s, &s->scratch, x->question, now_ms);
  send_reply(s, x, outcome, &s->scratch, due_ms);
  return ERR_NONE;
}

static void on_drop(struct channel *channel, struct exchange *x) {
  struct script_channel *c = container(channel, struct script_channel, channel);
  struct script_reply *r = x->waits_on;
  if (r) r->exchange = NULL;
  c->script->under_way--;
  c->facts.waiting--;
}

static void on_flush(struct channel *channel, uint64_t now_ms) {
  (void)channel;
  (void)now_ms;
}

static void on_close(struct channel *channel) {
  struct script_channel *c = container(channel, struct script_channel, channel);
  must(c->facts.waiting == 0);
  free(c);
}

/* Every handshake succeeds: FAULT_CERTIFICATE says at the first question that one did not. */
static void on_warm(struct channel *channel, uint64_t now_ms) {
  (void)now_ms;
  container(channel, struct script_channel, channel)->facts.handshakes++;
}

static const struct channel_facts *facts_of(struct channel *channel) {
  return &container(channel, struct script_channel, channel)->facts;
}

static struct channel *new_channel(struct script *s, unsigned server, enum transport over) {
  static const struct channel_ops plain = {.ask = on_ask,
                                           .drop = on_drop,
                                           .flush = on_flush,
                                           .close = on_close},
                                  encrypted = {.ask = on_ask,
                                               .drop = on_drop,
                                               .flush = on_flush,
                                               .warm = on_warm,
                                               .facts = facts_of,
                                               .close = on_close};
  struct script_channel *c = must_zalloc(sizeof *c);
  *c = (struct script_channel){.channel = {.ops = transport_is_encrypted(over) ? &encrypted : &plain},
                               .script = s,
                               .server = server,
                               .over = over,
                               .tcp = transport_is_stream(over)};
  return &c->channel;
}

void script_server(struct script *s, struct upstream *u, unsigned server, const char *address) {
  struct ns_address a = {.transport = TRANSPORT_UDP};
  struct channel *channels[TRANSPORTS] = {[TRANSPORT_UDP] = new_channel(s, server, TRANSPORT_UDP),
                                          [TRANSPORT_TCP] = new_channel(s, server, TRANSPORT_TCP)};
  must(addr_parse(address, 53, &a.addr) && upstream_add(u, &a, channels));
}

struct channel *script_way(struct script *s, unsigned server) {
  return new_channel(s, server, TRANSPORT_TLS);
}

void script_server_tls(struct script *s, struct upstream *u, unsigned server, const char *address) {
  struct ns_address a = {.transport = TRANSPORT_TLS};
  struct channel *channels[TRANSPORTS] = {[TRANSPORT_TLS] = new_channel(s, server, TRANSPORT_TLS)};
  must(addr_parse(address, 853, &a.addr) && upstream_add(u, &a, channels));
}
