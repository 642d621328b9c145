/* test_query_tap.c: what dnstap hears of clients: each query and its response, or every so many-th. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/rig.h"
#include "tap/tap_stream.h"

enum { HEARD = 100 };

/* In the stead of tap_stream.c's: what would be sent. */
static struct heard {
  enum tap_kind kind;
  enum transport transport;
  union addr asking, answering;
  uint64_t query_ns, response_ns;
  uint8_t msg[512];
  size_t len;
} heard[HEARD];
static unsigned heard_count;

void tap_queue_write(struct tap_queue *q, const struct tap_message *m) {
  struct heard *h = &heard[heard_count++];
  cr_assert(q && heard_count < HEARD && m->len <= sizeof h->msg);
  *h = (struct heard){m->kind,     m->transport,   *m->asking, *m->answering,
                      m->query_ns, m->response_ns, {0},        m->len};
  memcpy(h->msg, m->msg, m->len);
}

static uint8_t got[65536];
static struct tap tap;

static struct rig *rig_tapping(uint32_t every, enum tap_what what) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  struct tap_policy policy = {.sample = every, .what = what};
  tap_set(&tap, &policy, (struct tap_queue *)(void *)&heard);
  r->serve.tap.tap = &tap;
  serve_watch(&r->serve);
  rig_know(r, "known.lab", 1);
  return r;
}

static void rig_done(struct rig *r) {
  struct query_tap left;
  rig_stop(r);
  left = r->serve.tap;
  rig_free(r);
  query_tap_free(&left);
}

static void ask(struct rig *r, int fd, const char *name, uint16_t id) {
  client_ask(fd, name, id);
  cr_assert_gt(client_hear(r, fd, got, sizeof got, NULL), 0);
}

static union addr name_of(int fd) {
  union addr a;
  cr_assert(getsockname(fd, &a.any, &(socklen_t){sizeof a}) == 0);
  return a;
}

/* One query and its response, between that client and the rig. */
static void expect_pair(const struct rig *r, unsigned at, int fd, enum transport transport, uint16_t id) {
  const struct heard *q = &heard[at], *a = &heard[at + 1];
  union addr client = name_of(fd);
  cr_assert_geq(heard_count, at + 2);
  cr_expect(q->kind == TAP_CLIENT_QUERY && a->kind == TAP_CLIENT_RESPONSE);
  for (unsigned i = 0; i < 2; i++) {
    cr_expect_eq(q[i].transport, transport);
    cr_expect(addr_equal(&q[i].asking, &client) && addr_equal(&q[i].answering, &r->addr));
    cr_expect(load_u16(q[i].msg) == id && !(q[i].msg[2] & DNS_QR) == (i == 0));
  }
  cr_expect(q->query_ns == a->query_ns && a->response_ns >= a->query_ns && q->response_ns == 0);
  cr_expect(a->response_ns - a->query_ns < UINT64_C(10000000000));
}

Test(query_tap, hears_a_query_and_its_answer_over_udp_and_tcp) {
  struct rig *r = rig_tapping(1, TAP_BOTH);
  int udp = client_udp(r), tcp = client_tcp(r);
  ask(r, udp, "known.lab", 1);
  expect_pair(r, 0, udp, TRANSPORT_UDP, 1);
  client_ask_tcp(tcp, "known.lab", 2);
  cr_assert_gt(client_hear_tcp(r, tcp, got), 0);
  expect_pair(r, 2, tcp, TRANSPORT_TCP, 2);
  cr_expect_eq(heard_count, 4);
  close(udp);
  close(tcp);
  rig_done(r);
}

Test(query_tap, hears_an_answer_that_came_later_when_it_came) {
  struct rig *r = rig_tapping(1, TAP_CLIENT);
  int udp = client_udp(r);
  client_ask(udp, "asked.lab", 1);
  rig_asked(r, 1);
  cr_expect_eq(heard_count, 1);
  ask(r, udp, "known.lab", 2);
  rig_answer(r, 0);
  cr_assert_gt(client_hear(r, udp, got, sizeof got, NULL), 0);
  cr_assert_eq(heard_count, 4);
  cr_expect(heard[3].kind == TAP_CLIENT_RESPONSE && load_u16(heard[3].msg) == 1);
  cr_expect_eq(heard[3].query_ns, heard[0].query_ns);
  close(udp);
  rig_done(r);
}

Test(query_tap, hears_what_is_refused_and_no_answer_where_there_is_none) {
  static const uint8_t cut[] = {0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'a'};
  struct rig *r = rig_tapping(1, TAP_BOTH);
  int udp = client_udp(r);
  cr_assert(send(udp, cut, sizeof cut, 0) > 0 && client_hear(r, udp, got, sizeof got, NULL) > 0);
  expect_pair(r, 0, udp, TRANSPORT_UDP, 7);
  cr_expect(heard[0].len == sizeof cut && memcmp(heard[0].msg, cut, sizeof cut) == 0);
  cr_assert(send(udp, "x", 1, 0) > 0);
  rig_queries(r, 2);
  cr_expect(heard_count == 3 && heard[2].kind == TAP_CLIENT_QUERY && heard[2].len == 1);
  close(udp);
  rig_done(r);
}

Test(query_tap, hears_every_so_many_th_query_with_its_answer) {
  struct rig *r = rig_tapping(4, TAP_BOTH);
  int udp = client_udp(r);
  for (uint16_t i = 0; i < 12; i++) ask(r, udp, "known.lab", i);
  cr_expect_eq(heard_count, 6);
  for (unsigned i = 0; i < 3; i++) expect_pair(r, 2 * i, udp, TRANSPORT_UDP, (uint16_t)(4 * i));
  close(udp);
  rig_done(r);
}

Test(query_tap, hears_answers_as_faults_left_them) {
  struct rig *r = rig_tapping(1, TAP_BOTH);
  rig_rule(r, "name=known.lab refused");
  int udp = client_udp(r);
  ask(r, udp, "known.lab", 1);
  cr_expect_eq(heard[1].msg[3] & DNS_RCODE, RCODE_REFUSED);
  close(udp);
  rig_done(r);
}

Test(query_tap, hears_nothing_when_it_is_off_or_for_upstreams_alone) {
  struct rig *r = rig_tapping(1, TAP_UPSTREAM);
  int udp = client_udp(r);
  cr_expect(!r->serve.is_watched);
  ask(r, udp, "known.lab", 1);
  tap_set(&tap, &(struct tap_policy){.sample = 1}, NULL);
  serve_watch(&r->serve);
  ask(r, udp, "known.lab", 2);
  cr_expect(!r->serve.is_watched && heard_count == 0);
  close(udp);
  rig_done(r);
}

/* It is switched off while a client waits. */
Test(query_tap, lets_go_of_who_waits_when_it_is_switched_off) {
  struct rig *r = rig_tapping(1, TAP_BOTH);
  int udp = client_udp(r);
  client_ask(udp, "asked.lab", 1);
  rig_asked(r, 1);
  tap_set(&tap, &(struct tap_policy){.sample = 1}, NULL);
  serve_watch(&r->serve);
  rig_answer(r, 0);
  cr_assert_gt(client_hear(r, udp, got, sizeof got, NULL), 0);
  cr_expect_eq(heard_count, 1);
  close(udp);
  rig_done(r);
}

Test(query_tap, is_done_with_those_that_wait_in_vain) {
  struct rig *r = rig_tapping(1, TAP_BOTH);
  int udp = client_udp(r);
  client_ask(udp, "asked.lab", 1);
  rig_asked(r, 1);
  cr_expect_eq(heard_count, 1);
  close(udp);
  rig_done(r);
}
