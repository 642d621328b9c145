/* fake_uv.c: libuv's streams, timers, idle and poll handles in memory. Exports fake_*, in libuv's stead uv_*,
 * and what the kernel says of a connection. */
#include "fuzz/fake_uv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/must.h"

enum { SLOTS = 512, READS = 32 /* a turn, as libuv does */, FD = 1 << 20 };

struct slot {
  uv_handle_t *handle; /* NULL: closed */
  bool active, is_stream;
  uv_close_cb closed; /* set: is closing */
  uint64_t due_ms, repeat_ms;
  int fd; /* that is polled */
  uv_timer_cb on_timer;
  uv_idle_cb on_idle;
  uv_poll_cb on_poll;
  uv_alloc_cb on_alloc;
  uv_read_cb on_read;
  uv_write_t *first, *last; /* writes that wait; each points to the next by reserved[0] */
  size_t out_room;
  struct fake_stream stream;
};

/* Of a write, while it waits: reserved[1] is what is left, reserved[2] its length. */
static struct {
  struct slot slots[SLOTS];
  unsigned count, first_stream, acceptable;
  uint64_t now_ms;
} fake;

static struct slot *slot_of(const void *handle) { return ((const uv_handle_t *)handle)->u.reserved[0]; }

static void slot_new(void *handle) {
  must(fake.count < SLOTS);
  struct slot *s = &fake.slots[fake.count++];
  uint8_t *out = s->stream.out;
  size_t room = s->out_room;
  *s = (struct slot){.handle = handle, .out_room = room, .stream = {.out = out, .window = SIZE_MAX}};
  ((uv_handle_t *)handle)->u.reserved[0] = s;
}

uint64_t clock_ms(void) { return fake.now_ms; }
int64_t clock_epoch_ms(void) { return 0; }

/* ---- for the target ---- */

void fake_start(uint64_t now_ms) {
  while (fake.count && !fake.slots[fake.count - 1].handle) fake.count--;
  fake.first_stream = fake.count;
  fake.now_ms = now_ms;
  fake.acceptable = 0;
}

void fake_pass_ms(uint64_t ms) { fake.now_ms += ms; }

unsigned fake_streams(void) { return fake.count - fake.first_stream; }

struct fake_stream *fake_stream(unsigned i) {
  if (i >= fake_streams()) return NULL;
  struct slot *s = &fake.slots[fake.first_stream + i];
  return s->handle && s->is_stream ? &s->stream : NULL;
}

unsigned fake_handles(void) {
  unsigned n = 0;
  for (unsigned i = 0; i < fake.count; i++) n += fake.slots[i].handle != NULL;
  return n;
}

static struct slot *slot_of_stream(struct fake_stream *s) { return container(s, struct slot, stream); }

void fake_arrive(struct fake_stream *s, const uint8_t *octets, size_t n) {
  if (!s->in_len) s->in = octets;
  must(s->in + s->in_len == octets);
  s->in_len += n;
}

void fake_accept(int listener) {
  for (unsigned i = 0; i < fake.count; i++) {
    struct slot *s = &fake.slots[i];
    if (!s->handle || !s->on_poll || !s->active || s->fd != listener) continue;
    fake.acceptable = 1;
    s->on_poll((uv_poll_t *)s->handle, 0, UV_READABLE);
  }
}

/* ---- writes ---- */

static void take_out(struct slot *s, const void *octets, size_t n) {
  struct fake_stream *f = &s->stream;
  if (!n) return;
  if (f->out_len + n > s->out_room) {
    s->out_room = (f->out_len + n) * 2;
    f->out = realloc(f->out, s->out_room);
    must(f->out);
  }
  memcpy(f->out + f->out_len, octets, n);
  f->out_len += n;
  if (f->window != SIZE_MAX) f->window -= n;
}

static void write_ends(struct slot *s, int status) {
  uv_write_t *w = s->first;
  s->first = w->reserved[0];
  if (!s->first) s->last = NULL;
  ((uv_stream_t *)s->handle)->write_queue_size -= (size_t)w->reserved[2];
  w->cb(w, status);
}

static void writes_go_on(struct slot *s) {
  struct fake_stream *f = &s->stream;
  while (s->first && !f->connecting && !s->closed) {
    uv_write_t *w = s->first;
    size_t left = (size_t)w->reserved[2], n = left < f->window ? left : f->window;
    if (f->broken) {
      write_ends(s, f->broken);
      continue;
    }
    take_out(s, w->reserved[1], n);
    ((uv_stream_t *)s->handle)->write_queue_size -= n;
    w->reserved[1] = (uint8_t *)w->reserved[1] + n;
    w->reserved[2] = (void *)(left - n);
    if (left > n) return;
    write_ends(s, 0);
  }
}

