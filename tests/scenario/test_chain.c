/* test_chain.c: CNAME and DNAME chains: whole, in any order, bounded, and with the right end. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "scenario/kit.h"

static struct msg reply;

static const char *link_name(unsigned i, char text[32]) {
  snprintf(text, 32, "l%u.lab.", i);
  return text;
}

static void put_link(unsigned i) {
  char from[32], to[32];
  msg_record(&reply, SECTION_ANSWER, link_name(i, from), TYPE_CNAME, 60 + i, rd_name(link_name(i + 1, to)));
}

static void put_end(unsigned links) {
  char name[32];
  msg_record(&reply, SECTION_ANSWER, link_name(links, name), TYPE_A, 600, rd_a("192.0.2.9"));
}

static struct heard *ask_l0(struct world *w) {
  world_reply(w, "l0.lab.", 0, &reply);
  return client_ask_and_wait(w, "l0.lab.", TYPE_A, HOW_TCP);
}

Test(chain, of_16_links_is_answered_whole_and_kept) {
  for (unsigned backwards = 0; backwards < 2; backwards++) {
    struct world *w = world_new(&(struct world_options){0});
    msg_answer(&reply, "l0.lab.", TYPE_A, 0);
    if (backwards) put_end(16);
    for (unsigned i = 0; i < 16; i++) put_link(backwards ? 15 - i : i);
    if (!backwards) put_end(16);
    struct heard *h = ask_l0(w);
    cr_expect_eq(heard_rcode(h), RCODE_NOERROR);
    cr_expect_eq(heard_count(h, SECTION_ANSWER), 17, "%s", backwards ? "backwards" : "in order");
    cr_expect(heard_has(h, SECTION_ANSWER, "l16.lab.", TYPE_A, rd_a("192.0.2.9")));
    for (unsigned i = 0; i < 16; i++) {
      char from[32], to[32];
      cr_expect(heard_has(h, SECTION_ANSWER, link_name(i, from), TYPE_CNAME, rd_name(link_name(i + 1, to))),
                "link %u", i);
    }
    world_heal(w);
    world_run_ms(w, 50000);
    struct heard *warm = client_ask(w, "l0.lab.", TYPE_A, HOW_TCP);
    cr_assert(is_answered(warm));
    cr_expect_eq(heard_count(warm, SECTION_ANSWER), 17);
    cr_expect_eq(heard_ttl(warm, SECTION_ANSWER, "l0.lab.", TYPE_CNAME), 10);
    world_run_ms(w, 10000);
    cr_expect_not(is_answered(client_ask(w, "l0.lab.", TYPE_A, HOW_TCP)),
                  "it lasts as long as its shortest link");
    world_free(w);
  }
}

Test(chain, that_runs_in_a_ring_is_a_failure) {
  for (unsigned length = 1; length <= 4; length++) {
    struct world *w = world_new(&(struct world_options){0});
    char last[32];
    msg_answer(&reply, "l0.lab.", TYPE_A, 0);
    for (unsigned i = 0; i + 1 < length; i++) put_link(i);
    msg_record(&reply, SECTION_ANSWER, link_name(length - 1, last), TYPE_CNAME, 60, rd_name("L0.lab."));
    cr_expect_eq(heard_rcode(ask_l0(w)), RCODE_SERVFAIL, "a ring of %u", length);
    cr_expect_eq(w->counters.stored, 0);
    world_free(w);
  }
}

Test(chain, that_does_not_end_is_a_failure) {
  struct world *w = world_new(&(struct world_options){0});
  msg_answer(&reply, "l0.lab.", TYPE_A, 0);
  for (unsigned i = 0; i < 40; i++) put_link(i);
  cr_expect_eq(heard_rcode(ask_l0(w)), RCODE_SERVFAIL);
  world_free(w);
}

Test(chain, with_the_records_of_its_end_on_both_sides_keeps_them_all) {
  struct world *w = world_new(&(struct world_options){0});
  msg_answer(&reply, "l0.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "l1.lab.", TYPE_A, 60, rd_a("192.0.2.1"));
  put_link(0);
  msg_record(&reply, SECTION_ANSWER, "l1.lab.", TYPE_A, 50, rd_a("192.0.2.2"));
  struct heard *h = ask_l0(w);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_A), 2, "half of a set of records is not the set");
  cr_expect_eq(heard_ttl(h, SECTION_ANSWER, "l1.lab.", TYPE_A), 50);
  world_free(w);
}

Test(chain, leaves_records_beside_it_behind) {
  struct world *w = world_new(&(struct world_options){0});
  msg_answer(&reply, "l0.lab.", TYPE_A, 0);
  put_link(0);
  msg_record(&reply, SECTION_ANSWER, "l0.lab.", TYPE_A, 60,
             rd_a("203.0.113.6")); /* beside a CNAME there is nothing */
  msg_record(&reply, SECTION_ANSWER, "l7.lab.", TYPE_A, 60, rd_a("203.0.113.6"));
  msg_record(&reply, SECTION_ANSWER, "l7.lab.", TYPE_CNAME, 60, rd_name("l1.lab."));
  put_end(1);
  struct heard *h = ask_l0(w);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 2);
  cr_expect_not(heard_has(h, SECTION_ANSWER, "l0.lab.", TYPE_A, rd_a("203.0.113.6")));
  world_free(w);
}

