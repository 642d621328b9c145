/* test_serve_udp.c: datagrams in, datagrams out. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "server/rig.h"

static uint8_t got[65536];

Test(serve_udp, answers_from_the_cache) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 3);
  int fd = client_udp(r);
  client_ask(fd, "a.lab", 7);
  size_t len = client_hear(r, fd, got, sizeof got, NULL);
  cr_expect(heard_id(got, len, RCODE_NOERROR, 3) == 7);
  cr_expect(r->counters.hit == 1);
  close(fd);
  rig_free(r);
}

Test(serve_udp, answers_each_datagram_of_many_batches_once) {
  enum { N = 700 };
  bool heard[N] = {false};
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 2);
  int fd = client_udp(r);
  for (uint16_t i = 0; i < N; i++) client_ask(fd, "a.lab", i);
  for (unsigned i = 0; i < N; i++) {
    size_t len = client_hear(r, fd, got, sizeof got, NULL);
    uint16_t id = heard_id(got, len, RCODE_NOERROR, 2);
    cr_assert(id < N && !heard[id]);
    heard[id] = true;
  }

  cr_expect(client_hears_nothing(r, fd));
  close(fd);
  rig_free(r);
}

/* More than fits between two sendmmsg. */
Test(serve_udp, sends_a_batch_of_large_answers_whole) {
  enum { N = 64, RECORDS = 240 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "large.lab", RECORDS);
  int fd = client_udp(r);
  for (uint16_t i = 0; i < N; i++) client_ask(fd, "large.lab", i);
  for (unsigned i = 0; i < N; i++) {
    size_t len = client_hear(r, fd, got, sizeof got, NULL);
    cr_assert(len > 3800);
    cr_expect(heard_id(got, len, RCODE_NOERROR, RECORDS) == i);
  }
  close(fd);
  rig_free(r);
}

Test(serve_udp, gives_each_late_answer_to_who_asked) {
  enum { N = 20 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fds[N];
  for (unsigned i = 0; i < N; i++) {
    char name[32];
    fds[i] = client_udp(r);
    snprintf(name, sizeof name, "n%u.lab", i);
    client_ask(fds[i], name, (uint16_t)(100 + i));
  }

  rig_asked(r, N);
  while (r->open_count) rig_answer(r, r->open_count / 2);
  for (unsigned i = 0; i < N; i++) {
    size_t len = client_hear(r, fds[i], got, sizeof got, NULL);
    cr_expect(heard_id(got, len, RCODE_NOERROR, 1) == 100 + i);
    close(fds[i]);
  }

  rig_free(r);
}

Test(serve_udp, sends_more_late_answers_in_a_turn_than_it_gathers) {
  enum { N = 300 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_udp(r);
  for (uint16_t i = 0; i < N; i++) client_ask(fd, "same.lab", i);
  rig_asked(r, 1);
  rig_queries(r, N);
  rig_answer(r, 0);
  for (unsigned i = 0; i < N; i++) {
    size_t len = client_hear(r, fd, got, sizeof got, NULL);
    cr_expect(heard_id(got, len, RCODE_NOERROR, 1) == i);
  }
  close(fd);
  rig_free(r);
}

Test(serve_udp, keeps_the_late_answers_of_two_sockets_apart) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int first = client_udp(r);

  rig_listen(r, "127.0.0.1");
  int second = client_udp(r);
  client_ask(first, "same.lab", 1);
  client_ask(second, "same.lab", 2);
  client_ask(first, "same.lab", 3);
  rig_queries(r, 3);
  rig_answer(r, 0);
  cr_expect(heard_id(got, client_hear(r, first, got, sizeof got, NULL), RCODE_NOERROR, 1) == 1);
  cr_expect(heard_id(got, client_hear(r, first, got, sizeof got, NULL), RCODE_NOERROR, 1) == 3);
  cr_expect(heard_id(got, client_hear(r, second, got, sizeof got, NULL), RCODE_NOERROR, 1) == 2);
  close(first);
  close(second);
  rig_free(r);
}

/* A client that is not connected hears from where the answer came. */
static void check_wildcard(const char *wildcard, const char *asked) {
  struct rig *r = rig_new(wildcard, NULL);
  union addr at, from;

  rig_know(r, "known.lab", 1);
  cr_assert(addr_parse(asked, addr_port(&r->addr), &at));
  int fd = socket(at.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  static const char *const names[] = {"known.lab", "unknown.lab"};
  for (unsigned i = 0; i < 2; i++) {
    static struct msg m;
    msg_query(&m, names[i], TYPE_A);
    ssize_t sent = sendto(fd, m.octets, m.len, 0, &at.any, addr_len(&at));
    if (sent < 0) cr_skip_test("%s is not here", asked);
    if (i == 1) {
      rig_asked(r, 1);
      rig_answer(r, 0);
    }
    size_t len = client_hear(r, fd, got, sizeof got, &from);
    heard_id(got, len, RCODE_NOERROR, 1);
    cr_expect(addr_equal(&from, &at), "asked at %s, %s answer from elsewhere", asked, names[i]);
  }

  close(fd);
  rig_free(r);
}

Test(serve_udp, answers_from_the_ipv4_address_that_was_asked) { check_wildcard("0.0.0.0", "127.8.7.6"); }
Test(serve_udp, answers_from_the_ipv6_address_that_was_asked) { check_wildcard("::", "::1"); }
Test(serve_udp, listens_on_ipv6) { check_wildcard("::1", "::1"); }

Test(serve_udp, says_nothing_to_what_deserves_silence) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_udp(r);
  static struct msg m;
  msg_answer(&m, "a.lab", TYPE_A, RCODE_NOERROR);
  cr_assert(send(fd, m.octets, m.len, 0) > 0);
  cr_assert(send(fd, m.octets, 11, 0) > 0);
  cr_assert(send(fd, m.octets, 0, 0) == 0);
  rig_queries(r, 3);
  cr_expect(client_hears_nothing(r, fd));
  cr_expect(r->counters.ignored == 3);
  close(fd);
  rig_free(r);
}

Test(serve_udp, ignores_and_counts_a_datagram_that_is_too_long) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  static uint8_t query[4097];
  rig_know(r, "a.lab", 1);
  int fd = client_udp(r);
  memset(query, 0, sizeof query);
  cr_assert(send(fd, query, 4097, 0) == 4097);
  client_ask(fd, "a.lab", 2);
  cr_expect(heard_id(got, client_hear(r, fd, got, sizeof got, NULL), RCODE_NOERROR, 1) == 2);
  cr_expect(r->counters.ignored == 1 && r->counters.queries == 2);
  cr_assert(send(fd, query, 4096, 0) == 4096);
  cr_expect(heard_id(got, client_hear(r, fd, got, sizeof got, NULL), RCODE_FORMERR, 0) == 0);
  close(fd);
  rig_free(r);
}

