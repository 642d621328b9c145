/* test_serve_tcp.c: frames in any split, answers in any order, and a connection's end. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "dns/frame.h"
#include "kit/emulated.h"
#include "server/rig.h"
#include "server/segments.h"

static uint8_t got[65536];

static uint16_t hear(struct rig *r, int fd, unsigned rcode, unsigned answers) {
  size_t len = client_hear_tcp(r, fd, got);
  cr_assert(len > 0, "nothing came");
  return heard_id(got, len, rcode, answers);
}

Test(serve_tcp, answers_from_the_cache) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "a.lab", 3);
  int fd = client_tcp(r);
  client_ask_tcp(fd, "a.lab", 7);
  cr_expect(hear(r, fd, RCODE_NOERROR, 3) == 7);
  cr_expect(r->counters.queries_tcp == 1 && r->counters.hit == 1);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, listens_on_ipv6) {
  struct rig *r = rig_new("::1", NULL);
  rig_know(r, "a.lab", 3);
  int fd = client_tcp(r);
  client_ask_tcp(fd, "a.lab", 7);
  cr_expect(hear(r, fd, RCODE_NOERROR, 3) == 7);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, reads_queries_that_come_octet_by_octet) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  uint8_t stream[512];
  rig_know(r, "a.lab", 1);
  int fd = client_tcp(r);
  size_t len = client_stream(stream, sizeof stream, "a.lab", 1);
  len += client_stream(stream + len, sizeof stream - len, "a.lab", 2);
  for (size_t i = 0; i < len; i++) {
    cr_assert(send(fd, stream + i, 1, 0) == 1);
    rig_turns(r, 1);
  }
  cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 1);
  cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 2);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, reads_queries_cut_anywhere) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  uint8_t stream[512];

  rig_know(r, "a.lab", 1);
  int fd = client_tcp(r);
  size_t len = client_stream(stream, sizeof stream, "a.lab", 1);
  len += client_stream(stream + len, sizeof stream - len, "a.lab", 2);
  for (size_t cut = 1; cut < len; cut++) {
    cr_assert(send(fd, stream, cut, 0) == (ssize_t)cut);
    rig_turns(r, 1);
    cr_assert(send(fd, stream + cut, len - cut, 0) == (ssize_t)(len - cut));
    cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 1);
    cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 2);
  }

  close(fd);
  rig_free(r);
}

Test(serve_tcp, answers_what_came_together_with_one_segment) {
  enum { N = 100 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  static uint8_t stream[N * 64];
  size_t len = 0;
  rig_know(r, "a.lab", 2);
  int fd = client_tcp(r);
  for (uint16_t i = 0; i < N; i++) len += client_stream(stream + len, sizeof stream - len, "a.lab", i);
  cr_assert(send(fd, stream, len, 0) == (ssize_t)len);
  for (unsigned i = 0; i < N; i++) cr_expect(hear(r, fd, RCODE_NOERROR, 2) == i);
  cr_expect(emulated() || client_segments(fd) == 1, "%u segments", client_segments(fd));
  close(fd);
  rig_free(r);
}

Test(serve_tcp, does_not_hold_up_known_answers_behind_unknown_ones) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "known.lab", 2);
  int fd = client_tcp(r);
  client_ask_tcp(fd, "unknown.lab", 1);
  client_ask_tcp(fd, "known.lab", 2);
  cr_expect(hear(r, fd, RCODE_NOERROR, 2) == 2);
  rig_asked(r, 1);
  rig_answer(r, 0);
  cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 1);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, sends_the_late_answers_of_a_turn_in_one_segment) {
  enum { N = 50 };
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_tcp(r);
  for (uint16_t i = 0; i < N; i++) {
    char name[32];
    snprintf(name, sizeof name, "n%u.lab", i);
    client_ask_tcp(fd, name, i);
  }
  rig_asked(r, N);
  while (r->open_count) rig_answer(r, 0);
  for (unsigned i = 0; i < N; i++) cr_expect(hear(r, fd, RCODE_NOERROR, 1) == i);
  cr_expect(emulated() || client_segments(fd) == 1, "%u segments", client_segments(fd));
  close(fd);
  rig_free(r);
}

Test(serve_tcp, answers_a_client_that_has_said_all_and_closes) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "known.lab", 2);
  int fd = client_tcp(r);
  client_ask_tcp(fd, "unknown.lab", 1);
  client_ask_tcp(fd, "known.lab", 2);
  cr_assert(shutdown(fd, SHUT_WR) == 0);
  cr_expect(hear(r, fd, RCODE_NOERROR, 2) == 2);
  rig_asked(r, 1);
  cr_expect(client_hears_nothing(r, fd));
  rig_answer(r, 0);
  cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 1);
  cr_expect(client_is_closed(r, fd));
  cr_expect(serve_tcp_connections(r->tcp) == 0);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, closes_when_the_client_ends_within_a_message) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  uint8_t stream[512];
  int fd = client_tcp(r);
  size_t len = client_stream(stream, sizeof stream, "a.lab", 1);
  cr_assert(send(fd, stream, len - 1, 0) > 0);
  cr_assert(shutdown(fd, SHUT_WR) == 0);
  cr_expect(client_is_closed(r, fd));
  cr_expect(r->counters.queries == 0);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, stays_open_after_what_deserves_silence) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  static struct msg m;

  rig_know(r, "a.lab", 1);
  int fd = client_tcp(r);
  cr_assert(send(fd, "\0\0", 2, 0) == 2); /* an empty message */
  cr_assert(send(fd,
                 "\0\x0b"
                 "01234567890",
                 13, 0) == 13); /* shorter than a header */
  msg_answer(&m, "a.lab", TYPE_A, RCODE_NOERROR);
  uint8_t head[FRAME_HEAD];
  store_u16(head, (uint16_t)m.len);
  cr_assert(send(fd, head, FRAME_HEAD, 0) == FRAME_HEAD && send(fd, m.octets, m.len, 0) > 0);
  client_ask_tcp(fd, "a.lab", 9);
  cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 9);
  cr_expect(r->counters.ignored == 3);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, reads_the_longest_message_there_can_be) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  static uint8_t frame[FRAME_HEAD + DNS_MSG_MAX];

  rig_know(r, "a.lab", 1);
  int fd = client_tcp(r);
  store_u16(frame, DNS_MSG_MAX); /* QDCOUNT 0: FORMERR */
  store_u16(frame + FRAME_HEAD, 77);
  for (size_t at = 0; at < sizeof frame;) {
    size_t piece = sizeof frame - at < 1000 ? sizeof frame - at : 1000;
    cr_assert(send(fd, frame + at, piece, 0) == (ssize_t)piece);
    at += piece;
    if (at % 16000 == 0) rig_turns(r, 1);
  }

  client_ask_tcp(fd, "a.lab", 78);
  cr_expect(hear(r, fd, RCODE_FORMERR, 0) == 77);
  cr_expect(hear(r, fd, RCODE_NOERROR, 1) == 78);
  close(fd);
  rig_free(r);
}

