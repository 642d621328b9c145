/* serve_conn.c: one TCP connection, from octets to frames to serve_query and back. Exports conn_* to
 * serve_tcp.c.
 *
 * An idle connection has no buffer: what is read and what is answered at once lies in one buffer each of its
 * serve_tcp. Only the beginning of a message, and answers that the client does not take, are kept with the
 * connection. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "loop/watch.h"
#include "server/serve_tcp_priv.h"

enum { CONN_MAGIC = 0x636f6e6e, OCTETS_MIN = 512 };

/* Octets that libuv is to write. */
struct unsent {
  uv_write_t req;
  size_t len;
  uint8_t octets[];
};

static struct serve_conn *conn_of(void *data) {
  struct serve_conn *c = data;
  must(c->magic == CONN_MAGIC);
  return c;
}

/* False when memory is out. */
static bool octets_add(struct octets *o, const uint8_t *more, size_t len) {
  size_t capacity = o->capacity ? o->capacity : OCTETS_MIN;
  while (capacity < o->len + len) capacity *= 2;
  if (capacity > o->capacity) {
    uint8_t *at = realloc(o->at, capacity);
    if (!at) return false;
    o->at = at;
    o->capacity = capacity;
  }
  if (len) memcpy(o->at + o->len, more, len);
  o->len += len;
  return true;
}

static void octets_free(struct octets *o) {
  free(o->at);
  *o = (struct octets){0};
}

/* Something of what it holds has changed. A closed one holds nothing that is not about to be freed. */
static void note_held(struct serve_conn *c) {
  size_t held = c->state >= CONN_CLOSING ? 0 : c->unsent + c->late.capacity + c->unserved.capacity;
  c->owner->held += held - c->held;
  c->held = held;
}

/* ---- life ---- */

static void release(struct serve_conn *c) {
  if (c->state != CONN_CLOSED || c->waiting) return;
  c->magic = 0;
  free(c);
}

static void on_closed(uv_handle_t *handle) {
  struct serve_conn *c = conn_of(handle->data);
  struct serve_tcp *t = c->owner;
  c->state = CONN_CLOSED;
  release(c);
  serve_tcp_handle_gone(t);
}

