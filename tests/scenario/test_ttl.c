/* test_ttl.c: how long answers are kept, positive and negative. */
#include <criterion/criterion.h>

#include "dns/ttl.h"
#include "scenario/kit.h"

static struct world *world_with(uint32_t ttl) {
  struct world *w = world_new(&(struct world_options){0});
  zone_add(&w->zone, "a.lab.", TYPE_A, ttl, rd_a("192.0.2.9"));
  return w;
}

static uint32_t ttl_of(const struct heard *h) { return heard_ttl(h, SECTION_ANSWER, "a.lab.", TYPE_A); }
static uint32_t negative_ttl_of(const struct heard *h) {
  return heard_ttl(h, SECTION_AUTHORITY, "lab.", TYPE_SOA);
}

Test(ttl, counts_down_by_the_second_and_ends_on_time) {
  struct world *w = world_with(10);
  cr_expect_eq(ttl_of(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 10);
  for (uint32_t s = 1; s < 10; s++) {
    world_run_ms(w, 1000);
    cr_expect_eq(ttl_of(client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN)), 10 - s);
  }
  world_run_ms(w, 899);
  cr_expect(is_answered(client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN)));
  world_run_ms(w, 101);
  cr_expect_not(is_answered(client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN)));
  world_run_ms(w, WORLD_DELAY_MS);
  cr_expect_eq(upstream_asked(w, "", 0), 2);
  world_free(w);
}

Test(ttl, of_zero_is_passed_on_and_not_kept) {
  struct world *w = world_with(0);
  for (unsigned i = 0; i < 3; i++) {
    struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN),
                 *follower = client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
    cr_expect_not(is_answered(h));
    client_wait(follower);
    cr_expect_eq(ttl_of(h), 0);
    cr_expect_eq(ttl_of(follower), 0);
    cr_expect_eq(upstream_asked(w, "", 0), i + 1);
  }
  cr_expect_eq(w->counters.stored, 0);
  world_free(w);
}

Test(ttl, rfc8767_with_its_top_bit_set_is_a_week) {
  struct world *w = world_with(0x80000010);
  cr_expect_eq(ttl_of(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 7 * 86400);
  world_free(w);
}

Test(ttl, longer_than_a_week_is_a_week) {
  struct world *w = world_with(0x7fffffff);
  cr_expect_eq(ttl_of(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 7 * 86400);
  world_free(w);
}

Test(ttl, of_a_set_is_its_least) {
  struct world *w = world_with(100);
  zone_add(&w->zone, "a.lab.", TYPE_A, 5, rd_a("192.0.2.8"));
  zone_add(&w->zone, "a.lab.", TYPE_A, 70, rd_a("192.0.2.7"));
  cr_expect_eq(ttl_of(client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN)), 5);
  world_run_ms(w, 5000);
  cr_expect_not(is_answered(client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN)));
  world_free(w);
}

Test(ttl, of_a_negative_answer_is_the_lesser_of_the_soas_two) {
  static const struct {
    uint32_t ttl, minimum, want;
  } rows[] = {{300, 60, 60}, {60, 300, 60}, {90000, 90000, TTL_NEGATIVE_MAX}, {0, 60, 0}, {60, 0, 0}};
  for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct world *w = world_with(60);
    struct msg m;
    msg_answer(&m, "no.lab.", TYPE_SRV, RCODE_NXDOMAIN);
    msg_record(&m, SECTION_AUTHORITY, "lab.", TYPE_SOA, rows[i].ttl,
               rd_soa("a.lab.", "b.lab.", rows[i].minimum));
    world_reply(w, "no.lab.", TYPE_SRV, &m);
    cr_expect_eq(negative_ttl_of(client_ask_and_wait(w, "no.lab.", TYPE_SRV, HOW_PLAIN)), rows[i].want);
    if (rows[i].want > 0) {
      world_run_ms(w, rows[i].want * 1000 - 200);
      struct heard *h = client_ask(w, "no.lab.", TYPE_SRV, HOW_PLAIN);
      cr_assert(is_answered(h));
      cr_expect_eq(heard_rcode(h), RCODE_NXDOMAIN);
      cr_expect_leq(negative_ttl_of(h), 1, "it counts down");
      world_run_ms(w, 200);
    }
    cr_expect_not(is_answered(client_ask(w, "no.lab.", TYPE_SRV, HOW_PLAIN)));
    world_free(w);
  }
}

Test(ttl, negative_answers_keep_what_they_say) {
  struct world *w = world_with(60);
  for (unsigned warm = 0; warm < 2; warm++) {
    struct heard *nodata = client_ask_and_wait(w, "a.lab.", TYPE_SRV, HOW_PLAIN);
    struct heard *nxdomain = client_ask_and_wait(w, "b.lab.", TYPE_SRV, HOW_PLAIN);
    cr_expect_eq(heard_rcode(nodata), RCODE_NOERROR);
    cr_expect_eq(heard_count(nodata, SECTION_ANSWER), 0);
    cr_expect_eq(heard_rcode(nxdomain), RCODE_NXDOMAIN);
  }
  cr_expect_eq(upstream_asked(w, "", 0), 2);
  world_free(w);
}

Test(ttl, a_negative_answer_without_a_soa_is_passed_on_and_not_kept) {
  struct world *w = world_with(60);
  w->zone.no_soa = true;
  for (unsigned i = 0; i < 2; i++) {
    cr_expect_eq(heard_rcode(client_ask_and_wait(w, "a.lab.", TYPE_SRV, HOW_PLAIN)), RCODE_NOERROR);
    cr_expect_eq(heard_rcode(client_ask_and_wait(w, "b.lab.", TYPE_SRV, HOW_PLAIN)), RCODE_NXDOMAIN);
  }
  cr_expect_eq(upstream_asked(w, "", 0), 4);
  world_free(w);
}

Test(ttl, a_soa_of_another_zone_does_not_make_a_negative_answer_last) {
  struct world *w = world_with(60);
  struct msg m;
  msg_answer(&m, "a.lab.", TYPE_SRV, 0);
  msg_record(&m, SECTION_AUTHORITY, "evil.", TYPE_SOA, 60, rd_soa("a.lab.", "b.lab.", 60));
  world_reply(w, "a.lab.", TYPE_SRV, &m);
  struct heard *h = client_ask_and_wait(w, "a.lab.", TYPE_SRV, HOW_PLAIN);
  cr_expect_eq(heard_count(h, SECTION_AUTHORITY), 0);
  cr_expect_not(is_answered(client_ask(w, "a.lab.", TYPE_SRV, HOW_PLAIN)));
  world_free(w);
}