Test(serve_tcp, forgets_a_client_that_went_away_while_it_waited) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  for (unsigned how = 0; how < 2; how++) { /* with a FIN and a closed port behind it; with a RST */
    int fd = client_tcp(r);
    client_ask_tcp(fd, how ? "b.lab" : "a.lab", 1);
    client_ask_tcp(fd, how ? "d.lab" : "c.lab", 2);
    rig_asked(r, 2);
    if (how) setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(fd);
    rig_turns(r, 5);
    rig_answer(r, 0);
    rig_turns(r, 5);
    rig_answer(r, 0);
    rig_turns(r, 5);
    cr_expect(serve_tcp_connections(r->tcp) == 0);
  }

  cr_expect(r->counters.send_failed > 0);
  rig_free(r);
}

Test(serve_tcp, tells_who_waits_when_it_stops) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  int fd = client_tcp(r), idle = client_tcp(r);
  client_ask_tcp(fd, "never.lab", 3);
  rig_asked(r, 1);
  rig_stop(r);
  uint8_t octet, frame[512];
  ssize_t n = recv(fd, frame, sizeof frame, 0);
  cr_assert(n > FRAME_HEAD && load_u16(frame) == n - FRAME_HEAD);
  cr_expect(heard_id(frame + FRAME_HEAD, (size_t)n - FRAME_HEAD, RCODE_SERVFAIL, 0) == 3);
  cr_expect(recv(fd, &octet, 1, 0) == 0);
  cr_expect(recv(idle, &octet, 1, 0) == 0);
  close(fd);
  close(idle);
  rig_free(r);
}

Test(serve_tcp, stops_with_clients_in_every_state) {
  struct rig *r = rig_new("127.0.0.1", NULL);
  rig_know(r, "large.lab", 3000);
  int part = client_tcp(r), half = client_tcp(r), slow = client_tcp(r);
  cr_assert(send(part, "\0", 1, 0) == 1);
  client_ask_tcp(half, "never.lab", 3);
  shutdown(half, SHUT_WR);
  for (uint16_t i = 0; i < 400; i++) client_ask_tcp(slow, "large.lab", i);
  rig_turns(r, 20);
  cr_expect(serve_tcp_connections(r->tcp) == 3);
  rig_stop(r);
  close(part);
  close(half);
  close(slow);
  rig_free(r);
}