void serve_conn_close(struct serve_conn *c) {
  if (c->state >= CONN_CLOSING) return;
  c->state = CONN_CLOSING;
  list_remove(&c->by_age);
  list_remove(&c->dirty);
  list_remove(&c->ready);
  octets_free(&c->unserved);
  octets_free(&c->late);
  note_held(c);
  c->owner->conn_count--;
  uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void serve_conn_active(struct serve_conn *c, uint64_t now_ms) {
  c->active_ms = now_ms;
  list_remove(&c->by_age);
  list_append(&c->owner->conns, &c->by_age);
}

bool serve_conn_is_idle(const struct serve_conn *c) {
  return !c->waiting && !c->unsent && !c->late.len && !c->held_up;
}

bool serve_conn_took_answers(struct serve_conn *c) {
  size_t queue = uv_stream_get_write_queue_size((uv_stream_t *)&c->tcp), seen = c->queue_seen;
  c->queue_seen = queue;
  return queue < seen;
}

static bool must_hold_up(const struct serve_conn *c) {
  return c->unsent > SERVE_TCP_UNSENT || c->waiting >= SERVE_TCP_WAITING;
}

/* Well below the limits, so that it does not stop and go with each answer. */
static bool may_go_on(const struct serve_conn *c) {
  return c->unsent <= SERVE_TCP_UNSENT / 2 && c->waiting <= SERVE_TCP_WAITING / 2;
}

/* After each event: is it over, or can it go on? */
static void settle(struct serve_conn *c) {
  if (c->state == CONN_HALF && serve_conn_is_idle(c)) serve_conn_close(c);
  if (c->state == CONN_OPEN && c->held_up && may_go_on(c)) serve_tcp_ready(c->owner, c);
}

/* ---- out ---- */

static void give_up(struct serve_conn *c) {
  count(c->owner->serve->counters, send_failed);
  serve_conn_close(c);
}

static void on_written(uv_write_t *req, int status) {
  struct serve_conn *c = conn_of(req->handle->data);
  struct unsent *u = container(req, struct unsent, req);
  c->unsent -= u->len;
  free(u);
  if (c->state >= CONN_CLOSING) return;
  note_held(c);
  if (status < 0) {
    give_up(c);
    return;
  }
  serve_conn_took_answers(c);
  serve_conn_active(c, clock_ms());
  settle(c);
}

/* Has libuv write what the kernel does not take now. */
static bool write_rest(struct serve_conn *c, const uint8_t *octets, size_t len) {
  if (c->unsent + len > SERVE_TCP_GIVE_UP || !tcp_limits_octets(c, len)) return false;
  struct unsent *u = malloc(sizeof *u + len);
  if (!u) return false;
  u->len = len;
  memcpy(u->octets, octets, len);
  uv_buf_t buf = uv_buf_init((char *)u->octets, (unsigned)len);
  uv_stream_t *stream = (uv_stream_t *)&c->tcp;
  if (watch_stream(stream) < 0 || uv_write(&u->req, stream, &buf, 1, on_written) != 0) {
    free(u);
    return false;
  }

  c->unsent += len;
  note_held(c);
  serve_conn_took_answers(c);
  return true;
}

static void write_out(struct serve_conn *c, const uint8_t *octets, size_t len) {
  if (c->state >= CONN_CLOSING || len == 0) return;
  uv_buf_t buf = uv_buf_init((char *)(uintptr_t)octets, (unsigned)len);
  int n = c->unsent ? UV_EAGAIN : uv_try_write((uv_stream_t *)&c->tcp, &buf, 1);
  if (n == UV_EAGAIN) n = 0;
  if (n >= 0 && ((size_t)n == len || write_rest(c, octets + n, len - (size_t)n))) return;
  give_up(c);
}

static void late_write(struct serve_conn *c) {
  write_out(c, c->late.at, c->late.len);
  c->late.len = 0;
}

/* What gathered is written before it is much: only what the kernel does not take counts against the client.
 * False: it is given up, or to be. */
static bool late_add(struct serve_conn *c, const uint8_t *msg, size_t len) {
  uint8_t head[FRAME_HEAD];
  store_u16(head, (uint16_t)len);
  if (c->late.len + FRAME_HEAD + len > CONN_OUT) late_write(c);
  if (c->state >= CONN_CLOSING) return false;
  if (c->unsent + c->late.len + FRAME_HEAD + len > SERVE_TCP_GIVE_UP) return false;
  if (!tcp_limits_octets(c, FRAME_HEAD + len)) return false;
  bool added = octets_add(&c->late, head, FRAME_HEAD) && octets_add(&c->late, msg, len);
  note_held(c);
  return added;
}

/* An answer that had to wait for an upstream. */
static void deliver_late(const struct client *client, const uint8_t *msg, size_t len) {
  struct serve_conn *c = conn_of(client->owner);
  must(c->waiting > 0);
  c->waiting--;
  if (c->state >= CONN_CLOSING) {
    if (len) count(c->owner->serve->counters, send_failed);
    release(c);
    return;
  }
  if (len && !late_add(c, msg, len)) {
    if (c->state < CONN_CLOSING) give_up(c); /* else it was given up for what gathered before */
  } else if (list_empty(&c->dirty)) {
    list_append(&c->owner->dirty, &c->dirty);
  }
}

/* A fault ends the connection behind the first octets of an answer, or before them. What else it is owed is
 * lost. */
static void cut_late(const struct client *client, const uint8_t *msg, size_t len, size_t sent) {
  struct serve_conn *c = conn_of(client->owner);
  uint8_t head[FRAME_HEAD];
  must(c->waiting > 0);
  c->waiting--;
  store_u16(head, (uint16_t)len);
  if (c->state >= CONN_CLOSING) {
    release(c);
    return;
  }
  write_out(c, c->late.at, c->late.len);
  if (sent) write_out(c, head, FRAME_HEAD);
  if (sent) write_out(c, msg, sent);
  serve_conn_close(c);
}

void serve_conn_flush(struct serve_conn *c) {
  write_out(c, c->late.at, c->late.len);
  octets_free(&c->late);
  note_held(c);
  settle(c);
}

/* It was told that it may not ask: nothing more will be said, and what it still sends is not looked at.
 * Closed at once, what it sent meanwhile could make its kernel drop the answer (RFC 9293 section 3.6.1). */
static void turn_out(struct serve_conn *c, uint64_t now_ms) {
  uv_os_fd_t fd;
  bool said = !c->unsent && uv_fileno((uv_handle_t *)&c->tcp, &fd) == 0 && shutdown(fd, SHUT_WR) == 0;
  if (!said || c->state != CONN_OPEN) {
    serve_conn_close(c);
    return;
  }
  c->state = CONN_LEAVING;
  c->held_up = false;
  octets_free(&c->unserved);
  note_held(c);
  serve_tcp_age(c->owner, now_ms);
}

/* ---- in ---- */

/* Serves the whole messages at data until the connection is closed, is to be held up, or had its share of
 * this turn. Returns the octets used. */
static size_t serve_frames(struct serve_conn *c, const uint8_t *data, size_t len, uint64_t now_ms) {
  struct serve_tcp *t = c->owner;
  size_t used = 0, out_len = 0, msg_len;
  int writes = 0;

  /* a reload may have changed it */
  c->standing = serve_tcp_standing(t->serve, &c->client.peer, &c->client.local);
  for (size_t took; !must_hold_up(c) && (took = frame_next(data + used, len - used, &msg_len));
       used += took) {
    if (out_len + CONN_FRAME_MAX > CONN_OUT) {
      write_out(c, t->out, out_len);
      out_len = 0;
      if (c->state >= CONN_CLOSING || ++writes == CONN_WRITES) break;
    }
    uint8_t *frame = t->out + out_len;
    int n = serve_query(t->serve, data + used + FRAME_HEAD, msg_len, &c->client, now_ms, frame + FRAME_HEAD);
    if (n == SERVE_LATER) c->waiting++;
    if (n <= 0) continue;
    store_u16(frame, (uint16_t)n);
    out_len += FRAME_HEAD + (size_t)n;
    if (c->standing != TCP_STRANGER) continue;
    used += took; /* that was its one answer */
    break;
  }

  write_out(c, t->out, out_len);
  if (used && c->state < CONN_CLOSING) serve_conn_active(c, now_ms);
  return used;
}

/* Serves what was received, behind what is kept of earlier, and keeps what is left. */
static void take(struct serve_conn *c, const uint8_t *data, size_t len, uint64_t now_ms) {
  size_t msg_len;
  bool had_some = c->unserved.len > 0;

  if (had_some && (!tcp_limits_octets(c, len) || !octets_add(&c->unserved, data, len))) {
    serve_conn_close(c);
    return;
  }

  if (had_some) {
    data = c->unserved.at;
    len = c->unserved.len;
  }

  size_t used = serve_frames(c, data, len, now_ms), left = len - used;
  if (c->state >= CONN_CLOSING) return; /* and data is gone */
  if (used && c->standing == TCP_STRANGER) {
    turn_out(c, now_ms);
    return;
  }

  c->held_up = must_hold_up(c) || frame_next(data + used, left, &msg_len);
  if (left == 0) {
    octets_free(&c->unserved);
  } else if (had_some) {
    memmove(c->unserved.at, c->unserved.at + used, left);
    c->unserved.len = left;
  } else if (!tcp_limits_octets(c, left) || !octets_add(&c->unserved, data + used, left)) {
    serve_conn_close(c);
    return;
  }

  note_held(c);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
  (void)suggested;
  *buf = uv_buf_init((char *)conn_of(handle->data)->owner->in, CONN_IN);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf) {
  struct serve_conn *c = conn_of(stream->data);
  if (nread == 0 || (nread > 0 && c->state == CONN_LEAVING)) return;
  if (nread == UV_EOF && c->state == CONN_LEAVING) serve_conn_close(c);
  else if (nread == UV_EOF) c->state = CONN_HALF;
  else if (nread < 0) serve_conn_close(c);
  else take(c, (const uint8_t *)buf->base, (size_t)nread, clock_ms());
  if (c->state == CONN_HALF || c->held_up) uv_read_stop(stream);
  settle(c);
}

/* False: it could not be waited for, and is closed. */
static bool start_reading(struct serve_conn *c) {
  uv_stream_t *stream = (uv_stream_t *)&c->tcp;
  bool reads = watch_stream(stream) == 0 && uv_read_start(stream, on_alloc, on_read) == 0;
  if (!reads) serve_conn_close(c);
  return reads;
}

void serve_conn_resume(struct serve_conn *c, uint64_t now_ms) {
  c->held_up = false;
  take(c, NULL, 0, now_ms);
  if (c->state == CONN_OPEN && !c->held_up && !start_reading(c)) return;
  settle(c);
}

void serve_conn_open(struct serve_tcp *t, int fd, const union addr *peer, const union addr *local,
                     enum tcp_standing standing, uint64_t now_ms) {
  struct serve_conn *c = calloc(1, sizeof *c);
  if (!c) {
    close(fd);
    return;
  }

  must(uv_tcp_init(t->loop, &c->tcp) == 0);
  t->handles++;
  t->conn_count++;
  c->magic = CONN_MAGIC;
  c->tcp.data = c;
  c->owner = t;
  c->standing = standing;
  c->client = (struct client){.deliver = deliver_late,
                              .cut = cut_late,
                              .owner = c,
                              .peer = *peer,
                              .local = *local,
                              .transport = TRANSPORT_TCP};
  list_init(&c->by_age);
  list_init(&c->dirty);
  list_init(&c->ready);
  serve_conn_active(c, now_ms);
  if (uv_tcp_open(&c->tcp, fd) != 0) {
    close(fd);
    serve_conn_close(c);
  } else {
    start_reading(c);
  }
}