Test(chain, to_nothing_keeps_its_links_and_its_code) {
  for (unsigned exists = 0; exists < 2; exists++) {
    struct world *w = world_new(&(struct world_options){0});
    zone_add(&w->zone, "alias.lab.", TYPE_CNAME, 60, rd_name("end.lab."));
    if (exists) zone_add(&w->zone, "end.lab.", TYPE_TXT, 60, rd_txt("x"));
    for (unsigned warm = 0; warm < 2; warm++) {
      struct heard *h = client_ask_and_wait(w, "alias.lab.", TYPE_AAAA, HOW_PLAIN);
      cr_expect_eq(heard_rcode(h), exists ? RCODE_NOERROR : RCODE_NXDOMAIN);
      cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_CNAME), 1);
      cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_SOA), 1);
    }
    cr_expect_eq(upstream_asked(w, "", 0), 1);
    world_free(w);
  }
}

/* RFC 2308 section 5: a negative answer without SOA is not kept; that its name is an alias changes
 * nothing. */
Test(chain, to_nothing_is_not_kept_without_a_soa) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "alias.lab.", TYPE_CNAME, 60, rd_name("end.lab."));
  zone_add(&w->zone, "end.lab.", TYPE_TXT, 60, rd_txt("x"));
  w->zone.no_soa = true;
  struct heard *h = client_ask_and_wait(w, "alias.lab.", TYPE_AAAA, HOW_PLAIN);
  cr_expect(heard_truth(h));
  zone_add(&w->zone, "end.lab.", TYPE_AAAA, 60, rd_aaaa("2001:db8::1"));
  cr_expect(heard_truth(client_ask_and_wait(w, "alias.lab.", TYPE_AAAA, HOW_PLAIN)));
  world_free(w);
}

Test(chain, through_a_dname_keeps_it) {
  for (unsigned how = HOW_PLAIN; how <= HOW_DO; how += HOW_DO) {
    struct world *w = world_new(&(struct world_options){0});
    w->zone.is_signed = true;
    zone_add(&w->zone, "old.lab.", TYPE_DNAME, 600, rd_name("new.lab."));
    zone_add(&w->zone, "x.new.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
    for (unsigned warm = 0; warm < 2; warm++) {
      struct heard *h = client_ask_and_wait(w, "x.old.lab.", TYPE_A, how);
      cr_expect(heard_has(h, SECTION_ANSWER, "old.lab.", TYPE_DNAME, rd_name("new.lab.")));
      cr_expect(heard_has(h, SECTION_ANSWER, "x.old.lab.", TYPE_CNAME, rd_name("x.new.lab.")));
      cr_expect(heard_has(h, SECTION_ANSWER, "x.new.lab.", TYPE_A, rd_a("192.0.2.9")));
      cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_RRSIG), how ? 2 : 0);
    }
    cr_expect_eq(upstream_asked(w, "", 0), 1);
    world_free(w);
  }
}

