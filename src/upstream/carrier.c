/* carrier.c: a connection to a server, in plain or over TLS. Exports carrier_*. */
#include "upstream/carrier.h"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "loop/watch.h"
#include "upstream/ns.h"

static struct carrier *carrier_of(void *data) { return data; }

static int64_t wall_s(void) { return ((int64_t)clock_ms() + clock_epoch_ms()) / 1000; }

/* ---- the server ---- */

void carrier_server_init(struct carrier_server *s, struct tls_context *context, const union addr *addr,
                         const struct tls_expect *expect, const char *alpn, struct counters *counters) {
  *s = (struct carrier_server){.context = tls_context_hold(context),
                               .addr = *addr,
                               .expect = *expect,
                               .alpn = alpn,
                               .counters = counters};
}

void carrier_server_close(struct carrier_server *s) {
  tls_drop_ticket(&s->ticket);
  tls_context_free(s->context);
}

void carrier_server_note(struct carrier_server *s, bool good, enum err why, uint64_t now_ms) {
  uint32_t next_ms = s->rest_ms ? 2 * s->rest_ms : DOWN_FIRST_MS;
  s->rest_ms = good ? 0 : next_ms < DOWN_MAX_MS ? next_ms : DOWN_MAX_MS;
  s->rest_until_ms = good ? 0 : now_ms + s->rest_ms;
  s->rest_why = why;
}

void carrier_learn_idle(uint32_t *limit_ms, uint64_t idle_ms) {
  uint32_t less_ms = (uint32_t)(idle_ms < CARRIER_IDLE_MS ? idle_ms : CARRIER_IDLE_MS) / 10 * 9;
  if (less_ms < CARRIER_IDLE_LEAST_MS) less_ms = CARRIER_IDLE_LEAST_MS;
  if (less_ms < *limit_ms) *limit_ms = less_ms;
}

/* "2026-11-30 16:00 UTC" */
static const char *time_format(int64_t s, char text[32]) {
  time_t t = (time_t)s;
  struct tm utc;
  if (!gmtime_r(&t, &utc) || !strftime(text, 32, "%Y-%m-%d %H:%M UTC", &utc)) strcpy(text, "?");
  return text;
}

/* Where the certificate has no name to be for. */
static const union addr *proven_addr(const struct carrier_server *s) {
  return s->expect.addr.any.sa_family ? &s->expect.addr : &s->addr;
}

/* What helps whoever reads of that failure. */
static void describe(const struct carrier_server *s, enum err why, const char *words, char *text,
                     size_t room) {
  char date[32], now[32], name[ADDR_TEXT];
  const struct tls_peer_seen *peer = &s->facts.peer;
  int64_t now_s = wall_s();
  time_format(now_s, now);
  switch (why) {
  case ERR_CERT_EXPIRED:
    if (peer->until_s > now_s)
      snprintf(text, room, ": one of those above it; this machine's clock says %s", now);
    else
      snprintf(text, room, ": since %s; this machine's clock says %s", time_format(peer->until_s, date), now);
    break;
  case ERR_CERT_EARLY:
  case ERR_CERT_CLOCK:
    if (peer->from_s <= now_s)
      snprintf(text, room, ": one of those above it, or by the snapshot's time; this machine's clock says %s",
               now);
    else
      snprintf(text, room, ": before %s; this machine's clock says %s: set it right",
               time_format(peer->from_s, date), now);
    break;
  case ERR_CERT_NAME:
    snprintf(text, room, " than %s", *s->expect.name ? s->expect.name : addr_format(proven_addr(s), name));
    break;
  default: snprintf(text, room, "%s%s", *words ? ": " : "", words);
  }
}

/* The log has it once until the server is as it should be again, or fails in another way. */
static void log_failure(const struct carrier_server *s, enum err why, const char *words) {
  char where[ADDR_TEXT], more[400], pin[TLS_PIN_TEXT] = "";
  describe(s, why, words, more, sizeof more);
  if (s->facts.peer.has_pin) expect_format_pin(s->facts.peer.pin, pin);
  log_warn("upstream", "%s: %s%s%s%s", addr_format(&s->addr, where), err_text(why), more,
           *pin ? "; its key is " : "", pin);
}

