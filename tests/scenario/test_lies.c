/* test_lies.c: replies that do not answer the question, or say more than was asked: nothing of it is told
 * or kept. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

#define NAME "victim.lab."

static struct msg lie;

static struct world *world_with_truth(void) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, NAME, TYPE_A, 60, rd_a("192.0.2.9"));
  zone_add(&w->zone, "other.lab.", TYPE_A, 60, rd_a("192.0.2.8"));
  msg_answer(&lie, NAME, TYPE_A, 0);
  return w;
}

/* The lie ends in SERVFAIL, and is forgotten: once the upstream tells the truth, so does the cache. */
static void expect_refused(struct world *w) {
  world_reply(w, NAME, TYPE_A, &lie);
  struct heard *h = client_ask_and_wait(w, NAME, TYPE_A, HOW_EDNS);
  cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 0);
  cr_expect_eq(w->counters.stored, 0);
  world_heal(w);
  world_run_ms(w, 10000);
  cr_expect(heard_truth(client_ask_and_wait(w, NAME, TYPE_A, HOW_EDNS)));
  world_free(w);
}

Test(lies, records_of_another_name_alone_are_refused) {
  struct world *w = world_with_truth();
  msg_record(&lie, SECTION_ANSWER, "other.lab.", TYPE_A, 60, rd_a("203.0.113.6"));
  expect_refused(w);
}

Test(lies, records_of_another_type_alone_are_refused) {
  struct world *w = world_with_truth();
  msg_record(&lie, SECTION_ANSWER, NAME, TYPE_TXT, 60, rd_txt("203.0.113.6"));
  expect_refused(w);
}

Test(lies, a_record_of_the_wrong_form_is_refused) {
  struct world *w = world_with_truth();
  msg_record(&lie, SECTION_ANSWER, NAME, TYPE_A, 60, rd_fill(1, 5));
  expect_refused(w);
}

/* A record whose octets do not make one of its type is a bad reply, as programs would stumble over it. */
Test(lies, rdata_that_does_not_parse_is_refused_whatever_its_type) {
  static const struct {
    uint16_t type;
    const char *rdata;
    size_t len;
  } rows[] = {
      {TYPE_TXT, "\6hello", 6},
      {TYPE_TXT, "", 0},
      {99, "\5hell", 5},
      {13, "\3cpu\3os", 7},
      {257, "\0\6issue", 7},
      {35, "\0\1\0\1\1u\3sip\5!x!\0", 14},
      {65, "\0\1\0\0\3\0\3\1\273", 9},
      {64, "\0\1\1a", 4},
      {TYPE_TLSA, "\3\1\1", 3},
      {TYPE_DS, "\0\1\10\2", 4},
      {48, "\1\0\3", 3},
      {44, "\1", 1},
      {29, "\0\22\26\23", 4},
      {256, "\0\1\0\1", 4},
      {TYPE_SRV, "\0\1\0\2\24\225", 6},
      {TYPE_MX, "\0\12", 2},
      {TYPE_NSEC, "\1a\0\0\1", 5},
      {TYPE_NSEC3, "\1\0\0\1\5ab", 7},
      {TYPE_RRSIG, "111122223333444455\1a", 20},
  };
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world *w = world_new(&(struct world_options){.servers = 2});
    zone_add(&w->zone, "other.lab.", TYPE_A, 60, rd_a("192.0.2.8"));
    msg_answer(&lie, NAME, rows[i].type, 0);
    msg_record(&lie, SECTION_ANSWER, NAME, rows[i].type, 60, rd_octets(rows[i].rdata, rows[i].len));
    world_reply(w, NAME, rows[i].type, &lie);
    struct heard *h = client_ask_and_wait(w, NAME, rows[i].type, HOW_DO);
    cr_expect_eq(heard_rcode(h), RCODE_SERVFAIL, "type %u", rows[i].type);
    cr_expect_eq(heard_ede(h), err_ede(ERR_BAD_REPLY), "type %u", rows[i].type);
    cr_expect_eq(upstream_asked(w, NAME, 0), 2, "the other server is asked, too: type %u", rows[i].type);
    cr_expect_eq(w->counters.stored, 0);
    cr_expect(heard_truth(client_ask_and_wait(w, "other.lab.", TYPE_A, HOW_EDNS)), "the servers stay good");
    world_free(w);
  }
}

Test(lies, more_records_announced_than_sent_are_refused) {
  struct world *w = world_with_truth();
  msg_record(&lie, SECTION_ANSWER, NAME, TYPE_A, 60, rd_a("203.0.113.6"));
  msg_set_count(&lie, 3, 1);
  expect_refused(w);
}

Test(lies, an_answer_that_says_nxdomain_is_refused) {
  struct world *w = world_with_truth();
  msg_record(&lie, SECTION_ANSWER, NAME, TYPE_A, 60, rd_a("203.0.113.6"));
  lie.octets[3] |= RCODE_NXDOMAIN;
  expect_refused(w);
}

Test(lies, a_referral_is_refused) {
  struct world *w = world_with_truth();
  lie.octets[3] &= (uint8_t)~DNS_RA;
  msg_record(&lie, SECTION_AUTHORITY, "lab.", TYPE_NS, 60, rd_name("ns.evil.lab."));
  msg_record(&lie, SECTION_ADDITIONAL, "ns.evil.lab.", TYPE_A, 60, rd_a("203.0.113.6"));
  expect_refused(w);
}

Test(lies, an_extended_rcode_is_refused) {
  struct world *w = world_with_truth();
  msg_record(&lie, SECTION_ANSWER, NAME, TYPE_A, 60, rd_a("203.0.113.6"));
  msg_record(&lie, SECTION_ADDITIONAL, ".", TYPE_OPT, 0x01000000, rd_fill(0, 0)); /* BADVERS */
  expect_refused(w);
}

