/* test_rfc.c: what the RFCs ask of a forwarder, each from the client's packet to its answer. doc/rfc.md lists
 * them all. */
#include <criterion/criterion.h>
#include <string.h>

#include "scenario/kit.h"

static struct world *w;
static struct msg query, reply;
static uint8_t answer[DNS_MSG_MAX];
static size_t answer_len;
static struct seen s;

static void fresh(void) {
  w = world_new(&(struct world_options){.serve.special_names = true, .forward.cookies = true});
  zone_add(&w->zone, "a.lab", TYPE_A, 300, rd_a("192.0.2.1"));
  w->wiring.serve.policy.cookies = true;
}

static void end(void) { world_free(w); }

TestSuite(rfc, .init = fresh, .fini = end);

static void keep(const struct client *c, const uint8_t *msg, size_t len) {
  (void)c;
  memcpy(answer, msg, answer_len = len);
}

/* Sends `query` and waits: `answer`, and what is seen in it. */
static void exchange_over(bool tcp) {
  struct client c = {.deliver = keep, .transport = tcp ? TRANSPORT_TCP : TRANSPORT_UDP};
  cr_assert(addr_parse("127.0.0.1", 53, &c.peer));
  answer_len = 0;
  int len = serve_query(&w->wiring.serve, query.octets, query.len, &c, w->now_ms, w->out);
  if (len == SERVE_LATER) world_run_ms(w, PATIENCE_MS);
  else memcpy(answer, w->out, answer_len = (size_t)len);
  cr_assert(answer_len > 0 && seen_read(&s, answer, answer_len), "%s", s.why);
}

static void exchange(void) { exchange_over(false); }

/* The server answers name and type with `reply` from now on. */
static void reply_with(const char *name, uint16_t type) { world_reply(w, name, type, &reply); }

static const uint8_t *option(uint16_t code, size_t *len) {
  for (size_t at = 0; at + 4 <= s.options_len; at += 4u + load_u16(s.options + at + 2)) {
    *len = load_u16(s.options + at + 2);
    if (load_u16(s.options + at) == code) return s.options + at + 4;
  }
  return NULL;
}

/* ---- the message ---- */

Test(rfc, rfc1035_header_bits_are_those_of_an_answer_whatever_the_client_set) {
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_CD);
  for (unsigned bits = 0; bits < 0x800; bits++) { /* AA, TC, RD, RA, Z, AD, CD, RCODE */
    msg_start(&query, (uint16_t)bits);
    msg_question(&query, "a.lab", TYPE_A, CLASS_IN);
    exchange();
    cr_assert_eq(s.rcode, RCODE_NOERROR, "%04x", bits);
    cr_assert_eq(s.high, DNS_QR | (bits >> 8 & DNS_RD), "%04x: no AA, no TC, opcode 0", bits);
    cr_assert_eq(s.low, DNS_RA | (bits & DNS_CD), "%04x: Z is 0, AD is not claimed", bits);
  }
}

Test(rfc, rfc8914_a_question_without_rd_for_what_is_not_here_is_refused_and_told_why) {
  msg_start(&query, 0);
  msg_question(&query, "a.lab", TYPE_A, CLASS_IN);
  msg_opt(&query, 1232, 0, false, NULL, 0);
  exchange();
  cr_expect_eq(s.rcode, RCODE_REFUSED);
  cr_expect_eq(s.ede, EDE_NOT_AUTHORITATIVE);
  cr_expect_eq(upstream_asked(w, "", 0), 0);
}

