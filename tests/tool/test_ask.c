/* test_ask.c: questions over real sockets of loopback, to servers that answer, lose, cut and lie. */
#include "tool/ask.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "dns/name.h"
#include "tool/mock.h"

enum { PATIENCE_MS = 6000, SHORT_MS = 200 };

static struct asked question(const char *name, uint16_t type) {
  struct asked a = {.type = type, .klass = CLASS_IN};
  a.name_len = (uint8_t)name_parse(name, a.name);
  return a;
}

static struct asked ask_one(const struct mock *m, unsigned timeout_ms, bool tcp) {
  struct ask_options o = {.server = m->addr, .timeout_ms = timeout_ms, .tcp = tcp};
  struct asked a = question("d.lab", TYPE_SRV), *list[] = {&a};
  ask_all(&o, list, 1);
  return a;
}

static void answer(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  (void)over_tcp;
  mock_reply(m, query, len, RCODE_NXDOMAIN, false);
}

static void answer_second(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  if (m->packets > 1) answer(m, query, len, over_tcp);
}

static void answer_nothing(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  (void)m, (void)query, (void)len, (void)over_tcp;
}

static void truncate_over_udp(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  mock_reply(m, query, len, RCODE_NOERROR, !over_tcp);
}

/* It answers FORMERR without OPT to what has OPT, which comes last. */
static void understand_no_edns(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  uint8_t reply[512];
  bool has_opt = load_u16(query + 10) > 0;
  (void)over_tcp;

  if (has_opt) len -= DNS_OPT;
  memcpy(reply, query, len);
  store_u16(reply + 10, 0);
  mock_reply(m, reply, len, has_opt ? RCODE_FORMERR : RCODE_NOERROR, false);
}

/* Such a server knows EDNS: what it does not understand is something else. */
static void misunderstand_with_opt(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  (void)over_tcp;
  mock_reply(m, query, len, RCODE_FORMERR, false);
}

/* The same without the question. */
static void misunderstand_with_opt_alone(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  uint8_t reply[DNS_HEADER + DNS_OPT] = {query[0], query[1], [11] = 1};
  (void)over_tcp;
  memcpy(reply + DNS_HEADER, query + len - DNS_OPT, DNS_OPT);
  mock_reply(m, reply, sizeof reply, RCODE_FORMERR, false);
}

/* A header alone that counts a question. */
static void answer_half(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  (void)len, (void)over_tcp;
  mock_reply(m, query, DNS_HEADER, RCODE_FORMERR, false);
}

/* The header alone, all its counts 0. */
static void say_formerr_bare(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  uint8_t bare[DNS_HEADER] = {query[0], query[1]};
  (void)over_tcp;
  if (load_u16(query + 10) > 0) {
    mock_reply(m, bare, sizeof bare, RCODE_FORMERR, false);
  } else {
    mock_reply(m, query, len, RCODE_NOERROR, false);
  }
}

/* Each of these differs from the right reply in one thing. */
static void lie(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  uint8_t wrong[1024];
  (void)over_tcp;
  mock_send(m, query, len); /* no QR */
  memcpy(wrong, query, len);
  wrong[0] ^= 1;
  mock_reply(m, wrong, len, RCODE_NOERROR, false);
  memcpy(wrong, query, len);
  wrong[DNS_HEADER + 1] ^= 1; /* the name */
  mock_reply(m, wrong, len, RCODE_NOERROR, false);
  memcpy(wrong, query, len);
  wrong[DNS_HEADER + 8] ^= 1; /* the type */
  mock_reply(m, wrong, len, RCODE_NOERROR, false);
  memcpy(wrong, query, len);
  wrong[2] |= 0x08; /* the opcode */
  mock_reply(m, wrong, len, RCODE_NOERROR, false);
  mock_reply(m, query, DNS_HEADER - 1, RCODE_NOERROR, false);
  mock_reply(m, query, DNS_HEADER + 3, RCODE_NOERROR, false);
}

static void lie_then_answer(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  lie(m, query, len, over_tcp);
  answer(m, query, len, over_tcp);
}

static void answer_in_other_case(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  uint8_t upper[1024];
  memcpy(upper, query, len);
  upper[DNS_HEADER + 1] ^= 0x20;
  answer(m, upper, len, over_tcp);
}