static void note_failure(struct carrier *c, enum err why, const char *words) {
  struct carrier_server *s = c->server;
  bool is_known = s->facts.failed == why;
  if (c->tls) s->facts.peer = *tls_seen(c->tls);
  tls_drop_ticket(&s->ticket);
  s->facts.failed = why;
  count(s->counters, tls_failed);
  if (why >= ERR_CERT_EXPIRED && why <= ERR_CERT_BAD) count(s->counters, tls_refused);
  /* where no proof is asked for there may be no TLS at all: who tries says so */
  if (!is_known && s->expect.proof == TLS_PROOF_NEEDED) log_failure(s, why, words);
}

static void note_success(struct carrier *c) {
  struct carrier_server *s = c->server;
  char where[ADDR_TEXT];
  if (s->facts.failed != ERR_NONE && s->expect.proof == TLS_PROOF_NEEDED)
    log_info("upstream", "%s: the TLS handshake succeeds again", addr_format(&s->addr, where));
  s->facts.failed = ERR_NONE;
  s->facts.peer = *tls_seen(c->tls);
  s->facts.is_resumed = tls_is_resumed(c->tls);
  s->facts.handshakes++;
  s->facts.resumed += s->facts.is_resumed;
  snprintf(s->facts.version, sizeof s->facts.version, "%s", tls_version(c->tls));
  count(s->counters, tls_handshakes);
  if (s->facts.is_resumed) count(s->counters, tls_resumed);
  if (s->expect.proof == TLS_PROOF_NONE) count(s->counters, tls_unproven);
}

static void fail(struct carrier *c, enum err why, const char *words, uint64_t now_ms) {
  if (c->server && c->state != CARRIER_READY) note_failure(c, why, words);
  c->ops->failed(c, why, now_ms);
}

/* ---- octets to it ---- */

struct carrier_batch *carrier_batch_new(size_t len) {
  struct carrier_batch *b = malloc(sizeof *b + len);
  if (b) b->len = len;
  return b;
}

static void on_written(uv_write_t *req, int status) {
  struct carrier *c = carrier_of(req->handle->data);
  free(container(req, struct carrier_batch, req));
  if (status < 0 && c->state != CARRIER_CLOSED)
    fail(c, c->state == CARRIER_READY ? ERR_TCP : ERR_TLS, uv_strerror(status), clock_ms());
}

static bool write_batch(struct carrier *c, struct carrier_batch *b) {
  uv_buf_t buf = uv_buf_init((char *)b->octets, (unsigned)b->len);
  if (!broken(uv_write(&b->req, (uv_stream_t *)&c->tcp, &buf, 1, on_written) != 0)) return true;
  free(b);
  return false;
}

/* What TLS has to say. Without memory it says so later. */
static bool drain(struct carrier *c) {
  size_t len = tls_unsent(c->tls);
  struct carrier_batch *b = len ? carrier_batch_new(len) : NULL;
  if (!b) return true;
  b->len = tls_take(c->tls, b->octets, len);
  return write_batch(c, b);
}

bool carrier_send(struct carrier *c, struct carrier_batch *b) {
  must(carrier_is_ready(c));
  if (!c->server) return write_batch(c, b);
  enum tls_step step = tls_write(c->tls, b->octets, b->len);
  free(b);
  return step == TLS_DONE && drain(c);
}

/* ---- octets from it ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  struct carrier *c = carrier_of(handle->data);
  (void)suggested;
  if (!c->server) {
    *buf = c->ops->room(c);
    return;
  }
  c->in = malloc(CARRIER_READ); /* without it libuv reports UV_ENOBUFS */
  *buf = uv_buf_init(c->in, c->in ? CARRIER_READ : 0);
}

