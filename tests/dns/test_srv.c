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

Test(srv, sorting_leaves_nothing_and_one_alone) {
  struct srv one = srv_of(1, 5, 7, "a.lab");
  srv_sort(&one, 0);
  srv_sort(&one, 1);
  cr_expect_eq(one.port, 7);
}
