/* serve_tcp.c: listeners, limits and time-outs of TCP connections. Exports serve_tcp_*. */
#include "server/serve_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "loop/watch.h"
#include "server/serve_tcp_priv.h"

enum {
  TCP_MAGIC = 0x73747470,
  ACCEPTS = 32,  /* connections a wake-up */
  REST_MS = 100, /* the listeners' pause when descriptors have run out */
  WARN_EVERY_MS = 10000
};

static struct serve_tcp *tcp_of(void *data) {
  struct serve_tcp *t = data;
  must(t->magic == TCP_MAGIC);
  return t;
}

void serve_tcp_handle_gone(struct serve_tcp *t) {
  if (--t->handles) return;
  t->magic = 0;
  free(t);
}

/* ---- each turn ---- */

void serve_tcp_flush(struct serve_tcp *t) {
  for (struct list *node; (node = list_pop(&t->dirty));)
    serve_conn_flush(container(node, struct serve_conn, dirty));
}

static void on_go_on(uv_idle_t *idle) {
  struct serve_tcp *t = tcp_of(idle->data);
  uint64_t now_ms = clock_ms();
  struct list turn;
  list_init(&turn);
  uv_idle_stop(idle); /* one that is ready again after its share starts it again */
  for (struct list *node; (node = list_pop(&t->ready));) list_append(&turn, node);
  for (struct list *node; (node = list_pop(&turn));)
    serve_conn_resume(container(node, struct serve_conn, ready), now_ms);
}

void serve_tcp_ready(struct serve_tcp *t, struct serve_conn *c) {
  if (t->stopping || !list_empty(&c->ready)) return;
  list_append(&t->ready, &c->ready);
  uv_idle_start(&t->resume, on_go_on);
}

/* ---- how long ---- */

static void on_age(uv_timer_t *timer);

void serve_tcp_age(struct serve_tcp *t, uint64_t now_ms) {
  if (list_empty(&t->conns)) return;
  uint64_t due_ms = container(t->conns.next, struct serve_conn, by_age)->active_ms + t->options.idle_ms;
  list_each(node, &t->conns) {
    const struct serve_conn *c = container(node, struct serve_conn, by_age);
    if (c->state != CONN_LEAVING) continue;
    if (c->active_ms + CONN_LINGER_MS < due_ms) due_ms = c->active_ms + CONN_LINGER_MS;
    break;
  }
  uv_timer_start(&t->age, on_age, due_ms > now_ms ? due_ms - now_ms : 1, 0);
}

static void on_age(uv_timer_t *timer) {
  struct serve_tcp *t = tcp_of(timer->data);
  uint64_t now_ms = clock_ms();
  list_each(node, &t->conns) {
    struct serve_conn *c = container(node, struct serve_conn, by_age);
    bool lingered = c->state == CONN_LEAVING && c->active_ms + CONN_LINGER_MS <= now_ms;
    if (c->active_ms + t->options.idle_ms > now_ms && !lingered) continue;
    if (!lingered && (c->waiting || serve_conn_took_answers(c))) serve_conn_active(c, now_ms);
    else serve_conn_close(c);
  }
  serve_tcp_age(t, now_ms);
}

/* ---- how many ---- */

static void on_acceptable(uv_poll_t *poll, int status, int events);

static void on_rest(uv_timer_t *timer) {
  struct serve_tcp *t = tcp_of(timer->data);
  int e = 0;
  for (unsigned i = 0; i < SERVE_TCP_LISTENERS && e == 0; i++) {
    struct tcp_listener *d = &t->listeners[i];
    if (d->listening && !uv_is_active((uv_handle_t *)&d->poll))
      e = watch_start(&d->poll, UV_READABLE, on_acceptable);
  }
  if (e < 0) uv_timer_start(&t->rest, on_rest, REST_MS, 0);
}

static void stop_watching(struct serve_tcp *t) {
  for (unsigned i = 0; i < SERVE_TCP_LISTENERS; i++) {
    if (t->listeners[i].listening) uv_poll_stop(&t->listeners[i].poll);
  }
}

/* Closes the connection that is idle for longest, if one is. */
static bool close_idlest(struct serve_tcp *t) {
  list_each(node, &t->conns) {
    struct serve_conn *c = container(node, struct serve_conn, by_age);
    if (!serve_conn_is_idle(c)) continue;
    serve_conn_close(c);
    return true;
  }
  return false;
}

/* No descriptor is left, and the listener stays readable: pauses instead of spinning; an idle connection
 * gives its own. */
static void rest(struct serve_tcp *t, const char *why) {
  uint64_t now_ms = clock_ms();
  if (!t->warned_ms || now_ms - t->warned_ms >= WARN_EVERY_MS) {
    t->warned_ms = now_ms;
    log_warn("server", "can't take TCP connections: %s", why);
  }
  close_idlest(t);
  stop_watching(t);
  uv_timer_start(&t->rest, on_rest, REST_MS, 0);
}

enum tcp_standing serve_tcp_standing(const struct query_service *s, const union addr *peer,
                                     const union addr *local) {
  if (addr_is_loopback(peer)) return TCP_LOCAL;
  return s->access && !access_may(s->access, peer, local) ? TCP_STRANGER : TCP_GUEST;
}

/* Takes in the connection fd, or closes it. */
static void take(struct serve_tcp *t, const struct tcp_listener *d, int fd, const union addr *peer,
                 uint64_t now_ms) {
  const struct query_service *s = t->serve;
  union addr local = d->addr;
  if (addr_is_any(&local)) getsockname(fd, &local.any, &(socklen_t){sizeof local});
  enum tcp_standing standing = serve_tcp_standing(s, peer, &local);
  bool unwelcome = access_is_silent(s->access) && standing == TCP_STRANGER;
  if (unwelcome) count(s->counters, denied_tcp);
  if (!unwelcome && tcp_limits_connection(t, peer, standing))
    serve_conn_open(t, fd, peer, &local, standing, now_ms);
  else close(fd);
}