Test(rfc, rfc3597_records_of_unknown_types_and_classes_come_whole) {
  static const struct {
    uint16_t type, klass;
  } cases[] = {{65280, CLASS_IN}, {4711, CLASS_IN}, {TYPE_A, 4}, {65280, 65280}, {TYPE_AAAA, 254}};
  struct rdata rd = rd_octets("\300\14\0\1\377\300\300", 7); /* what looks like pointers is none */
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    msg_start(&reply, DNS_QR << 8);
    msg_question(&reply, "u.lab", cases[i].type, cases[i].klass);
    size_t at = reply.len;
    msg_record(&reply, SECTION_ANSWER, "u.lab", cases[i].type, 60, rd);
    store_u16(reply.octets + at + sizeof "\1u\3lab" + 2, cases[i].klass);
    world_heal(w);
    reply_with("u.lab.", cases[i].type);
    for (int warm = 0; warm < 2; warm++) {
      msg_start(&query, DNS_RD << 8);
      msg_question(&query, "u.lab", cases[i].type, cases[i].klass);
      exchange();
      cr_assert_eq(s.an, 1, "type %u class %u", cases[i].type, cases[i].klass);
      cr_expect_eq(s.records[0].type, cases[i].type);
      cr_expect_eq(s.records[0].klass, cases[i].klass);
      cr_assert_eq(s.records[0].rdlen, rd.len);
      cr_expect_arr_eq(record_rdata(&s.records[0]), rd.octets, rd.len);
    }
    cr_expect_eq(upstream_asked(w, "u.lab.", cases[i].type), 1);
    w->script.asked_count = 0;
  }
}

Test(rfc, rfc4343_only_ascii_letters_are_the_same_in_both_cases) {
  /* not the same in the first octet */
  static const uint8_t upper[] = "\2\311z\3LAB", lower[] = "\2\351z\3lab";
  uint8_t spelled[] = "\2\351Z\3lAb";
  struct heard *h = client_ask_octets(w, lower, sizeof lower, TYPE_A, HOW_PLAIN);
  client_wait(h);
  cr_expect(is_answered(client_ask_octets(w, spelled, sizeof spelled, TYPE_A, HOW_PLAIN)), "from the cache");
  h = client_ask_octets(w, upper, sizeof upper, TYPE_A, HOW_PLAIN);
  cr_expect_not(is_answered(h));
  client_wait(h);
}

Test(rfc, rfc1035_the_longest_names_and_the_root_are_names) {
  uint8_t name[NAME_MAX_LEN];
  for (unsigned i = 0; i < NAME_MAX_LEN; i++) name[i] = i % 2 ? 'a' : 1; /* 127 labels */
  name[NAME_MAX_LEN - 1] = 0;
  struct heard *h = client_ask_octets(w, name, NAME_MAX_LEN, TYPE_A, HOW_EDNS);
  client_wait(h);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_rcode(h), RCODE_NXDOMAIN);
  memset(name, 'b', sizeof name);
  for (unsigned i = 0; i < 255; i += 64) name[i] = i < 192 ? 63 : 61;
  name[NAME_MAX_LEN - 1] = 0;
  h = client_ask_octets(w, name, NAME_MAX_LEN, TYPE_SRV, HOW_PLAIN);
  client_wait(h);
  cr_expect_eq(heard_rcode(h), RCODE_NXDOMAIN);
  zone_add(&w->zone, ".", TYPE_NS, 60, rd_name("ns.lab"));
  h = client_ask_and_wait(w, ".", TYPE_NS, HOW_PLAIN);
  cr_expect(heard_has(h, SECTION_ANSWER, ".", TYPE_NS, rd_name("ns.lab")));
}

Test(rfc, rfc2782_a_compressed_srv_target_is_understood_and_never_sent) {
  /* the target is h. and what follows _x */
  static const uint8_t srv[] = "\300\14\0\41\0\1\0\0\0\74\0\11\0\1\0\2\24\146\1h\300\16";
  msg_answer(&reply, "_x.lab", TYPE_SRV, 0);
  size_t at = reply.len;
  msg_put(&reply, srv, sizeof srv - 1);
  store_u16(reply.octets + at + 10, (uint16_t)(sizeof srv - 1 - 12));
  store_u16(reply.octets + at + sizeof srv - 3, 0xc00f); /* "lab" */
  msg_set_count(&reply, 1, 1);
  reply_with("_x.lab.", TYPE_SRV);
  struct heard *h = client_ask_and_wait(w, "_x.lab.", TYPE_SRV, HOW_PLAIN);
  struct rdata want = rd_srv(1, 2, 5222, "h.lab");
  const struct record *r = seen_record(heard_seen(h), SECTION_ANSWER, 0);
  cr_assert_eq(r->rdlen, want.len);
  cr_expect_arr_eq(record_rdata(r), want.octets, want.len);
}

