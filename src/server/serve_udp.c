/* serve_udp.c: the hot path, from recvmmsg through serve_query to sendmmsg. Exports serve_udp_*.
 *
 * A wake-up takes up to BATCH datagrams, has serve_query write each answer straight to where it is sent from,
 * and sends them all. Answers lie close behind each other, so that a batch touches a few pages and the
 * processor's cache, not 64 pages. */
#include "server/serve_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/random.h"
#include "loop/watch.h"
#include "server/serve_pace.h"

enum {
  UDP_MAGIC = 0x73657276,
  BATCH = 64,        /* datagrams a system call */
  WAKE_UP_MAX = 256, /* datagrams a wake-up, or little more: TCP and upstream want theirs, too */
  BATCH_WORTH =
      4, /* datagrams; while so many were answered others will have come, and need no wake-up of their own */
  SLOT = 4096, /* octets of a query at most */
  STRIDE =
      SLOT +
      64, /* apart: a power of two would put all slots into the same few lines of the processor's cache */
  ARENA = 65536, /* octets of answers between two sendmmsg */
  RETRY_MS = 100,
  ARENA_STEP = 64 /* an answer starts on a cache line of its own */
};
_Static_assert(ARENA % ARENA_STEP == 0 && ARENA >= 2 * DNS_UDP_MAX,
               "an answer must always fit after a flush");

