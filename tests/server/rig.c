/* rig.c: servers on loopback with a scripted upstream, and their clients. Exports rig_*, client_*,
 * listen_anywhere, heard_id. */
#include "server/rig.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "dns/frame.h"
#include "dns/ttl.h"

/* ---- the upstream ---- */

static struct rig *rig_of(struct channel *c) { return container(c, struct rig, channel); }

static enum err up_ask(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len,
                       uint64_t now_ms) {
  struct rig *r = rig_of(c);
  (void)msg;
  (void)len;
  (void)now_ms;
  cr_assert(r->open_count < RIG_OPEN);
  x->id = 1;
  r->open[r->open_count++] = x;
  return ERR_NONE;
}

static void up_drop(struct channel *c, struct exchange *x) {
  struct rig *r = rig_of(c);
  unsigned i = 0;
  while (i < r->open_count && r->open[i] != x) i++;
  cr_assert(i < r->open_count);
  for (r->open_count--; i < r->open_count; i++) r->open[i] = r->open[i + 1];
}

static void up_flush(struct channel *c, uint64_t now_ms) {
  (void)c;
  (void)now_ms;
}

static void up_close(struct channel *c) { (void)c; }

static const struct channel_ops up_ops = {
    .ask = up_ask, .drop = up_drop, .flush = up_flush, .close = up_close};

void rig_answer(struct rig *r, unsigned i) { rig_answer_much(r, i, 1); }

void rig_answer_much(struct rig *r, unsigned i, unsigned count) {
  cr_assert(i < r->open_count);
  struct exchange *x = r->open[i];
  char name[NAME_TEXT];
  static struct msg m;
  name_format(x->question->key, x->question->name_len, name);
  msg_answer(&m, name, question_type(x->question), RCODE_NOERROR);
  for (unsigned k = 0; k < count; k++) {
    msg_put_u16(&m, 0xc000 | DNS_HEADER);
    msg_put(&m, "\0\1\0\1\0\0\1\54\0\4\300\0", 12); /* an A record for 300 s: 192.0. */
    msg_put_u16(&m, (uint16_t)(0x201 + k));
  }

  msg_set_count(&m, 1, (uint16_t)count);
  up_drop(&r->channel, x);
  x->channel = NULL;
  x->done(x, ERR_NONE, m.octets, m.len, clock_ms());
}

/* ---- the servers ---- */

static void on_turn(uv_prepare_t *prepare) {
  struct rig *r = prepare->data;
  timers_run(&r->held, clock_ms());
  serve_udp_flush(r->udp);
  serve_tcp_flush(r->tcp);
}

const char *listen_anywhere(struct listener *l, const union addr *at) {
  const char *failed = listen_open(l, at, 0);
  for (unsigned i = 0; i < 200 && failed && errno == EADDRINUSE; i++) failed = listen_open(l, at, 0);
  return failed;
}

void rig_listen(struct rig *r, const char *address) {
  union addr at;
  struct listener l;
  cr_assert(addr_parse(address, 1, &at));
  if (at.any.sa_family == AF_INET6) at.v6.sin6_port = 0;
  else at.v4.sin_port = 0;
  const char *failed = listen_anywhere(&l, &at);
  if (failed && errno == EADDRNOTAVAIL) cr_skip_test("this machine has no address %s", address);
  cr_assert_null(failed);
  r->addr = l.addr;
  cr_assert(serve_udp_add(r->udp, &l) == 0 && serve_tcp_add(r->tcp, &l) == 0);
  cr_assert(l.udp == -1 && l.tcp == -1);
}