Test(rfc, rfc8482_any_is_a_question_like_others) {
  zone_add(&w->zone, "a.lab", TYPE_TXT, 300, rd_txt("x"));
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_ANY, HOW_TCP);
  cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
  msg_answer(&reply, "h.lab", TYPE_ANY, 0);
  msg_record(&reply, SECTION_ANSWER, "h.lab", 13, 3789, rd_octets("\7RFC8482\0", 9)); /* HINFO */
  reply_with("h.lab.", TYPE_ANY);
  h = client_ask_and_wait(w, "h.lab.", TYPE_ANY, HOW_PLAIN);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, 13), 1);
  cr_expect(is_answered(client_ask(w, "h.lab.", TYPE_ANY, HOW_PLAIN)));
  h = client_ask(w, "h.lab.", 13, HOW_PLAIN);
  cr_expect_not(is_answered(h), "but says nothing about others");
  client_wait(h);
}

Test(rfc, rfc6761_names_that_no_server_knows_are_answered_here) {
  static const char *const names[] = {"localhost.", "_xmpp-server._tcp.localhost.", "a.invalid.", "x.onion.",
                                      "a.alt.",     "_dns.resolver.arpa."};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    struct heard *h = client_ask(w, names[i], TYPE_SRV, i % 2 ? HOW_DO : HOW_NO_RD);
    cr_assert(is_answered(h), "%s", names[i]);
    cr_expect_eq(heard_rcode(h), i >= 2 && i <= 4 ? RCODE_NXDOMAIN : RCODE_NOERROR, "%s", names[i]);
  }
  cr_expect_eq(upstream_asked(w, "", 0), 0);
  w->wiring.serve.policy.special_names = false;
  client_ask_and_wait(w, "x.onion.", TYPE_A, HOW_PLAIN);
  cr_expect_eq(upstream_asked(w, "x.onion.", TYPE_A), 1, "when it is set so");
}

/* ---- negative answers ---- */

/* The eight forms of section 2: NXDOMAIN and NODATA, with SOA and NS, SOA alone, NS alone, neither. */
Test(rfc, rfc2308_negative_answers_of_every_form_keep_their_kind_and_those_with_a_soa_last) {
  for (unsigned form = 0; form < 8; form++) {
    bool nxdomain = form & 1, soa = form & 2, ns = form & 4;
    char name[] = "n0.lab.";
    name[1] = (char)('0' + form);
    msg_answer(&reply, name, TYPE_A, nxdomain ? RCODE_NXDOMAIN : 0);
    if (ns) msg_record(&reply, SECTION_AUTHORITY, "lab", TYPE_NS, 60, rd_name("ns.lab"));
    if (soa) msg_record(&reply, SECTION_AUTHORITY, "lab", TYPE_SOA, 60, rd_soa("ns.lab", "h.lab", 30));
    reply_with(name, TYPE_A);
    struct heard *h = client_ask_and_wait(w, name, TYPE_A, HOW_EDNS);
    cr_expect_eq(heard_rcode(h), nxdomain ? RCODE_NXDOMAIN : RCODE_NOERROR,
                 "form %u: who recurses does not refer", form);
    cr_expect_eq(heard_count(h, SECTION_AUTHORITY), soa, "form %u", form);
    if (soa) cr_expect_eq(heard_ttl(h, SECTION_AUTHORITY, "lab.", TYPE_SOA), 30);
    h = client_ask(w, name, TYPE_A, HOW_EDNS);
    cr_expect_eq(is_answered(h), soa, "form %u is kept only with its SOA", form);
    if (!is_answered(h)) client_wait(h);
  }
}

