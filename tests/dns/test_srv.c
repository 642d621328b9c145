/* test_srv.c: SRV records read, put in order, and picked by weight. */
#include "dns/srv.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "kit/msg.h"
#include "kit/rng.h"

/* The first answer record of a message made of one SRV-like record. */
static bool read_one(struct msg *m, struct srv *out, uint16_t type, struct rdata rd) {
  struct record r;
  msg_answer(m, "_xmpp-client._tcp.example.lab", TYPE_SRV, RCODE_NOERROR);
  msg_record(m, SECTION_ANSWER, "_xmpp-client._tcp.example.lab", type, 300, rd);
  struct wire w = wire_read(m->octets, m->len);
  wire_bytes(&w, DNS_HEADER);
  uint8_t name[NAME_MAX_LEN];
  name_read(&w, name);
  wire_bytes(&w, 4);
  cr_assert(record_read(&w, &r));
  return srv_read(&r, out);
}

static struct srv srv_of(uint16_t priority, uint16_t weight, uint16_t port, const char *target) {
  struct srv s = {.priority = priority, .weight = weight, .port = port};
  s.target_len = (uint8_t)name_parse(target, s.target);
  return s;
}

/* Priority, weight and port of each as text: "5/60/5222 20/0/5222". */
static const char *order_of(const struct srv *list, size_t n) {
  static char text[512];
  size_t at = 0;
  for (size_t i = 0; i < n; i++) {
    at += (size_t)snprintf(text + at, sizeof text - at, "%s%u/%u/%u", i ? " " : "", list[i].priority,
                           list[i].weight, list[i].port);
  }
  return text;
}

static uint32_t next_random(void *context, uint32_t limit) { return (uint32_t)rng_below(context, limit); }

/* Gives out numbers from a list, and notes the limits it was called with. */
struct script {
  uint32_t numbers[8], limits[8];
  size_t at;
};

static uint32_t next_scripted(void *context, uint32_t limit) {
  struct script *s = context;
  s->limits[s->at] = limit;
  return s->numbers[s->at++];
}

Test(srv, reads_its_four_fields_and_keeps_spelling) {
  static struct msg m;
  struct srv s;
  char text[NAME_TEXT];
  cr_assert(read_one(&m, &s, TYPE_SRV, rd_srv(258, 772, 5222, "XMPP.Example.lab")));
  cr_expect_eq(s.priority, 258);
  cr_expect_eq(s.weight, 772);
  cr_expect_eq(s.port, 5222);
  cr_expect_str_eq(name_format(s.target, s.target_len, text), "XMPP.Example.lab.");
  cr_expect(!srv_is_none(&s));
}

Test(srv, takes_a_target_of_255_octets) {
  static struct msg m;
  struct srv s;
  char name[256] = "";
  for (int i = 0; i < 127; i++) strcat(name, "a.");
  cr_assert(read_one(&m, &s, TYPE_SRV, rd_srv(0, 0, 1, name)));
  cr_expect_eq(s.target_len, 255);
}

Test(srv, knows_the_root_as_not_offered) {
  static struct msg m;
  struct srv s;
  cr_assert(read_one(&m, &s, TYPE_SRV, rd_srv(0, 0, 0, ".")));
  cr_expect(srv_is_none(&s));
}

Test(srv, refuses_rdata_an_octet_short_or_long) {
  static struct msg m;
  struct srv s;
  struct rdata good = rd_srv(1, 2, 3, "a.lab"), shorter = good, longer = good;
  shorter.len--;
  longer.octets[longer.len++] = 0;
  cr_expect(read_one(&m, &s, TYPE_SRV, good));
  cr_expect(!read_one(&m, &s, TYPE_SRV, shorter));
  cr_expect(!read_one(&m, &s, TYPE_SRV, longer));
}

Test(srv, refuses_rdata_without_a_target) {
  static struct msg m;
  struct srv s;
  for (size_t len = 0; len <= 6; len++)
    cr_expect(!read_one(&m, &s, TYPE_SRV, rd_fill(0, len)), "%zu octets", len);
}

Test(srv, refuses_another_type) {
  static struct msg m;
  struct srv s;
  cr_expect(!read_one(&m, &s, TYPE_MX, rd_srv(1, 2, 3, "a.lab")));
}

Test(srv, sorts_by_priority_then_by_falling_weight) {
  struct srv list[] = {srv_of(20, 0, 1, "a.lab"), srv_of(5, 40, 2, "b.lab"), srv_of(5, 60, 3, "c.lab"),
                       srv_of(5, 0, 4, "d.lab")};
  srv_sort(list, 4);
  cr_expect_str_eq(order_of(list, 4), "5/60/3 5/40/2 5/0/4 20/0/1");
}

Test(srv, sorts_equals_by_port_and_target_without_regard_to_case) {
  struct srv list[] = {srv_of(1, 1, 9, "a.lab"), srv_of(1, 1, 2, "B.lab"), srv_of(1, 1, 2, "a.lab")};
  char text[NAME_TEXT];
  srv_sort(list, 3);
  cr_expect_str_eq(name_format(list[0].target, list[0].target_len, text), "a.lab.");
  cr_expect_eq(list[0].port, 2);
  cr_expect_str_eq(name_format(list[1].target, list[1].target_len, text), "B.lab.");
  cr_expect_eq(list[2].port, 9);
}