static void expect_answer(const struct asked *a, unsigned rcode, bool over_tcp) {
  cr_assert_eq(a->outcome, ASKED_ANSWERED, "%s", asked_text(a->outcome));
  cr_assert_not_null(a->msg);
  cr_expect_eq(a->msg[3] & DNS_RCODE, rcode);
  cr_expect_eq(a->over_tcp, over_tcp);
}

Test(ask, gets_an_answer_over_udp) {
  struct mock m;
  mock_start(&m, true, answer);
  struct asked a = ask_one(&m, PATIENCE_MS, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_NXDOMAIN, false);
  cr_expect_eq(m.packets, 1);
  cr_expect_lt(a.took_us, PATIENCE_MS * 1000 / 4);
  asked_free(&a);
  cr_expect_null(a.msg);
}

Test(ask, takes_an_answer_that_spells_the_name_otherwise) {
  struct mock m;
  mock_start(&m, true, answer_in_other_case);
  struct asked a = ask_one(&m, PATIENCE_MS, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_NXDOMAIN, false);
  asked_free(&a);
}

Test(ask, asks_again_with_the_same_id_when_a_packet_is_lost) {
  struct mock m;
  mock_start(&m, true, answer_second);
  struct asked a = ask_one(&m, 2000, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_NXDOMAIN, false);
  cr_expect_eq(m.packets, 2);
  cr_expect_eq(m.ids[0], m.ids[1]);
  cr_expect_geq(a.took_us, 500 * 1000, "the second try comes after a quarter of the time");
  asked_free(&a);
}

Test(ask, keeps_edns_on_a_formerr_that_carries_opt) {
  struct mock m;
  mock_start(&m, true, misunderstand_with_opt);
  struct asked a = ask_one(&m, PATIENCE_MS, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_FORMERR, false);
  cr_expect_eq(m.packets, 1, "asked once");
  cr_expect(!a.refuses_edns);
  asked_free(&a);
}

Test(ask, takes_a_formerr_of_a_header_and_opt_for_the_answer) {
  struct mock m;
  mock_start(&m, true, misunderstand_with_opt_alone);
  struct asked a = ask_one(&m, PATIENCE_MS, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_FORMERR, false);
  cr_expect_eq(m.packets, 1, "asked once");
  cr_expect(!a.refuses_edns);
  cr_expect(a.keeps_case, "there is no question whose case could differ");
  asked_free(&a);
}

Test(ask, gives_up_in_time_after_three_tries) {
  struct mock m;
  mock_start(&m, true, answer_nothing);
  struct asked a = ask_one(&m, SHORT_MS, false);
  mock_stop(&m);
  cr_expect_eq(a.outcome, ASKED_TIMEOUT);
  cr_expect_null(a.msg);
  cr_expect_eq(m.packets, 3);
  cr_expect(a.took_us >= SHORT_MS * 1000 && a.took_us < 20 * SHORT_MS * 1000, "%u us", a.took_us);
}

Test(ask, believes_no_lie) {
  struct mock m;
  mock_start(&m, true, lie);
  struct asked a = ask_one(&m, SHORT_MS, false);
  mock_stop(&m);
  cr_expect_eq(a.outcome, ASKED_TIMEOUT);
  mock_start(&m, true, lie_then_answer);
  a = ask_one(&m, PATIENCE_MS, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_NXDOMAIN, false);
  cr_expect_eq(m.packets, 1);
  asked_free(&a);
}

Test(ask, goes_to_tcp_when_the_answer_is_truncated) {
  struct mock m;
  mock_start(&m, true, truncate_over_udp);
  struct asked a = ask_one(&m, PATIENCE_MS, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_NOERROR, true);
  cr_expect(!(a.msg[2] & DNS_TC));
  cr_expect_eq(m.packets, 2);
  cr_expect_eq(m.over_tcp, 1);
  asked_free(&a);
}

Test(ask, keeps_the_truncated_answer_when_tcp_fails) {
  struct mock m;
  mock_start(&m, false, truncate_over_udp);
  struct asked a = ask_one(&m, PATIENCE_MS, false);
  mock_stop(&m);
  expect_answer(&a, RCODE_NOERROR, false);
  cr_expect(a.msg[2] & DNS_TC);
  asked_free(&a);
}