/* Room for one IP_PKTINFO or IPV6_PKTINFO. */
union control {
  struct cmsghdr align;
  uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

/* What recvmmsg fills. Between calls each head is ready to be used again. */
struct incoming {
  struct mmsghdr heads[BATCH];
  struct iovec iovecs[BATCH];
  struct client clients[BATCH];
  union control controls[BATCH];
  uint8_t slots[BATCH][STRIDE];
};

/* What sendmmsg is to send. */
struct outgoing {
  unsigned count;
  size_t at; /* in the arena: where the next answer goes */
  struct mmsghdr heads[BATCH];
  struct iovec iovecs[BATCH];
  union addr late_peers[BATCH];
  union control controls[BATCH];
  uint8_t arena[ARENA] __attribute__((aligned(ARENA_STEP)));
};

struct udp_listener {
  uint32_t magic;
  int fd;
  bool any; /* bound to a wildcard address: where each query arrived is told by the kernel, and told back */
  uv_poll_t poll;
  bool retired;  /* takes no more queries; closed when it owes no answer */
  unsigned owed; /* answers that wait for an upstream */
  union addr addr;
  struct serve_udp *owner;
  struct outgoing out;
};

struct serve_udp {
  uv_loop_t *loop;
  struct query_service *serve;
  unsigned listener_count;
  unsigned handles; /* not yet closed by libuv; one more until serve_udp_close, as a reload may leave none for
                       a moment */
  struct udp_listener *listeners[SERVE_UDP_SOCKETS];
  struct pace pace;
  uv_timer_t retry;  /* runs while a listener could not be waited for */
  uv_timer_t pacing; /* runs while answers wait for their turn to leave */
  struct incoming in;
};

static void *alloc_lines(size_t size) { return aligned_alloc(64, (size + 63) / 64 * 64); }

static struct udp_listener *listener_of(void *data) {
  struct udp_listener *d = data;
  must(d->magic == UDP_MAGIC);
  return d;
}

/* ---- out ---- */

/* The address to answer from, for the kernel: the one that was asked. The interface is left to routing. */
static void control_write(struct msghdr *head, union control *control, const union addr *local) {
  bool v6 = local->any.sa_family == AF_INET6;
  size_t len = v6 ? sizeof(struct in6_pktinfo) : sizeof(struct in_pktinfo);

  memset(control, 0, sizeof *control);
  head->msg_controllen = CMSG_SPACE(len);
  struct cmsghdr *c = CMSG_FIRSTHDR(head);
  c->cmsg_len = CMSG_LEN(len);
  if (v6) {
    c->cmsg_level = IPPROTO_IPV6;
    c->cmsg_type = IPV6_PKTINFO;
    ((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_addr = local->v6.sin6_addr;
  } else {
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_spec_dst = local->v4.sin_addr;
  }
}

/* Sends all; what the kernel does not take is counted and lost, as datagrams are. */
static void out_flush(struct udp_listener *d) {
  struct outgoing *o = &d->out;
  for (unsigned i = 0; i < o->count;) {
    int n = sendmmsg(d->fd, o->heads + i, o->count - i, 0);
    if (n > 0) {
      i += (unsigned)n;
      continue;
    }
    if (errno == EINTR) continue;
    bool full = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM;
    unsigned lost = full ? o->count - i : 1; /* any other reason concerns this one */
    count_add(d->owner->serve->counters, send_failed, lost);
    i += lost;
  }

  o->count = 0;
  o->at = 0;
}

/* Where the next answer is to be written: DNS_UDP_MAX octets. */
static inline uint8_t *out_next(struct udp_listener *d) {
  struct outgoing *o = &d->out;
  if (o->count == BATCH || o->at + DNS_UDP_MAX > ARENA) out_flush(d);
  return o->arena + o->at;
}

/* The len octets at out_next go to peer, which must stay where it is until the flush. */
static inline void out_add(struct udp_listener *d, size_t len, union addr *peer, const union addr *local) {
  struct outgoing *o = &d->out;
  struct msghdr *head = &o->heads[o->count].msg_hdr;
  o->iovecs[o->count] = (struct iovec){.iov_base = o->arena + o->at, .iov_len = len};
  head->msg_name = peer;
  head->msg_namelen = addr_len(peer);
  if (d->any) control_write(head, &o->controls[o->count], local);
  o->count++;
  o->at += (len + ARENA_STEP - 1) & ~(size_t)(ARENA_STEP - 1);
}

static void out_init(struct udp_listener *d) {
  struct outgoing *o = &d->out;
  memset(o, 0, offsetof(struct outgoing, arena));
  for (unsigned i = 0; i < BATCH; i++) {
    o->heads[i].msg_hdr.msg_iov = &o->iovecs[i];
    o->heads[i].msg_hdr.msg_iovlen = 1;
    if (d->any) o->heads[i].msg_hdr.msg_control = &o->controls[i];
  }
}

static void handle_gone(struct serve_udp *u) {
  if (--u->handles == 0) free(u);
}

static void on_closed(uv_handle_t *handle) {
  struct udp_listener *d = listener_of(handle->data);
  struct serve_udp *u = d->owner;
  d->magic = 0;
  free(d);
  handle_gone(u);
}

/* The address is free at once, for whoever listens there next. */
static void listener_close(struct udp_listener *d) {
  uv_close((uv_handle_t *)&d->poll, on_closed);
  close(d->fd);
}

/* One that is retired: serve_udp_flush does not know it any more. */
static void retired_flush(struct udp_listener *d) {
  out_flush(d);
  if (!d->owed) listener_close(d);
}

static void send_late(struct udp_listener *d, const struct client *c, const uint8_t *msg, size_t len) {
  memcpy(out_next(d), msg, len);
  union addr *peer = &d->out.late_peers[d->out.count];
  *peer = c->peer;
  out_add(d, len, peer, &c->local);
}

static void note_paid(struct udp_listener *d) {
  must(d->owed > 0);
  d->owed--;
  if (d->retired) retired_flush(d);
}

static void on_pacing(uv_timer_t *timer) {
  struct serve_udp *u = timer->data;
  uint64_t now_ms = clock_ms();
  for (struct paced *p; (p = pace_next(&u->pace, now_ms)); free(p)) {
    struct udp_listener *d = listener_of(p->client.owner);
    send_late(d, &p->client, p->msg, p->len);
    note_paid(d);
  }
  if (pace_is_empty(&u->pace)) uv_timer_stop(timer);
}

/* An answer that had to wait for an upstream. To other hosts they leave at a pace. */
static void deliver_late(const struct client *c, const uint8_t *msg, size_t len) {
  struct udp_listener *d = listener_of(c->owner);
  struct serve_udp *u = d->owner;
  bool given = len > 0 && !broken(len > DNS_UDP_MAX);

  if (given && !addr_is_loopback(&c->peer) && !pace_may(&u->pace, len, clock_ms())) {
    if (pace_keep(&u->pace, c, msg, len)) {
      if (!uv_is_active((uv_handle_t *)&u->pacing))
        uv_timer_start(&u->pacing, on_pacing, PACE_TICK_MS, PACE_TICK_MS);
      return;
    }
    count(u->serve->counters, send_failed);
    given = false;
  }

  if (given) send_late(d, c, msg, len);
  note_paid(d);
}

/* ---- in ---- */

static inline void in_rearm(struct incoming *in, unsigned i) {
  in->heads[i].msg_hdr.msg_namelen = sizeof(union addr);
  in->heads[i].msg_hdr.msg_controllen = sizeof(union control);
}

static void in_init(struct incoming *in) {
  memset(in, 0, offsetof(struct incoming, slots));
  for (unsigned i = 0; i < BATCH; i++) {
    struct client *c = &in->clients[i];
    c->deliver = deliver_late;
    in->iovecs[i] = (struct iovec){.iov_base = in->slots[i], .iov_len = SLOT};
    in->heads[i].msg_hdr = (struct msghdr){
        .msg_name = &c->peer, .msg_iov = &in->iovecs[i], .msg_iovlen = 1, .msg_control = &in->controls[i]};
    in_rearm(in, i);
  }
}

/* The address that the datagram was sent to; port and scope are the socket's. */
static void read_local(struct msghdr *head, union addr *local) {
  for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      local->v4.sin_addr = ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_spec_dst;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      local->v6.sin6_addr = ((struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_addr;
    }
  }
}

static void note_owed(struct udp_listener *d, const struct client *c, size_t len, uint64_t now_ms) {
  d->owed++;
  if (!addr_is_loopback(&c->peer)) pace_came(&d->owner->pace, len, now_ms);
}

/* Serves the n datagrams that recvmmsg has put into the slots. Each answer that is there at once is written
 * to where sendmmsg takes it from, and all of them leave together at the end; a client whose answer comes
 * later is owed it, and keeps this listener open until then. */
static void serve_batch(struct udp_listener *d, unsigned n, uint64_t now_ms) {
  struct query_service *serve = d->owner->serve;
  struct incoming *in = &d->owner->in;

  for (unsigned i = 0; i < n; i++) {
    struct msghdr *head = &in->heads[i].msg_hdr;
    struct client *c = &in->clients[i];
    c->owner = d;
    c->local = d->addr;
    if (d->any) read_local(head, &c->local);

    if (head->msg_flags & MSG_TRUNC) { /* no query is longer than a slot */
      count(serve->counters, queries);
      count(serve->counters, ignored);
    } else {
      int len = serve_query(serve, in->slots[i], in->heads[i].msg_len, c, now_ms, out_next(d));
      if (len > 0) out_add(d, (size_t)len, &c->peer, &c->local);
      else if (len == SERVE_LATER) note_owed(d, c, in->heads[i].msg_len, now_ms);
    }

    in_rearm(in, i);
  }

  out_flush(d);
}

/* Returns how many were taken; below 1 when nothing was there, or an error that is thereby forgotten. */
static int take_batch(struct udp_listener *d, uint64_t now_ms) {
  int n = recvmmsg(d->fd, d->owner->in.heads, BATCH, MSG_DONTWAIT, NULL);
  if (n > 0) serve_batch(d, (unsigned)n, now_ms);
  return n;
}

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_retry(uv_timer_t *timer);

static int watch(struct udp_listener *d) {
  int e = watch_start(&d->poll, UV_READABLE, on_readable);
  if (e < 0) uv_timer_start(&d->owner->retry, on_retry, RETRY_MS, 0);
  return e;
}

/* Listeners that could not be waited for are tried again. */
static void on_retry(uv_timer_t *timer) {
  struct serve_udp *u = timer->data;
  for (unsigned i = 0; i < u->listener_count; i++) {
    if (!uv_is_active((uv_handle_t *)&u->listeners[i]->poll)) watch(u->listeners[i]);
  }
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)events;
  struct udp_listener *d = listener_of(poll->data);
  if (status < 0) { /* a pending error of the socket; libuv has stopped polling because of it */
    int e;
    getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &e, &(socklen_t){sizeof e});
    watch(d);
  }
  uint64_t now_ms = clock_ms();
  for (int n = BATCH_WORTH, taken = 0; n >= BATCH_WORTH && taken < WAKE_UP_MAX; taken += n)
    n = take_batch(d, now_ms);
}

/* ---- the listeners ---- */

struct serve_udp *serve_udp_new(uv_loop_t *loop, struct query_service *serve) {
  struct serve_udp *u = alloc_lines(sizeof *u);
  if (!u) return NULL;
  memset(u, 0, offsetof(struct serve_udp, in));
  u->loop = loop;
  u->serve = serve;
  u->handles = 3;
  pace_init(&u->pace, random_seed());
  must(uv_timer_init(loop, &u->pacing) == 0 && uv_timer_init(loop, &u->retry) == 0);
  u->pacing.data = u->retry.data = u;
  in_init(&u->in);
  return u;
}

int serve_udp_add(struct serve_udp *u, struct listener *l) {
  must(u->listener_count < SERVE_UDP_SOCKETS);
  struct udp_listener *d = alloc_lines(sizeof *d);
  if (!d) return UV_ENOMEM;
  d->magic = UDP_MAGIC;
  d->fd = l->udp;
  d->any = addr_is_any(&l->addr);
  d->addr = l->addr;
  d->owner = u;
  d->retired = false;
  d->owed = 0;
  out_init(d);
  int e = uv_poll_init(u->loop, &d->poll, d->fd);
  if (e < 0) {
    free(d);
    return e;
  }

  d->poll.data = d;
  u->listeners[u->listener_count++] = d;
  u->handles++;
  l->udp = -1;
  return watch(d);
}

void serve_udp_remove(struct serve_udp *u, const union addr *addr) {
  enum { DRAIN_MAX = 4096 }; /* batches: more than the kernel ever holds */
  unsigned i = 0;
  while (i < u->listener_count && !addr_equal(&u->listeners[i]->addr, addr)) i++;
  if (i == u->listener_count) return;
  struct udp_listener *d = u->listeners[i];
  u->listeners[i] = u->listeners[--u->listener_count];
  for (unsigned batches = 0; batches < DRAIN_MAX && take_batch(d, clock_ms()) > 0; batches++) {
  }
  uv_poll_stop(&d->poll);
  d->retired = true;
  retired_flush(d);
}

void serve_udp_flush(struct serve_udp *u) {
  for (unsigned i = 0; i < u->listener_count; i++) {
    if (u->listeners[i]->out.count) out_flush(u->listeners[i]);
  }
}

void serve_udp_stop(struct serve_udp *u) {
  uv_timer_stop(&u->retry);
  for (unsigned i = 0; i < u->listener_count; i++) uv_poll_stop(&u->listeners[i]->poll);
}

/* There is no more time to wait for their turn. */
static void send_last(struct paced *p, void *arg) {
  struct udp_listener *d = listener_of(p->client.owner);
  (void)arg;
  send_late(d, &p->client, p->msg, p->len);
  free(p);
  note_paid(d);
}

static void on_timer_closed(uv_handle_t *handle) { handle_gone(handle->data); }

void serve_udp_close(struct serve_udp *u) {
  pace_drop(&u->pace, send_last, NULL);
  serve_udp_flush(u);
  for (unsigned i = 0; i < u->listener_count; i++) listener_close(u->listeners[i]);
  uv_close((uv_handle_t *)&u->pacing, on_timer_closed);
  uv_close((uv_handle_t *)&u->retry, on_timer_closed);
  handle_gone(u);
}