/* Some servers leave the CNAME to the one who asks (RFC 6672 section 3.4). */
Test(chain, through_a_dname_whose_cname_is_left_out_is_the_same_first_and_kept) {
  struct world *w = world_new(&(struct world_options){0});
  msg_answer(&reply, "l0.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "lab.", TYPE_DNAME, 60, rd_name("new."));
  msg_record(&reply, SECTION_ANSWER, "l0.new.", TYPE_A, 90, rd_a("192.0.2.9"));
  struct heard *first = ask_l0(w), *kept = client_ask(w, "l0.lab.", TYPE_A, HOW_TCP);
  cr_expect(heard_has(first, SECTION_ANSWER, "lab.", TYPE_DNAME, rd_name("new.")));
  cr_expect(heard_has(first, SECTION_ANSWER, "l0.lab.", TYPE_CNAME, rd_name("l0.new.")));
  cr_expect(heard_has(first, SECTION_ANSWER, "l0.new.", TYPE_A, rd_a("192.0.2.9")));
  cr_expect(heard_count(first, SECTION_ANSWER) == 3 &&
            heard_ttl(first, SECTION_ANSWER, "l0.lab.", TYPE_CNAME) == 60);
  cr_assert(is_answered(kept) && kept->len == first->len);
  cr_expect(memcmp(kept->msg + 2, first->msg + 2, first->len - 2) == 0);
  cr_expect_eq(upstream_asked(w, "", 0), 1);
  world_run_ms(w, 60000);
  cr_expect_not(is_answered(client_ask(w, "l0.lab.", TYPE_A, HOW_TCP)), "it lasts as long as the DNAME");
  world_free(w);
}

/* Without the DNAME nobody can check the CNAME that was made from it. */
Test(chain, keeps_a_dname_that_stands_behind_its_cname) {
  struct world *w = world_new(&(struct world_options){0});
  msg_answer(&reply, "l0.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "l0.lab.", TYPE_CNAME, 60, rd_name("l0.new."));
  msg_record(&reply, SECTION_ANSWER, "lab.", TYPE_DNAME, 60, rd_name("new."));
  msg_record(&reply, SECTION_ANSWER, "l0.new.", TYPE_A, 60, rd_a("192.0.2.9"));
  struct heard *h = ask_l0(w);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 3);
  world_free(w);
}

Test(chain, leaves_dnames_of_other_names_behind) {
  struct world *w = world_new(&(struct world_options){0});
  msg_answer(&reply, "l0.lab.", TYPE_A, 0);
  msg_record(&reply, SECTION_ANSWER, "evil.lab.", TYPE_DNAME, 60, rd_name("new."));
  msg_record(&reply, SECTION_ANSWER, "l0.lab.", TYPE_DNAME, 60,
             rd_name("new.")); /* a DNAME does not move its owner */
  put_end(0);
  struct heard *h = ask_l0(w);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 1);
  world_free(w);
}

Test(chain, with_signatures_keeps_those_of_its_links_and_its_end) {
  struct world *w = world_new(&(struct world_options){0});
  w->zone.is_signed = true;
  for (unsigned i = 0; i < 5; i++) {
    char from[32], to[32];
    zone_add(&w->zone, link_name(i, from), TYPE_CNAME, 60, rd_name(link_name(i + 1, to)));
  }
  zone_add(&w->zone, "l5.lab.", TYPE_A, 60, rd_a("192.0.2.9"));
  struct heard *h = client_ask_and_wait(w, "l0.lab.", TYPE_A, HOW_DO);
  cr_expect_eq(heard_typed(h, SECTION_ANSWER, TYPE_RRSIG), 6);
  cr_expect(heard_truth(h));
  world_free(w);
}

Test(chain, asked_for_as_cname_is_its_first_link_only) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "l0.lab.", TYPE_CNAME, 60, rd_name("l1.lab."));
  zone_add(&w->zone, "l1.lab.", TYPE_CNAME, 60, rd_name("l2.lab."));
  struct heard *h = client_ask_and_wait(w, "l0.lab.", TYPE_CNAME, HOW_PLAIN);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 1);
  world_free(w);
}