Test(ask, keeps_to_tcp_when_told) {
  struct mock m;
  mock_start(&m, true, answer);
  struct asked a = ask_one(&m, PATIENCE_MS, true);
  mock_stop(&m);
  expect_answer(&a, RCODE_NXDOMAIN, true);
  cr_expect_eq(m.over_tcp, m.packets);
  asked_free(&a);
}

Test(ask, takes_a_frame_that_comes_octet_by_octet) {
  struct mock m;
  mock_start(&m, true, answer);
  m.drip = true;
  struct asked a = ask_one(&m, PATIENCE_MS, true);
  mock_stop(&m);
  expect_answer(&a, RCODE_NXDOMAIN, true);
  asked_free(&a);
}

Test(ask, passes_over_wrong_frames_to_the_right_one) {
  struct mock m;
  mock_start(&m, true, lie_then_answer);
  struct asked a = ask_one(&m, PATIENCE_MS, true);
  mock_stop(&m);
  expect_answer(&a, RCODE_NXDOMAIN, true);
  asked_free(&a);
}

Test(ask, says_closed_when_the_connection_ends_without_an_answer) {
  struct mock m;
  mock_start(&m, true, answer_nothing);
  struct asked a = ask_one(&m, PATIENCE_MS, true);
  mock_stop(&m);
  cr_expect_eq(a.outcome, ASKED_CLOSED);
}

Test(ask, says_closed_at_once_when_nobody_listens) {
  struct mock m;
  mock_start(&m, false, answer);
  mock_stop(&m);
  for (int tcp = 0; tcp < 2; tcp++) {
    struct asked a = ask_one(&m, PATIENCE_MS, tcp);
    cr_expect_eq(a.outcome, ASKED_CLOSED);
    cr_expect_lt(a.took_us, PATIENCE_MS * 1000 / 2);
  }
}

Test(ask, asks_without_edns_where_it_is_not_understood) {
  static void (*const servers[])(struct mock *, const uint8_t *, size_t, bool) = {understand_no_edns,
                                                                                  say_formerr_bare};
  for (size_t i = 0; i < 2; i++) {
    struct mock m;
    mock_start(&m, true, servers[i]);
    struct asked a = ask_one(&m, PATIENCE_MS, false);
    mock_stop(&m);
    expect_answer(&a, RCODE_NOERROR, false);
    cr_expect_eq(m.packets, 2);
    asked_free(&a);
  }
}

Test(ask, takes_no_header_that_counts_a_question_it_does_not_have) {
  struct mock m;
  mock_start(&m, true, answer_half);
  struct asked a = ask_one(&m, SHORT_MS, false);
  mock_stop(&m);
  cr_expect_eq(a.outcome, ASKED_TIMEOUT);
}

Test(ask, asks_many_at_once_from_ports_and_with_ids_of_their_own) {
  enum { MANY = 200 };
  static struct asked all[MANY];
  struct asked *list[MANY];
  struct mock m;
  mock_start(&m, true, answer);
  struct ask_options o = {.server = m.addr, .timeout_ms = PATIENCE_MS};
  for (size_t i = 0; i < MANY; i++) {
    all[i] = question("d.lab", (uint16_t)(1000 + i));
    list[i] = &all[i];
  }

  ask_all(&o, list, MANY);
  mock_stop(&m);
  unsigned same_port = 0, same_id = 0, low_ports = 0;
  for (size_t i = 0; i < MANY; i++) {
    expect_answer(&all[i], RCODE_NXDOMAIN, false);
    asked_free(&all[i]);
  }

  for (size_t i = 1; i < m.packets && i < MOCK_SEEN; i++) {
    low_ports += m.ports[i] < 32768;
    same_port += m.ports[i] == m.ports[i - 1];
    same_id += m.ids[i] == m.ids[i - 1];
  }

  cr_expect_geq(m.packets, MANY);
  cr_expect_lt(same_port, 5);
  cr_expect_lt(same_id, 5);
  cr_expect_geq(low_ports, MANY / 5, "from all ports, not only those that the kernel gives out: %u",
                low_ports);
}

Test(ask, asks_nothing_when_there_is_nothing_to_ask) {
  struct ask_options o = {.timeout_ms = 1};
  addr_parse("127.0.0.1", 53, &o.server);
  ask_all(&o, NULL, 0);
}