struct rig *rig_new(const char *address, const struct serve_tcp_policy *options) {
  struct rig *r = must_zalloc(sizeof *r);
  signal(SIGPIPE, SIG_IGN);
  cr_assert(uv_loop_init(&r->loop) == 0);
  uv_prepare_init(&r->loop, &r->turn);
  uv_prepare_start(&r->turn, on_turn);
  r->turn.data = r;
  timers_init(&r->timers);
  timers_init(&r->held);
  r->channel.ops = &up_ops;
  r->cache = cache_new(64 << 20, KIT_SEED);
  struct ns_address server = {.transport = TRANSPORT_UDP};
  upstream_init(&r->upstream, UPSTREAM_FASTEST);
  r->routes.rest = &r->upstream;
  cr_assert(addr_parse("192.0.2.53", 53, &server.addr) &&
            upstream_add(&r->upstream, &server, (struct channel *[TRANSPORTS]){&r->channel, &r->channel}));
  struct forward_options o = {.cache = r->cache,
                              .routes = &r->routes,
                              .timers = &r->timers,
                              .counters = &r->counters,
                              .seed = KIT_SEED};
  r->forward = forward_new(&o);
  r->fault_filter = fault_filter_new(&r->held, &r->counters);
  r->serve = (struct query_service){
      .cache = r->cache, .forward = r->forward, .counters = &r->counters, .seed = KIT_SEED};
  r->udp = serve_udp_new(&r->loop, &r->serve);
  r->tcp = serve_tcp_new(&r->loop, &r->serve, options ? options : &SERVE_TCP_DEFAULTS);
  cr_assert(r->cache && r->forward && r->fault_filter && r->udp && r->tcp);
  rig_listen(r, address);
  return r;
}

void rig_stop(struct rig *r) {
  serve_udp_stop(r->udp);
  serve_tcp_stop(r->tcp);
  forward_stop(r->forward);
  fault_filter_stop(r->fault_filter);
  cr_expect(r->open_count == 0);
  serve_udp_close(r->udp);
  serve_tcp_close(r->tcp);
  r->udp = NULL;
  r->tcp = NULL;
  uv_close((uv_handle_t *)&r->turn, NULL);
  uv_run(&r->loop, UV_RUN_DEFAULT);
}

void rig_free(struct rig *r) {
  const struct counters *c = &r->counters;
  if (r->udp) rig_stop(r);
  cr_expect(uv_loop_close(&r->loop) == 0);
  cr_expect(c->queries == c->hit + c->zone + c->miss + c->malformed + c->refused + c->ignored);
  cr_expect(c->miss == c->answered + c->failed);
  cr_expect(fault_filter_held(r->fault_filter) == 0);
  fault_filter_free(r->fault_filter);
  faults_free(r->faults, NULL);
  timers_close(&r->held);
  forward_free(r->forward);
  query_log_free(&r->serve.log);
  cache_free(r->cache);
  timers_close(&r->timers);
  free(r);
}

void rig_turns(struct rig *r, unsigned n) {
  for (; n > 0; n--) {
    uv_run(&r->loop, UV_RUN_NOWAIT);
    usleep(1000);
  }
}

void rig_queries(struct rig *r, unsigned n) {
  for (unsigned i = 0; i < RIG_WAIT_MS && r->counters.queries < n; i++) rig_turns(r, 1);
  cr_assert(r->counters.queries == n, "%u queries came, should be %u", (unsigned)r->counters.queries, n);
}

void rig_asked(struct rig *r, unsigned n) {
  for (unsigned i = 0; i < RIG_WAIT_MS && r->open_count < n; i++) rig_turns(r, 1);
  cr_assert(r->open_count == n, "upstream was asked %u, should be %u", r->open_count, n);
}

void rig_know(struct rig *r, const char *name, unsigned count) {
  static struct made m;
  made_a(&m, name, 3600, count, tick_of_ms(clock_ms()));
  cr_assert(cache_put(r->cache, &m.question, &m.answer, ORIGIN_QUERY, 0, 0));
}

void rig_rule(struct rig *r, const char *text) {
  struct rule rule;
  char why[RULE_WHY];
  cr_assert(rule_parse(text, &rule, why), "%s: %s", text, why);
  struct faults *faults = faults_with(r->faults, &rule, clock_ms());
  cr_assert_not_null(faults);
  fault_filter_set(r->fault_filter, faults);
  r->serve.fault_filter = r->fault_filter;
  faults_free(r->faults, faults);
  r->faults = faults;
}