/* Gives fd back as one that a client may have: an idle connection gives its own if need be. -1, and it is
 * closed: none does. */
static int fit(struct serve_tcp *t, int fd) {
  int most = t->options.descriptors, lower = -1;
  if (!most || fd < most) return fd;
  if (close_idlest(t)) lower = fcntl(fd, F_DUPFD_CLOEXEC, 0);
  close(fd);
  if (lower < most) return lower;
  close(lower);
  return -1;
}

/* Takes `most` connections at most. Returns 0, or -errno when the machine lacks something for more. */
static int take_some(struct tcp_listener *d, int most, uint64_t now_ms) {
  int e = 0;
  for (int i = 0; i < most && e == 0; i++) {
    union addr peer;
    memset(&peer, 0, sizeof peer);
    int fd = accept4(d->fd, &peer.any, &(socklen_t){sizeof peer}, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      fd = fit(d->owner, fd);
      if (fd >= 0) take(d->owner, d, fd, &peer, now_ms);
      else e = UV_EMFILE;
    } else if (errno == EAGAIN) {
      break;
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      e = -errno;
    } /* all other errors are that connection's own trouble */
  }

  if (!uv_is_active((uv_handle_t *)&d->owner->age)) serve_tcp_age(d->owner, now_ms);
  return e;
}

static void on_acceptable(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct tcp_listener *d = poll->data;
  struct serve_tcp *t = tcp_of(d->owner);
  if (status == 0) status = take_some(d, ACCEPTS, clock_ms());
  if (status < 0) rest(t, uv_strerror(status));
}

/* ---- the door ---- */

struct serve_tcp *serve_tcp_new(uv_loop_t *loop, struct query_service *serve,
                                const struct serve_tcp_policy *options) {
  struct serve_tcp *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  t->magic = TCP_MAGIC;
  t->loop = loop;
  t->serve = serve;
  t->options = *options;
  serve->idle_ms = options->idle_ms;
  list_init(&t->conns);
  list_init(&t->dirty);
  list_init(&t->ready);
  must(uv_timer_init(loop, &t->age) == 0 && uv_timer_init(loop, &t->rest) == 0 &&
       uv_idle_init(loop, &t->resume) == 0);
  t->age.data = t->rest.data = t->resume.data = t;
  t->handles = 3;
  return t;
}

int serve_tcp_add(struct serve_tcp *t, struct listener *l) {
  unsigned i = 0;
  while (i < SERVE_TCP_LISTENERS && t->listeners[i].owner) i++;
  if (i == SERVE_TCP_LISTENERS) return UV_EMFILE; /* some of the last reload are still closing */
  struct tcp_listener *d = &t->listeners[i];
  int e = uv_poll_init(t->loop, &d->poll, l->tcp);
  if (e < 0) return e;
  d->poll.data = d;
  d->owner = t;
  d->addr = l->addr;
  d->fd = l->tcp;
  l->tcp = -1;
  d->listening = true;
  t->handles++;
  int watched = watch_start(&d->poll, UV_READABLE, on_acceptable);
  if (watched < 0) uv_timer_start(&t->rest, on_rest, REST_MS, 0);
  return watched;
}

static void on_door_closed(uv_handle_t *handle) {
  struct tcp_listener *d = handle->data;
  struct serve_tcp *t = tcp_of(d->owner);
  d->owner = NULL;
  serve_tcp_handle_gone(t);
}

/* The address is free at once, for whoever listens there next. */
static void close_door(struct tcp_listener *d) {
  d->listening = false;
  uv_close((uv_handle_t *)&d->poll, on_door_closed);
  close(d->fd);
}

void serve_tcp_remove(struct serve_tcp *t, const union addr *addr) {
  enum { DRAIN_MAX = 4096 }; /* connections: more than a listener's queue holds */
  for (unsigned i = 0; i < SERVE_TCP_LISTENERS; i++) {
    struct tcp_listener *d = &t->listeners[i];
    if (!d->listening || !addr_equal(&d->addr, addr)) continue;
    take_some(d, DRAIN_MAX, clock_ms());
    close_door(d);
  }
}

void serve_tcp_stop(struct serve_tcp *t) {
  t->stopping = true;
  uv_timer_stop(&t->age);
  uv_timer_stop(&t->rest);
  uv_idle_stop(&t->resume);
  for (unsigned i = 0; i < SERVE_TCP_LISTENERS; i++) {
    if (t->listeners[i].listening) close_door(&t->listeners[i]);
  }
  list_each(node, &t->conns) uv_read_stop((uv_stream_t *)&container(node, struct serve_conn, by_age)->tcp);
}

static void on_handle_closed(uv_handle_t *handle) { serve_tcp_handle_gone(tcp_of(handle->data)); }

void serve_tcp_close(struct serve_tcp *t) {
  must(t->stopping);
  serve_tcp_flush(t);
  list_each(node, &t->conns) serve_conn_close(container(node, struct serve_conn, by_age));
  uv_close((uv_handle_t *)&t->age, on_handle_closed);
  uv_close((uv_handle_t *)&t->rest, on_handle_closed);
  uv_close((uv_handle_t *)&t->resume, on_handle_closed);
}

unsigned serve_tcp_connections(const struct serve_tcp *t) { return t->conn_count; }

size_t serve_tcp_held(const struct serve_tcp *t) { return t->held; }