void fake_connect(struct fake_stream *f, int status) {
  struct slot *s = slot_of_stream(f);
  uv_connect_t *req = f->connect;
  if (!f->connecting) return;
  f->connecting = false;
  f->connect = NULL;
  req->cb(req, status);
  while (status < 0 && s->first && !s->closed) write_ends(s, UV_ECANCELED);
}

int uv_write(uv_write_t *req, uv_stream_t *stream, const uv_buf_t bufs[], unsigned n, uv_write_cb cb) {
  struct slot *s = slot_of(stream);
  must(n == 1 && s->is_stream && !s->closed);
  req->cb = cb;
  req->handle = stream;
  req->reserved[0] = NULL;
  req->reserved[1] = bufs->base;
  req->reserved[2] = (void *)bufs->len;
  stream->write_queue_size += bufs->len;
  if (s->last) s->last->reserved[0] = req;
  else s->first = req;
  s->last = req;
  return 0;
}

int uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned n) {
  struct slot *s = slot_of(stream);
  must(n == 1 && s->is_stream && !s->closed);
  struct fake_stream *f = &s->stream;
  if (f->connecting || stream->write_queue_size || (!f->window && !f->broken)) return UV_EAGAIN;
  if (f->broken) return f->broken;
  size_t len = bufs->len < f->window ? bufs->len : f->window;
  take_out(s, bufs->base, len);
  return (int)len;
}

size_t uv_stream_get_write_queue_size(const uv_stream_t *stream) { return stream->write_queue_size; }

/* ---- reads ---- */

static void reads_go_on(struct slot *s) {
  struct fake_stream *f = &s->stream;
  uv_stream_t *stream = (uv_stream_t *)s->handle;

  for (unsigned i = 0; i < READS && f->reading && !s->closed && (f->in_len || f->end); i++) {
    uv_buf_t buf = {0};
    s->on_alloc(s->handle, 65536, &buf);
    size_t n = buf.len < f->in_len ? buf.len : f->in_len;
    if (!buf.base || !buf.len) {
      s->on_read(stream, UV_ENOBUFS, &buf);
    } else if (!f->in_len) {
      f->reading = false;
      s->on_read(stream, f->end, &buf);
    } else {
      memcpy(buf.base, f->in, n);
      f->in += n;
      f->in_len -= n;
      s->on_read(stream, (ssize_t)n, &buf);
      if (n < buf.len) return;
    }
  }
}

int uv_read_start(uv_stream_t *stream, uv_alloc_cb alloc_cb, uv_read_cb read_cb) {
  struct slot *s = slot_of(stream);
  if (s->closed) return UV_EINVAL;
  s->on_alloc = alloc_cb;
  s->on_read = read_cb;
  s->stream.reading = true;
  return 0;
}

int uv_read_stop(uv_stream_t *stream) {
  slot_of(stream)->stream.reading = false;
  return 0;
}

/* ---- handles ---- */

uint64_t uv_now(const uv_loop_t *loop) {
  (void)loop;
  return fake.now_ms;
}

static int stream_init(uv_loop_t *loop, uv_stream_t *stream) {
  stream->loop = loop;
  stream->write_queue_size = 0;
  slot_new(stream);
  slot_of(stream)->is_stream = true;
  return 0;
}

static int stream_open(const void *stream, int fd) {
  must(slot_of(stream)->is_stream && fd == FD);
  return 0;
}

int uv_pipe_init(uv_loop_t *loop, uv_pipe_t *pipe, int ipc) {
  must(!ipc);
  return stream_init(loop, (uv_stream_t *)pipe);
}

int uv_pipe_open(uv_pipe_t *pipe, uv_file fd) { return stream_open(pipe, fd); }

int uv_tcp_init(uv_loop_t *loop, uv_tcp_t *tcp) { return stream_init(loop, (uv_stream_t *)tcp); }

int uv_tcp_init_ex(uv_loop_t *loop, uv_tcp_t *tcp, unsigned family) {
  (void)family;
  return stream_init(loop, (uv_stream_t *)tcp);
}

int uv_tcp_open(uv_tcp_t *tcp, uv_os_sock_t fd) { return stream_open(tcp, fd); }

int uv_tcp_nodelay(uv_tcp_t *tcp, int enable) {
  (void)tcp;
  (void)enable;
  return 0;
}

/* Streams have no address here. */
int uv_tcp_getsockname(const uv_tcp_t *tcp, struct sockaddr *name, int *len) {
  (void)tcp, (void)name, (void)len;
  return UV_ENOTCONN;
}

/* No target connects to a Unix socket. */
void uv_pipe_connect(uv_connect_t *req, uv_pipe_t *pipe, const char *name, uv_connect_cb cb) {
  (void)req, (void)pipe, (void)name, (void)cb;
}

