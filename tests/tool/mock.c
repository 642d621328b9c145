/* mock.c: a DNS server for tests. Exports mock_*. */
#include "tool/mock.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "base/must.h"

enum { PORT_TRIES = 50 };

static int bound(int type, union addr *a) {
  int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;
  must(fd >= 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, &a->any, addr_len(a)) != 0) {
    close(fd);
    return -1;
  }
  socklen_t len = sizeof *a;
  getsockname(fd, &a->any, &len);
  return fd;
}

static void note(struct mock *m, const uint8_t *query, size_t len, bool over_tcp) {
  if (m->packets < MOCK_SEEN) {
    m->ids[m->packets] = len >= 2 ? load_u16(query) : 0;
    m->ports[m->packets] = addr_port(&m->from);
  }
  m->packets++;
  m->over_tcp += over_tcp;
  m->serve(m, query, len, over_tcp);
}

static void take_connection(struct mock *m) {
  uint8_t frame[2 + 512];
  size_t got = 0;
  ssize_t n;

  m->connection = accept(m->tcp, NULL, NULL);
  if (m->connection < 0) return;
  int one = 1;
  setsockopt(m->connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  while (got < 2 || got < 2u + load_u16(frame)) {
    n = recv(m->connection, frame + got, sizeof frame - got, 0);
    if (n <= 0) break;
    got += (size_t)n;
  }

  if (got > 2) note(m, frame + 2, got - 2, true);
  close(m->connection);
  m->connection = -1;
}

static void *run(void *context) {
  struct mock *m = context;
  uint8_t query[1024];

  for (;;) {
    struct pollfd fds[] = {{.fd = m->stop[0], .events = POLLIN},
                           {.fd = m->udp, .events = POLLIN},
                           {.fd = m->tcp, .events = POLLIN}};
    poll(fds, 3, -1);
    if (fds[0].revents && !fds[1].revents && !fds[2].revents)
      return NULL; /* what has come is counted first */
    if (fds[1].revents) {
      socklen_t from_len = sizeof m->from;
      ssize_t n = recvfrom(m->udp, query, sizeof query, 0, &m->from.any, &from_len);
      if (n > 0) note(m, query, (size_t)n, false);
    }
    if (fds[2].revents) take_connection(m);
  }
}

void mock_start(struct mock *m, bool with_tcp, void (*serve)(struct mock *, const uint8_t *, size_t, bool)) {
  *m = (struct mock){.udp = -1, .tcp = -1, .connection = -1, .serve = serve};
  for (int i = 0; i < PORT_TRIES && m->tcp < 0; i++) {
    must(addr_parse("127.0.0.1", 53, &m->addr));
    m->addr.v4.sin_port = 0;
    m->udp = bound(SOCK_DGRAM, &m->addr);
    m->tcp = bound(SOCK_STREAM, &m->addr); /* the same port; bound but deaf unless it listens */
    if (m->tcp < 0) close(m->udp);
  }
  must(m->tcp >= 0 && (!with_tcp || listen(m->tcp, 16) == 0));
  if (!with_tcp) {
    close(m->tcp);
    m->tcp = -1;
  }
  must(pipe(m->stop) == 0 && pthread_create(&m->thread, NULL, run, m) == 0);
}

void mock_stop(struct mock *m) {
  must(write(m->stop[1], "", 1) == 1);
  pthread_join(m->thread, NULL);
  close(m->stop[0]);
  close(m->stop[1]);
  close(m->udp);
  if (m->tcp >= 0) close(m->tcp);
}

void mock_send(struct mock *m, const uint8_t *msg, size_t len) {
  if (m->connection < 0) {
    sendto(m->udp, msg, len, 0, &m->from.any, addr_len(&m->from));
    return;
  }
  static uint8_t frame[2 + DNS_MSG_MAX];
  store_u16(frame, (uint16_t)len);
  memcpy(frame + 2, msg, len);
  for (size_t at = 0; at < len + 2;) {
    size_t n = m->drip ? 1 : len + 2 - at;
    if (send(m->connection, frame + at, n, MSG_NOSIGNAL) < 0) return;
    at += n;
  }
}

void mock_reply(struct mock *m, const uint8_t *query, size_t len, uint8_t rcode, bool tc) {
  uint8_t reply[1024];
  memcpy(reply, query, len);
  reply[2] = (uint8_t)(reply[2] | DNS_QR | (tc ? DNS_TC : 0));
  reply[3] = (uint8_t)(DNS_RA | rcode);
  mock_send(m, reply, len);
}