Test(lies, codes_that_mean_nothing_to_a_client_are_refused) {
  for (unsigned rcode = RCODE_SERVFAIL; rcode <= 15; rcode++) {
    if (rcode == RCODE_NXDOMAIN || rcode == RCODE_YXDOMAIN) continue;
    struct world *w = world_with_truth();
    lie.octets[3] = (uint8_t)(DNS_RA | rcode);
    msg_record(&lie, SECTION_ANSWER, NAME, TYPE_A, 60, rd_a("203.0.113.6"));
    expect_refused(w);
  }
}

/* ---- the right answer, and more beside it ---- */

/* The answer reaches the client as the zone has it; the name that was slipped in is asked of the upstream. */
static void expect_ignored(struct world *w, const char *slipped) {
  world_reply(w, NAME, TYPE_A, &lie);
  struct heard *h = client_ask_and_wait(w, NAME, TYPE_A, HOW_EDNS);
  cr_expect(heard_truth(h));
  cr_expect_eq(heard_count(h, SECTION_AUTHORITY) + heard_count(h, SECTION_ADDITIONAL), 0);
  world_heal(w);
  struct heard *warm = client_ask(w, NAME, TYPE_A, HOW_DO);
  client_wait(warm);
  cr_expect(heard_truth(client_ask(w, NAME, TYPE_A, HOW_PLAIN)));
  h = client_ask(w, slipped, TYPE_A, HOW_EDNS);
  cr_expect_not(is_answered(h), "%s was not asked for", slipped);
  client_wait(h);
  cr_expect(heard_truth(h));
  world_free(w);
}

static void tell_the_truth(void) { msg_record(&lie, SECTION_ANSWER, NAME, TYPE_A, 60, rd_a("192.0.2.9")); }

Test(lies, the_additional_section_is_not_believed) {
  struct world *w = world_with_truth();
  tell_the_truth();
  msg_record(&lie, SECTION_ADDITIONAL, "other.lab.", TYPE_A, 60, rd_a("203.0.113.6"));
  expect_ignored(w, "other.lab.");
}

Test(lies, the_authority_section_is_not_believed) {
  struct world *w = world_with_truth();
  tell_the_truth();
  msg_record(&lie, SECTION_AUTHORITY, "lab.", TYPE_NS, 60, rd_name("ns.evil.lab."));
  msg_record(&lie, SECTION_AUTHORITY, "other.lab.", TYPE_A, 60, rd_a("203.0.113.6"));
  expect_ignored(w, "other.lab.");
}

Test(lies, other_names_in_the_answer_section_are_not_believed) {
  struct world *w = world_with_truth();
  msg_record(&lie, SECTION_ANSWER, "other.lab.", TYPE_A, 60, rd_a("203.0.113.6"));
  tell_the_truth();
  msg_record(&lie, SECTION_ANSWER, "other.lab.", TYPE_A, 60, rd_a("203.0.113.7"));
  msg_record(&lie, SECTION_ANSWER, "other.lab.", TYPE_CNAME, 60, rd_name(NAME));
  expect_ignored(w, "other.lab.");
}

Test(lies, records_of_another_class_are_not_believed) {
  struct world *w = world_with_truth();
  size_t at = lie.len;
  msg_record(&lie, SECTION_ANSWER, NAME, TYPE_A, 60, rd_a("203.0.113.6"));
  store_u16(lie.octets + at + sizeof "\006victim\003lab" + 2, CLASS_CH);
  tell_the_truth();
  expect_ignored(w, "other.lab.");
}

Test(lies, a_records_of_an_srv_reply_are_not_believed) {
  struct world *w = world_new(
      &(struct world_options){.xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED});
  zone_add(&w->zone, "t.lab.", TYPE_A, 60, rd_a("192.0.2.8"));
  msg_answer(&lie, "_xmpp-client._tcp.lab.", TYPE_SRV, 0);
  msg_record(&lie, SECTION_ANSWER, "_xmpp-client._tcp.lab.", TYPE_SRV, 60, rd_srv(1, 1, 5222, "t.lab."));
  msg_record(&lie, SECTION_ADDITIONAL, "t.lab.", TYPE_A, 60, rd_a("203.0.113.6"));
  world_reply(w, "_xmpp-client._tcp.lab.", TYPE_SRV, &lie);
  struct heard *h = client_ask_and_wait(w, "_xmpp-client._tcp.lab.", TYPE_SRV, HOW_EDNS);
  cr_expect_eq(heard_count(h, SECTION_ADDITIONAL), 0);
  world_run_ms(w, WORLD_DELAY_MS);
  h = client_ask(w, "_xmpp-client._tcp.lab.", TYPE_SRV, HOW_EDNS);
  cr_expect(heard_has(h, SECTION_ADDITIONAL, "t.lab.", TYPE_A, rd_a("192.0.2.8")));
  cr_expect_not(heard_has(h, SECTION_ADDITIONAL, "t.lab.", TYPE_A, rd_a("203.0.113.6")));
  world_free(w);
}

Test(lies, what_the_server_says_of_ad_is_not_passed_on) {
  struct world *w = world_with_truth();
  tell_the_truth();
  lie.octets[3] |= DNS_AD;
  world_reply(w, NAME, TYPE_A, &lie);
  struct heard *h = client_ask_and_wait(w, NAME, TYPE_A, HOW_DO);
  cr_expect_not(heard_seen(h)->low & DNS_AD);
  world_free(w);
}