/* True when the handshake is over, and it has ended well. */
static bool shake_hands(struct carrier *c, uint64_t now_ms) {
  enum tls_step step = tls_handshake(c->tls);
  if (!drain(c)) step = TLS_FAILED;
  if (step == TLS_WANT) return false;
  if (step == TLS_DONE && c->server->needs_alpn && !tls_alpn_is(c->tls, c->server->alpn)) {
    fail(c, ERR_TLS, "it does not speak HTTP/2", now_ms);
    return false;
  }
  if (step != TLS_DONE) {
    fail(c, tls_refused(c->tls), tls_why(c->tls), now_ms);
    return false;
  }

  note_success(c);
  c->state = CARRIER_READY;
  c->ops->ready(c, now_ms);
  return carrier_is_ready(c);
}

/* All that is to be read of what came. */
static void read_text(struct carrier *c, uint64_t now_ms) {
  while (carrier_is_ready(c)) {
    uv_buf_t room = c->ops->room(c);
    size_t len = 0;
    enum tls_step step = room.len ? tls_read(c->tls, room.base, room.len, &len) : TLS_FAILED;
    if (step == TLS_DONE) {
      c->ops->octets(c, len, now_ms);
      continue;
    }
    if (step != TLS_WANT || !drain(c)) {
      c->ops->failed(c, step == TLS_CLOSED ? ERR_NONE : room.len ? ERR_TLS : ERR_MEMORY, now_ms);
      return;
    }
    c->ops->rest(c, now_ms);
    return;
  }
}

static void on_tls_octets(struct carrier *c, size_t len, uint64_t now_ms) {
  if (!tls_put(c->tls, c->in, len)) {
    fail(c, ERR_TLS, tls_why(c->tls), now_ms);
    return;
  }
  if (c->state == CARRIER_HANDSHAKES && !shake_hands(c, now_ms)) return;
  read_text(c, now_ms);
}

static void on_end(struct carrier *c, ssize_t e, uint64_t now_ms) {
  c->status = (int)e;
  bool amid = c->state != CARRIER_READY, has_closed = e == UV_EOF || e == UV_ECONNRESET;
  fail(c,
       amid         ? ERR_TLS
       : has_closed ? ERR_NONE
                    : ERR_TCP,
       e == UV_EOF ? "it has closed the connection" : uv_strerror((int)e), now_ms);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf) {
  struct carrier *c = carrier_of(stream->data);
  uint64_t now_ms = clock_ms();
  (void)buf;

  if (nread < 0) {
    on_end(c, nread, now_ms);
  } else if (!c->server) {
    if (nread > 0) c->ops->octets(c, (size_t)nread, now_ms);
    if (c->state != CARRIER_CLOSED) c->ops->rest(c, now_ms);
  } else if (nread > 0) {
    on_tls_octets(c, (size_t)nread, now_ms);
  }

  free(c->in);
  c->in = NULL;
}

/* ---- its life ---- */

/* What is not acknowledged for long ends it, whatever the system's patience is. */
static void set_patience(const struct carrier *c) {
  int fd;
  unsigned most_ms = CARRIER_LOST_MS;
  if (uv_fileno((const uv_handle_t *)&c->tcp, &fd) == 0)
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &most_ms, sizeof most_ms);
}

static void init(struct carrier *c, const struct carrier_ops *ops, struct carrier_server *server) {
  c->ops = ops;
  c->server = server;
  c->tls = NULL;
  c->in = NULL;
  c->status = 0;
  c->state = server ? CARRIER_CONNECTS : CARRIER_READY;
}

bool carrier_init(struct carrier *c, uv_loop_t *loop, const union addr *addr, const struct carrier_ops *ops,
                  struct carrier_server *server) {
  init(c, ops, server);
  if (server) {
    const char *name = *server->expect.name ? server->expect.name : NULL;
    c->tls = tls_new(server->context, name, server->alpn);
    if (!c->tls) return false;
  }

  if (uv_tcp_init_ex(loop, &c->tcp, addr->any.sa_family) < 0) {
    tls_free(c->tls);
    return false;
  }
  c->tcp.data = c;
  c->connect.data = c;
  uv_tcp_nodelay(&c->tcp, 1);
  if (server) set_patience(c);
  return true;
}