Test(serve_udp, goes_on_when_clients_have_gone_away) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 1);
  for (unsigned i = 0; i < 100; i++) { /* the answers meet closed ports */
    int gone = client_udp(r);
    client_ask(gone, i % 2 ? "a.lab" : "unknown.lab", 1);
    close(gone);
  }
  rig_queries(r, 100);
  rig_answer(r, 0);
  int fd = client_udp(r);
  client_ask(fd, "a.lab", 2);
  cr_expect(heard_id(got, client_hear(r, fd, got, sizeof got, NULL), RCODE_NOERROR, 1) == 2);
  close(fd);
  rig_free(r);
}

Test(serve_udp, tells_who_waits_when_it_stops) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_udp(r);
  client_ask(fd, "never.lab", 3);
  rig_asked(r, 1);
  rig_stop(r);
  ssize_t n = recv(fd, got, sizeof got, 0);
  cr_assert(n > 0);
  cr_expect(heard_id(got, (size_t)n, RCODE_SERVFAIL, 0) == 3);
  close(fd);
  rig_free(r);
}

Test(serve_udp, an_address_given_up_sends_each_late_answer_when_it_is_there) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_udp(r);
  client_ask(fd, "slow.lab", 1);
  client_ask(fd, "quick.lab", 2);
  rig_asked(r, 2);
  serve_udp_remove(r->udp, &r->addr);
  rig_answer(r, 1);
  cr_expect(heard_id(got, client_hear(r, fd, got, sizeof got, NULL), RCODE_NOERROR, 1) == 2);
  rig_answer(r, 0);
  cr_expect(heard_id(got, client_hear(r, fd, got, sizeof got, NULL), RCODE_NOERROR, 1) == 1);
  close(fd);
  rig_free(r);
}

Test(serve_udp, answers_at_a_new_address_when_it_had_given_up_its_last) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  serve_udp_remove(r->udp, &r->addr);
  rig_turns(r, 3);
  rig_listen(r, "127.0.0.1");
  rig_know(r, "a.lab", 1);
  int fd = client_udp(r);
  client_ask(fd, "a.lab", 7);
  cr_expect(heard_id(got, client_hear(r, fd, got, sizeof got, NULL), RCODE_NOERROR, 1) == 7);
  close(fd);
  rig_free(r);
}

Test(serve_udp, tells_who_waits_at_an_address_given_up_when_it_stops) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_udp(r);
  client_ask(fd, "never.lab", 3);
  rig_asked(r, 1);
  serve_udp_remove(r->udp, &r->addr);
  rig_stop(r);
  ssize_t n = recv(fd, got, sizeof got, 0);
  cr_assert(n > 0);
  cr_expect(heard_id(got, (size_t)n, RCODE_SERVFAIL, 0) == 3);
  close(fd);
  rig_free(r);
}