/* ---- EDNS ---- */

#define ECS "\0\010\0\7\0\1\30\0\300\0\2"
#define NSID "\0\3\0\0"
#define PADDING "\0\014\0\4\0\0\0\0"
#define UNKNOWN "\377\1\0\2xy"

Test(rfc, rfc6891_options_pass_neither_up_nor_down_nor_to_another_client) {
  static const char options[] = ECS NSID PADDING UNKNOWN;
  msg_answer(&reply, "o.lab", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "o.lab", TYPE_A, 60, rd_a("192.0.2.7"));
  msg_opt(&reply, 4096, 0, true, options, sizeof options - 1);
  reply_with("o.lab.", TYPE_A);
  for (int warm = 0; warm < 2; warm++) {
    size_t len;
    msg_query(&query, "o.lab", TYPE_A);
    msg_opt(&query, 1232, 0, false, options, sizeof options - 1);
    exchange();
    cr_assert_eq(s.an, 1);
    cr_expect_eq(s.options_len, 0, "%zu octets of options", s.options_len);
    cr_expect_null(option(8, &len));
    cr_expect_not(s.dnssec_ok);
    cr_expect_eq(s.udp_size, DNS_UDP_OURS, "and our size, not the server's");
  }

  cr_expect_eq(upstream_asked(w, "o.lab.", TYPE_A), 1, "one answer is for all subnets, RFC 7871");
  cr_expect_eq(upstream_last(w, "o.lab.", TYPE_A)->cookie_len, 8);
  cr_expect_eq(upstream_last(w, "o.lab.", TYPE_A)->options_len, 12, "our cookie and nothing else");
  msg_query(&query, "o.lab", TYPE_A);
  exchange();
  cr_expect_not(s.edns, "who sends none gets none");
}

Test(rfc, rfc6891_a_server_that_says_badvers_is_asked_without_edns_and_remembered) {
  zone_add(&w->zone, "b.lab", TYPE_A, 300, rd_a("192.0.2.2"));
  world_fault(w, "", 0, FAULT_BADVERS);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_wait_ms(h), 2 * WORLD_DELAY_MS);
  cr_expect_eq(heard_wait_ms(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_EDNS)), WORLD_DELAY_MS);
}

Test(rfc, rfc6891_a_server_that_drops_edns_is_asked_without_and_remembered_once_that_is_sure) {
  static const char *const names[] = {"a.lab.", "b.lab.", "c.lab."};
  for (unsigned i = 1; i < 3; i++) zone_add(&w->zone, names[i], TYPE_A, 300, rd_a("192.0.2.2"));
  world_fault(w, "", 0, FAULT_NO_EDNS);
  for (unsigned i = 0; i < 3; i++) {
    struct heard *h = client_ask_and_wait(w, names[i], TYPE_A, HOW_EDNS);
    cr_expect(heard_truth(h), "%s", names[i]);
    cr_expect_not(upstream_last(w, names[i], TYPE_A)->edns);
    cr_expect_eq(upstream_asked(w, names[i], TYPE_A), i < 2 ? FORWARD_EACH + 1 : 1, "%s: over TCP as well",
                 names[i]);
  }
}

Test(rfc, rfc6891_packets_lost_say_nothing_of_edns_once_a_server_spoke_it) {
  zone_add(&w->zone, "b.lab", TYPE_A, 300, rd_a("192.0.2.2"));
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_DO);
  struct fault_rule lost = {.server = -1, .fault = FAULT_LOST, .times = FORWARD_EACH - 1};
  script_rule(&w->script, &lost);
  cr_expect(heard_truth(client_ask_and_wait(w, "b.lab.", TYPE_A, HOW_DO)));
  cr_expect_eq(upstream_asked(w, "b.lab.", TYPE_A), FORWARD_EACH);
  cr_expect(upstream_last(w, "b.lab.", TYPE_A)->edns);
}

