/* test_fault_transport.c: faults as the sockets of real clients see them. */
#include <criterion/criterion.h>
#include <errno.h>
#include <unistd.h>

#include "dns/frame.h"
#include "server/rig.h"

static uint8_t got[65536];

/* All octets that come until the connection ends. */
static size_t hear_to_the_end(struct rig *r, int fd) {
  size_t n = 0;
  for (unsigned waited = 0; waited < RIG_WAIT_MS;) {
    ssize_t more = recv(fd, got + n, sizeof got - n, 0);
    if (more == 0 || (more < 0 && errno != EAGAIN)) return n;
    if (more > 0) {
      n += (size_t)more;
    } else {
      rig_turns(r, 1);
      waited++;
    }
  }
  cr_expect_fail("the connection stays open");
  return n;
}

/* The length of the answer to a query for name, which the cache knows. */
static size_t whole_len(struct rig *r, const char *name) {
  int fd = client_tcp(r);
  client_ask_tcp(fd, name, 99);
  size_t len = client_hear_tcp(r, fd, got);
  cr_assert(len > 0);
  close(fd);
  return len;
}

Test(spoil_transport, a_connection_is_closed_instead_of_an_answer) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 1);
  rig_rule(r, "name=a.lab close");
  int fd = client_tcp(r), other = client_tcp(r);
  client_ask_tcp(fd, "a.lab", 1);
  cr_expect_eq(hear_to_the_end(r, fd), 0);
  cr_expect_not(client_is_closed(r, other));
  cr_expect_eq(r->counters.fault_broken, 1);
  close(fd);
  close(other);
  rig_free(r);
}

Test(spoil_transport, a_connection_ends_in_the_middle_of_an_answer) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 3);
  size_t len = whole_len(r, "a.lab");
  rig_rule(r, "transport=tcp cut=20");
  int fd = client_tcp(r);
  client_ask_tcp(fd, "a.lab", 7);
  cr_expect_eq(hear_to_the_end(r, fd), FRAME_HEAD + 20);
  cr_expect_eq(load_u16(got), len, "the length says that more should come");
  cr_expect_eq(load_u16(got + FRAME_HEAD), 7);
  close(fd);
  rig_free(r);
}

Test(spoil_transport, what_was_answered_before_the_cut_arrives_whole) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  uint8_t stream[1024];
  rig_know(r, "a.lab", 1);
  rig_know(r, "b.lab", 1);
  size_t a_len = whole_len(r, "a.lab");
  rig_rule(r, "name=b.lab cut=12");
  int fd = client_tcp(r);
  size_t len = client_stream(stream, sizeof stream, "a.lab", 1);
  len += client_stream(stream + len, sizeof stream - len, "b.lab", 2);
  cr_assert(send(fd, stream, len, 0) == (ssize_t)len);
  cr_expect_eq(hear_to_the_end(r, fd), 2 * FRAME_HEAD + a_len + 12);
  cr_expect(load_u16(got + FRAME_HEAD) == 1 && load_u16(got + 2 * FRAME_HEAD + a_len) == 2);
  close(fd);
  rig_free(r);
}

Test(spoil_transport, late_answers_are_cut_too_and_what_else_is_owed_is_lost) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_rule(r, "name=b.lab cut=12");
  int fd = client_tcp(r);
  client_ask_tcp(fd, "a.lab", 1);
  client_ask_tcp(fd, "b.lab", 2);
  client_ask_tcp(fd, "c.lab", 3);
  rig_asked(r, 3);
  rig_answer(r, 1);
  cr_expect_eq(hear_to_the_end(r, fd), FRAME_HEAD + 12);
  rig_answer(r, 0);
  rig_answer(r, 0);
  rig_turns(r, 3);
  cr_expect_eq(serve_tcp_connections(r->tcp), 0);
  close(fd);
  rig_free(r);
}

Test(spoil_transport, a_datagram_is_cut_short_and_nothing_is_closed) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 1);
  rig_rule(r, "cut=20");
  int fd = client_udp(r);
  for (uint16_t id = 1; id <= 2; id++) {
    client_ask(fd, "a.lab", id);
    cr_expect_eq(client_hear(r, fd, got, sizeof got, NULL), 20);
    cr_expect_eq(load_u16(got), id);
  }
  close(fd);
  rig_free(r);
}

Test(spoil_transport, a_delayed_answer_comes_in_its_time) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 1);
  rig_rule(r, "delay=5000");
  int udp = client_udp(r), tcp = client_tcp(r);
  client_ask(udp, "a.lab", 1);
  client_ask_tcp(tcp, "a.lab", 2);
  rig_queries(r, 2);
  cr_expect(client_hears_nothing(r, udp) && client_hears_nothing(r, tcp));
  skip_ms(5000);
  cr_expect_eq(heard_id(got, client_hear(r, udp, got, sizeof got, NULL), RCODE_NOERROR, 1), 1);
  cr_expect_eq(heard_id(got, client_hear_tcp(r, tcp, got), RCODE_NOERROR, 1), 2);
  close(udp);
  close(tcp);
  rig_free(r);
}

Test(spoil_transport, clients_that_leave_meanwhile_do_no_harm) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 1);
  rig_rule(r, "name=a.lab delay=5000");
  rig_rule(r, "name=b.lab delay=5000 close");
  for (unsigned i = 0; i < 2; i++) {
    int fd = client_tcp(r);
    client_ask_tcp(fd, i ? "a.lab" : "b.lab", 1);
    rig_queries(r, i + 1);
    close(fd);
  }

  rig_turns(r, 5);
  skip_ms(5000);
  rig_turns(r, 5);
  cr_expect_eq(fault_filter_held(r->fault_filter), 1, "the one whose upstream is silent");
  rig_answer(r, 0);
  rig_turns(r, 5);
  cr_expect_eq(fault_filter_held(r->fault_filter), 0);
  rig_free(r);
}

Test(spoil_transport, answers_held_at_the_stop_still_go_out) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 1);
  rig_rule(r, "delay=5000");
  int udp = client_udp(r), tcp = client_tcp(r);
  client_ask(udp, "a.lab", 1);
  client_ask_tcp(tcp, "b.lab", 2);
  rig_queries(r, 2);
  rig_stop(r);
  ssize_t len = recv(udp, got, sizeof got, 0);
  cr_expect(len > 0 && heard_id(got, (size_t)len, RCODE_NOERROR, 1) == 1);
  len = recv(tcp, got, sizeof got, 0);
  cr_expect(len > FRAME_HEAD && heard_id(got + FRAME_HEAD, (size_t)len - FRAME_HEAD, RCODE_SERVFAIL, 0) == 2);
  close(udp);
  close(tcp);
  rig_free(r);
}