int uv_tcp_connect(uv_connect_t *req, uv_tcp_t *tcp, const struct sockaddr *addr, uv_connect_cb cb) {
  struct slot *s = slot_of(tcp);
  must(addr->sa_family == AF_INET && !s->closed);
  req->cb = cb;
  req->handle = (uv_stream_t *)tcp;
  s->stream.connecting = true;
  s->stream.connect = req;
  return 0;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer) {
  timer->loop = loop;
  slot_new(timer);
  return 0;
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb cb, uint64_t timeout, uint64_t repeat) {
  struct slot *s = slot_of(timer);
  must(!s->closed);
  s->on_timer = cb;
  s->due_ms = fake.now_ms + timeout;
  s->repeat_ms = repeat;
  s->active = true;
  return 0;
}

int uv_timer_stop(uv_timer_t *timer) {
  slot_of(timer)->active = false;
  return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *idle) {
  idle->loop = loop;
  slot_new(idle);
  return 0;
}

int uv_idle_start(uv_idle_t *idle, uv_idle_cb cb) {
  struct slot *s = slot_of(idle);
  must(!s->closed);
  s->on_idle = cb;
  s->active = true;
  return 0;
}

int uv_idle_stop(uv_idle_t *idle) {
  slot_of(idle)->active = false;
  return 0;
}

int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd) {
  poll->loop = loop;
  slot_new(poll);
  slot_of(poll)->fd = fd;
  return 0;
}

int uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb cb) {
  struct slot *s = slot_of(poll);
  must(events == UV_READABLE && !s->closed);
  s->on_poll = cb;
  s->active = true;
  return 0;
}

int uv_poll_stop(uv_poll_t *poll) {
  slot_of(poll)->active = false;
  return 0;
}

/* Nor is there an epoll. */
int uv_backend_fd(const uv_loop_t *loop) {
  (void)loop;
  return -1;
}

/* There is no descriptor behind a stream. */
int uv_fileno(const uv_handle_t *handle, uv_os_fd_t *fd) {
  (void)handle;
  *fd = -1;
  return UV_EBADF;
}

int uv_is_active(const uv_handle_t *handle) { return slot_of(handle)->active; }

static void tell_nobody(uv_handle_t *handle) { (void)handle; }

void uv_close(uv_handle_t *handle, uv_close_cb cb) {
  struct slot *s = slot_of(handle);
  must(s->handle == handle && !s->closed);
  s->closed = cb ? cb : tell_nobody;
  s->active = false;
  s->stream.reading = false;
  s->stream.closing = true;
}

uv_buf_t uv_buf_init(char *base, unsigned len) { return (uv_buf_t){.base = base, .len = len}; }

const char *uv_strerror(int e) {
  (void)e;
  return "error";
}

int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags) {
  struct sockaddr_in peer = {
      .sin_family = AF_INET, .sin_port = htons(1), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  (void)fd;
  (void)flags;
  if (!fake.acceptable) {
    errno = EAGAIN;
    return -1;
  }
  fake.acceptable--;
  if (!addr) return FD;
  must(*len >= sizeof peer);
  memcpy(addr, &peer, sizeof peer);
  *len = sizeof peer;
  return FD;
}

int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict len) {
  static const struct ucred root;
  must(fd == FD && level == SOL_SOCKET && option == SO_PEERCRED && *len == sizeof root);
  memcpy(value, &root, sizeof root);
  return 0;
}

/* ---- the loop ---- */

static void close_ends(struct slot *s) {
  uv_connect_t *connect = s->stream.connect;
  s->stream.connect = NULL;
  if (connect) connect->cb(connect, UV_ECANCELED);
  while (s->first) write_ends(s, UV_ECANCELED);
  uv_handle_t *handle = s->handle;
  s->handle = NULL;
  s->closed(handle);
}

void fake_turn(void) {
  for (unsigned i = 0; i < fake.count; i++) {
    struct slot *s = &fake.slots[i];
    if (!s->handle || !s->active || !s->on_timer || s->due_ms > fake.now_ms) continue;
    s->active = s->repeat_ms > 0;
    s->due_ms = fake.now_ms + s->repeat_ms;
    s->on_timer((uv_timer_t *)s->handle);
  }

  for (unsigned i = 0; i < fake.count; i++) {
    struct slot *s = &fake.slots[i];
    if (s->handle && s->active && s->on_idle) s->on_idle((uv_idle_t *)s->handle);
  }

  for (unsigned i = 0; i < fake.count; i++) {
    struct slot *s = &fake.slots[i];
    if (!s->handle || !s->is_stream || s->stream.connecting) continue;
    reads_go_on(s);
    writes_go_on(s);
  }

  for (unsigned i = 0; i < fake.count; i++) {
    struct slot *s = &fake.slots[i];
    if (s->handle && s->closed) close_ends(s);
  }
}