Test(rfc, rfc8914_every_servfail_and_every_refused_says_why) {
  static const struct {
    enum fault fault;
    const char *name;
  } cases[] = {{FAULT_SERVFAIL, "s.lab."}, {FAULT_REFUSED, "r.lab."}, {FAULT_LOST, "l.lab."},
               {FAULT_ICMP, "i.lab."},     {FAULT_GARBLED, "g.lab."}, {FAULT_EMPTY, "e.lab."},
               {FAULT_REFERRAL, "f.lab."}, {FAULT_CLOSED, "c.lab."}};
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    world_fault(w, cases[i].name, 0, cases[i].fault);
    for (int again = 0; again < 2; again++) {
      struct heard *h = client_ask_and_wait(w, cases[i].name, TYPE_A, HOW_EDNS);
      if (heard_rcode(h) == RCODE_NOERROR) continue; /* an empty answer is none */
      cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL, "%s", cases[i].name);
      cr_expect_geq(heard_ede(h), 0, "%s", cases[i].name);
      cr_expect_gt(strlen(heard_seen(h)->ede_text), 0, "%s", cases[i].name);
    }
  }

  static const uint16_t types[] = {TYPE_AXFR, TYPE_IXFR, TYPE_TKEY, TYPE_TSIG};
  for (unsigned i = 0; i < 4; i++) {
    for (int tcp = 0; tcp < 2; tcp++) {
      msg_query(&query, "a.lab", types[i]);
      msg_opt(&query, 1232, 0, false, NULL, 0);
      exchange_over(tcp);
      cr_expect_eq(s.rcode, RCODE_REFUSED);
      cr_expect_eq(s.ede, EDE_NOT_SUPPORTED, "type %u", types[i]);
    }
  }
}

/* ---- failures ---- */

Test(rfc, rfc9520_a_question_that_nobody_answered_is_not_asked_again_for_a_second) {
  world_fault(w, "a.lab.", 0, FAULT_ICMP);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  unsigned asked = upstream_asked(w, "a.lab.", TYPE_A);
  for (unsigned i = 0; i < 9; i++) {
    world_run_ms(w, 100);
    cr_expect_eq(heard_rcode(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS)), RCODE_SERVFAIL);
  }
  cr_expect_eq(upstream_asked(w, "a.lab.", TYPE_A), asked);
  world_heal(w);
  world_run_ms(w, 200);
  cr_expect(heard_truth(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)));
}

Test(rfc, rfc9520_after_a_timeout_a_question_rests_for_a_second_too) {
  world_fault(w, "a.lab.", 0, FAULT_LOST);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  uint64_t told_ms = w->now_ms;
  unsigned asked = upstream_asked(w, "a.lab.", TYPE_A);
  world_heal(w);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  world_run_ms(w, 900);
  cr_expect_eq(upstream_asked(w, "a.lab.", TYPE_A), asked);
  client_wait(h);
  cr_expect(heard_truth(h), "who asks meanwhile waits for the next try");
  cr_expect_leq(w->now_ms, told_ms + 1000 + WORLD_DELAY_MS);
}

/* ---- DNSSEC ---- */

Test(rfc, rfc4035_signatures_and_proofs_come_to_those_with_do_and_cd_passes_up_and_back) {
  w->zone.is_signed = true;
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_DO | HOW_CD);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_RRSIG), 1);
  cr_expect(heard_seen(h)->low & DNS_CD);
  cr_expect(upstream_last(w, "a.lab.", TYPE_A)->cd && upstream_last(w, "a.lab.", TYPE_A)->dnssec_ok);
  h = client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_RRSIG), 0);
  cr_expect_not(heard_seen(h)->low & DNS_CD);
  h = client_ask_and_wait(w, "no.lab.", TYPE_A, HOW_DO);
  cr_expect_eq(heard_rcode(h), RCODE_NXDOMAIN);
  cr_expect_gt(heard_typed(h, SECTION_AUTHORITY, TYPE_NSEC), 0);
  cr_expect_gt(heard_typed(h, SECTION_AUTHORITY, TYPE_RRSIG), 0);
}