Test(srv, sorts_lists_of_every_size_alike_from_any_order) {
  static struct srv list[300], again[300];
  struct rng rng = {7};

  for (size_t n = 0; n <= 300; n += n < 20 ? 1 : 40) {
    for (size_t i = 0; i < n; i++) {
      list[i] = srv_of((uint16_t)rng_below(&rng, 4), (uint16_t)rng_below(&rng, 4), (uint16_t)i, "a.lab");
    }
    memcpy(again, list, n * sizeof *list);
    for (size_t i = n; i > 1; i--) {
      size_t k = rng_below(&rng, i);
      struct srv swap = again[k];
      again[k] = again[i - 1];
      again[i - 1] = swap;
    }
    srv_sort(list, n);
    srv_sort(again, n);
    for (size_t i = 0; i < n; i++) {
      cr_assert(i == 0 || srv_compare(&list[i - 1], &list[i]) <= 0);
      cr_assert_eq(list[i].port, again[i].port);
    }
  }
}

Test(srv, picks_never_across_priorities) {
  struct rng rng = {1};
  for (int round = 0; round < 200; round++) {
    struct srv list[] = {srv_of(20, 65535, 1, "a.lab"), srv_of(5, 0, 2, "b.lab"), srv_of(5, 9, 3, "c.lab"),
                         srv_of(10, 1, 4, "d.lab")};
    srv_pick(list, 4, next_random, &rng);
    cr_assert_eq(list[0].priority, 5);
    cr_assert_eq(list[1].priority, 5);
    cr_assert_eq(list[2].priority, 10);
    cr_assert_eq(list[3].priority, 20);
    cr_assert_neq(list[0].port, list[1].port);
  }
}

/* RFC 2782: a number from 0 to the sum, the first whose running sum reaches it. */
Test(srv, picks_by_the_running_sum) {
  static const struct {
    uint32_t number;
    const char *order;
  } cases[] = {{0, "1/60/1 1/40/2"}, {60, "1/60/1 1/40/2"}, {61, "1/40/2 1/60/1"}, {100, "1/40/2 1/60/1"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct srv list[] = {srv_of(1, 40, 2, "b.lab"), srv_of(1, 60, 1, "a.lab")};
    struct script script = {.numbers = {cases[i].number}};
    srv_pick(list, 2, next_scripted, &script);
    cr_expect_str_eq(order_of(list, 2), cases[i].order, "%u gave %s", cases[i].number, order_of(list, 2));
    cr_expect_eq(script.limits[0], 101);
  }
}

Test(srv, picks_weight_0_only_when_the_number_is_0) {
  struct srv list[] = {srv_of(1, 0, 3, "c.lab"), srv_of(1, 10, 1, "a.lab"), srv_of(1, 0, 2, "b.lab")};
  struct script script = {.numbers = {0, 1, 5}}; /* the 0, the second of the two, then not the 0 */
  srv_pick(list, 3, next_scripted, &script);
  cr_expect_str_eq(order_of(list, 3), "1/0/3 1/10/1 1/0/2");
  cr_expect_eq(script.limits[0], 11);
  cr_expect_eq(script.limits[1], 2);
}

Test(srv, picks_shares_that_follow_the_weights) {
  enum { ROUNDS = 20000 };
  struct rng rng = {42};
  unsigned first[4] = {0};
  for (int round = 0; round < ROUNDS; round++) {
    struct srv list[] = {srv_of(1, 10, 1, "a.lab"), srv_of(1, 30, 2, "b.lab"), srv_of(1, 60, 3, "c.lab")};
    srv_pick(list, 3, next_random, &rng);
    first[list[0].port]++;
  }
  cr_expect(first[1] > ROUNDS * 8 / 100 && first[1] < ROUNDS * 12 / 100, "%u", first[1]);
  cr_expect(first[2] > ROUNDS * 27 / 100 && first[2] < ROUNDS * 33 / 100, "%u", first[2]);
  cr_expect(first[3] > ROUNDS * 56 / 100 && first[3] < ROUNDS * 64 / 100, "%u", first[3]);
}

Test(srv, picks_evenly_when_no_record_has_a_weight) {
  enum { ROUNDS = 20000 };
  struct rng rng = {43};
  unsigned first[5] = {0};
  for (int round = 0; round < ROUNDS; round++) {
    struct srv list[] = {srv_of(1, 0, 1, "a.lab"), srv_of(1, 0, 2, "b.lab"), srv_of(1, 0, 3, "c.lab"),
                         srv_of(1, 0, 4, "d.lab")};
    srv_pick(list, 4, next_random, &rng);
    first[list[0].port]++;
  }
  for (int i = 1; i <= 4; i++)
    cr_expect(first[i] > ROUNDS * 22 / 100 && first[i] < ROUNDS * 28 / 100, "%u", first[i]);
}

Test(srv, picks_from_the_largest_weights_without_overflow) {
  static struct srv list[3000];
  struct rng rng = {3};
  for (size_t i = 0; i < 3000; i++) list[i] = srv_of(1, 65535, (uint16_t)i, "a.lab");
  srv_pick(list, 3000, next_random, &rng);
  static bool seen[3000];
  for (size_t i = 0; i < 3000; i++) {
    cr_assert(list[i].port < 3000 && !seen[list[i].port]);
    seen[list[i].port] = true;
  }
}

Test(srv, leaves_nothing_and_one_alone) {
  struct srv one = srv_of(1, 5, 7, "a.lab");
  struct script script = {.numbers = {0}};
  srv_sort(&one, 0);
  srv_pick(&one, 0, next_scripted, &script);
  cr_expect_eq(script.at, 0);
  srv_sort(&one, 1);
  srv_pick(&one, 1, next_scripted, &script);
  cr_expect_eq(one.port, 7);
}