bool carrier_init_pipe(struct carrier *c, uv_loop_t *loop, const struct carrier_ops *ops) {
  init(c, ops, NULL);
  if (uv_pipe_init(loop, &c->pipe, 0) < 0) return false;
  c->pipe.data = c;
  c->connect.data = c;
  return true;
}

static void on_connect(uv_connect_t *req, int status) {
  struct carrier *c = carrier_of(req->data);
  uint64_t now_ms = clock_ms();
  if (c->state == CARRIER_CLOSED) return;
  c->connected_ms = now_ms;
  if (status == 0) status = uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
  if (status < 0) {
    c->status = status;
    fail(c, c->server ? ERR_UNREACHABLE : ERR_TCP, uv_strerror(status), now_ms);
  } else if (c->server) {
    c->state = CARRIER_HANDSHAKES;
    shake_hands(c, now_ms);
    if (c->state == CARRIER_HANDSHAKES) c->ops->rest(c, now_ms); /* there is another bound now */
  }
}

bool carrier_connect(struct carrier *c, const union addr *addr, uint64_t now_ms) {
  c->begun_ms = now_ms;
  if (c->server) {
    tls_use_ticket(c->tls, &c->server->ticket, wall_s());
    if (!tls_expect_peer(c->tls, &c->server->expect, proven_addr(c->server), wall_s())) {
      note_failure(c, ERR_TLS, "it can't be prepared");
      return false;
    }
  }

  /* has its socket from the start, so that epoll can be told of it */
  int e = watch_stream((const uv_stream_t *)&c->tcp);
  if (e >= 0) e = uv_tcp_connect(&c->connect, &c->tcp, &addr->any, on_connect);
  if (e < 0 && c->server) note_failure(c, ERR_UNREACHABLE, uv_strerror(e));
  return e >= 0;
}

/* What fails at once is told by on_connect as well. */
bool carrier_connect_pipe(struct carrier *c, const char *path, uint64_t now_ms) {
  c->begun_ms = now_ms;
  uv_pipe_connect(&c->connect, &c->pipe, path, on_connect);
  c->status = watch_stream((const uv_stream_t *)&c->pipe);
  return c->status >= 0;
}

uint64_t carrier_due_ms(const struct carrier *c) {
  if (c->state != CARRIER_HANDSHAKES) return UINT64_MAX;
  return c->connected_ms + CARRIER_HANDSHAKE_MS + CARRIER_TRIPS * (c->connected_ms - c->begun_ms);
}

enum err carrier_expire(struct carrier *c) {
  enum err why = c->state == CARRIER_HANDSHAKES ? ERR_TLS : ERR_TCP;
  if (c->server && c->state != CARRIER_READY) note_failure(c, why, "it does not answer");
  return why;
}

static void on_closed(uv_handle_t *handle) {
  struct carrier *c = carrier_of(handle->data);
  tls_free(c->tls);
  c->ops->gone(c);
}

/* Says farewell if that costs no wait (RFC 8446 section 6.1). */
static void take_leave(struct carrier *c) {
  uint8_t octets[256];
  tls_end(c->tls);
  size_t len = carrier_unsent(c) ? 0 : tls_take(c->tls, octets, sizeof octets);
  uv_buf_t buf = uv_buf_init((char *)octets, (unsigned)len);
  if (len) (void)uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
}

void carrier_close(struct carrier *c) {
  if (c->state == CARRIER_CLOSED) return;
  if (c->tls && c->state == CARRIER_READY) take_leave(c);
  c->state = CARRIER_CLOSED;
  uv_close((uv_handle_t *)&c->tcp, on_closed);
}