/* ---- clients ---- */

int client_udp(const struct rig *r) {
  int fd = socket(r->addr.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  cr_assert(fd >= 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){4 << 20}, sizeof(int));
  cr_assert(connect(fd, &r->addr.any, addr_len(&r->addr)) == 0);
  return fd;
}

int client_tcp(struct rig *r) {
  int fd = socket(r->addr.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
  cr_assert(fd >= 0);
  cr_assert(connect(fd, &r->addr.any, addr_len(&r->addr)) == 0 || errno == EINPROGRESS);
  rig_turns(r, 3);
  return fd;
}

static void query_of(struct msg *m, const char *name, uint16_t id) {
  msg_query(m, name, TYPE_A);
  msg_opt(m, DNS_UDP_MAX, 0, false, NULL, 0);
  store_u16(m->octets, id);
}

void client_ask(int fd, const char *name, uint16_t id) {
  static struct msg m;
  query_of(&m, name, id);
  cr_assert(send(fd, m.octets, m.len, 0) == (ssize_t)m.len);
}

size_t client_stream(uint8_t *out, size_t room, const char *name, uint16_t id) {
  static struct msg m;
  query_of(&m, name, id);
  cr_assert(m.len + FRAME_HEAD <= room);
  store_u16(out, (uint16_t)m.len);
  memcpy(out + FRAME_HEAD, m.octets, m.len);
  return m.len + FRAME_HEAD;
}

void client_ask_tcp(int fd, const char *name, uint16_t id) {
  uint8_t frame[512];
  size_t len = client_stream(frame, sizeof frame, name, id);
  cr_assert(send(fd, frame, len, 0) == (ssize_t)len);
}

size_t client_hear(struct rig *r, int fd, uint8_t *out, size_t room, union addr *from) {
  for (unsigned i = 0; i < RIG_WAIT_MS; i++) {
    socklen_t len = sizeof *from;
    ssize_t n = recvfrom(fd, out, room, 0, from ? &from->any : NULL, from ? &len : NULL);
    if (n >= 0) return (size_t)n;
    rig_turns(r, 1);
  }
  return 0;
}

/* Reads exactly len octets. */
static bool hear_octets(struct rig *r, int fd, uint8_t *out, size_t len) {
  for (unsigned waited = 0; len > 0 && waited < RIG_WAIT_MS;) {
    ssize_t n = recv(fd, out, len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return false;
    if (n > 0) {
      out += n;
      len -= (size_t)n;
    } else {
      rig_turns(r, 1);
      waited++;
    }
  }
  return len == 0;
}

size_t client_hear_tcp(struct rig *r, int fd, uint8_t *out) {
  uint8_t head[FRAME_HEAD];
  if (!hear_octets(r, fd, head, FRAME_HEAD)) return 0;
  size_t len = load_u16(head);
  return hear_octets(r, fd, out, len) ? len : 0;
}

bool client_is_closed(struct rig *r, int fd) {
  uint8_t octet;
  rig_turns(r, 10);
  ssize_t n = recv(fd, &octet, 1, MSG_PEEK);
  return n == 0 || (n < 0 && errno != EAGAIN);
}

bool client_hears_nothing(struct rig *r, int fd) {
  uint8_t octet;
  rig_turns(r, 10);
  return recv(fd, &octet, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

uint16_t heard_id(const uint8_t *msg, size_t len, unsigned rcode, unsigned answers) {
  static struct seen s;
  cr_assert(seen_read(&s, msg, len), "%zu octets: %s", len, s.why);
  cr_assert(s.high & DNS_QR);
  cr_assert(s.rcode == rcode, "RCODE %u, should be %u", s.rcode, rcode);
  cr_assert(s.an == answers, "%u answers, should be %u", s.an, answers);
  return s.id;
}
