/* up_udp_socket.c: one connected UDP socket: opened at a random port, its questions sent in batches, its
 * replies matched with their exchanges. Exports udp_socket_*, up_udp_slot_spare, up_udp_handle_gone to
 * up_udp. */
#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "loop/watch.h"
#include "upstream/up_udp_priv.h"

enum {
  SEND_BATCH = 64,  /* questions a system call, and in a message that the kernel cuts: it takes no more */
  RECV_BATCHES = 4, /* a wake-up: other sockets of the loop want their turn too */
  BIND_TRIES = 8,   /* of random ports, then the kernel chooses */
  PORT_MIN = 1024,
  WARN_EVERY_MS = 10000
};

void up_udp_handle_gone(struct up_udp *u) {
  if (--u->handles) return;
  for (struct list *node; (node = list_pop(&u->spare));) free(container(node, struct slot, link));
  u->magic = 0;
  free(u->inbox);
  free(u);
}

void up_udp_slot_spare(struct up_udp *u, struct slot *slot) {
  list_remove(&slot->link);
  list_append(u->spare.next, &slot->link); /* in front: it is warm in the processor's cache */
}

void udp_socket_unqueue(struct udp_socket *s, struct slot *slot) {
  up_udp_slot_spare(s->udp, slot);
  s->udp->queued--;
  if (list_empty(&s->queue)) list_remove(&s->sending);
}

static void on_socket_closed(uv_handle_t *handle) {
  struct udp_socket *s = handle->data;
  must(s->magic == SOCKET_MAGIC && s->open == 0);
  struct up_udp *u = s->udp;
  s->magic = 0;
  free(s);
  up_udp_handle_gone(u);
}

static void udp_socket_close(struct udp_socket *s) {
  if (s->fd < 0) return;
  list_each(node, &s->queue) udp_socket_unqueue(s, container(node, struct slot, link));
  uv_close((uv_handle_t *)&s->poll, on_socket_closed);
  close(s->fd);
  s->fd = -1;
}

/* Takes s out of the pool: it gets no further questions. */
static void udp_socket_unpool(struct udp_socket *s) {
  struct up_udp *u = s->udp;
  for (unsigned i = 0; s->pooled && i < UDP_SOCKETS; i++) {
    if (u->pool[i] == s) u->pool[i] = NULL;
  }
  if (u->drawn == s) u->drawn = NULL;
  s->pooled = false;
}

void udp_socket_retire(struct udp_socket *s) {
  udp_socket_unpool(s);
  if (!s->open) udp_socket_close(s);
}

void udp_socket_release(struct udp_socket *s, struct exchange *x) {
  list_remove(&x->link);
  x->channel = NULL;
  s->open--;
  s->udp->open--;
  if (!s->open && !s->pooled) udp_socket_close(s);
}

struct exchange *udp_socket_find(struct udp_socket *s, uint16_t id) {
  struct list *bucket = &s->by_id[id & s->mask];
  list_each(node, bucket) {
    struct exchange *x = container(node, struct exchange, link);
    if (x->id == id) return x;
  }
  return NULL;
}

/* Closes it; its exchanges end with `why`. */
static void udp_socket_end(struct udp_socket *s, enum err why, uint64_t now_ms) {
  struct list ending;
  list_init(&ending);
  for (unsigned i = 0; i <= s->mask; i++) {
    for (struct list *node; (node = list_pop(&s->by_id[i]));) list_append(&ending, node);
  }
  udp_socket_unpool(s);
  udp_socket_close(s);
  for (struct list *node; (node = list_pop(&ending));) { /* done may drop others of them */
    struct exchange *x = container(node, struct exchange, link);
    udp_socket_release(s, x);
    x->done(x, why, NULL, 0, now_ms);
  }
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* For other events than before. Where that can't be had nothing comes of its exchanges: they run into their
 * time-outs. */
static void udp_socket_watch(struct udp_socket *s, int events) {
  if (watch_start(&s->poll, events, on_poll) < 0) udp_socket_retire(s);
}

/* Room for one UDP_SEGMENT. */
union control {
  struct cmsghdr align;
  uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
};

/* Questions that wait, packed for one system call: those of one length that stand behind each other are one
 * message, which the kernel cuts (UDP_SEGMENT, Linux 4.18). That takes half its time, and a name's A and AAAA
 * have one length, as have a domain's SRVs. */
struct packed {
  struct mmsghdr heads[SEND_BATCH];
  struct iovec places[SEND_BATCH];
  union control controls[SEND_BATCH];
};

static void control_write(struct msghdr *head, union control *control) {
  head->msg_control = memset(control, 0, sizeof *control);
  head->msg_controllen = sizeof *control;
  struct cmsghdr *c = CMSG_FIRSTHDR(head);
  c->cmsg_level = IPPROTO_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
  uint16_t len = (uint16_t)head->msg_iov->iov_len;
  memcpy(CMSG_DATA(c), &len, sizeof len);
}

/* Returns how many messages. */
static unsigned pack(const struct udp_socket *s, struct packed *p) {
  unsigned slots = 0, n = 0;
  list_each(node, &s->queue) {
    struct slot *slot = container(node, struct slot, link);
    struct msghdr *last = n ? &p->heads[n - 1].msg_hdr : NULL;
    p->places[slots] = (struct iovec){.iov_base = slot->msg, .iov_len = slot->len};
    if (last && s->udp->together && last->msg_iov->iov_len == slot->len) {
      if (++last->msg_iovlen == 2) control_write(last, &p->controls[n - 1]);
    } else {
      p->heads[n++] = (struct mmsghdr){.msg_hdr = {.msg_iov = &p->places[slots], .msg_iovlen = 1}};
    }
    if (++slots == SEND_BATCH) break;
  }
  return n;
}

/* An interface that has no checksums made for it does not take them together, nor does IPsec. */
static bool is_for_being_together(const struct packed *p, int e) {
  return p->heads[0].msg_hdr.msg_control && (e == EINVAL || e == EIO || e == EOPNOTSUPP || e == EMSGSIZE);
}

void udp_socket_send(struct udp_socket *s) {
  struct packed p;
  while (!list_empty(&s->queue)) {
    int sent = sendmmsg(s->fd, p.heads, pack(s, &p), 0);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && is_for_being_together(&p, errno)) {
      s->udp->together = false;
      continue;
    }
    if (sent < 0) {
      s->failed = errno != EAGAIN;
      if (s->failed) udp_socket_unpool(s);
      udp_socket_watch(s, UV_READABLE | UV_WRITABLE);
      return;
    }
    size_t slots = 0;
    for (int i = 0; i < sent; i++) slots += p.heads[i].msg_hdr.msg_iovlen;
    count_add(s->udp->counters, upstream_udp, slots);
    while (slots-- > 0) udp_socket_unqueue(s, container(s->queue.next, struct slot, link));
  }
}

static void take_reply(struct udp_socket *s, const struct mmsghdr *head, uint64_t now_ms) {
  struct up_udp *u = s->udp;
  const uint8_t *msg = head->msg_hdr.msg_iov->iov_base;
  size_t len = head->msg_len;
  bool whole = len >= DNS_HEADER && !(head->msg_hdr.msg_flags & MSG_TRUNC);
  struct exchange *x = whole ? udp_socket_find(s, load_u16(msg)) : NULL;
  char text[ADDR_TEXT];

  /* a copy */
  if (whole && !x && s->replies && s->answered[load_u16(msg) % ANSWERED] == load_u16(msg)) return;
  s->replies++;
  enum reply_worth worth = x ? exchange_judge(x, msg, len) : REPLY_WRONG;
  if (worth != REPLY_RIGHT) {
    count(u->counters, reply_wrong);
    if (worth == REPLY_CASE_MISMATCH || worth == REPLY_NO_COOKIE) {
      udp_socket_release(s, x);
      x->done(x, worth == REPLY_CASE_MISMATCH ? ERR_CASE_MISMATCH : ERR_COOKIE, NULL, 0, now_ms);
    } else if (s->replies > s->uses + UDP_FORGED) {
      log_warn("upstream", "somebody forges replies of %s: asking over TCP", addr_format(&u->server, text));
      udp_socket_end(s, ERR_FORGED, now_ms);
    }
    return;
  }

  count(u->counters, reply_good);
  s->answered[x->id % ANSWERED] = x->id;
  channel_heard(x, msg, len);
  udp_socket_release(s, x);
  x->done(x, ERR_NONE, msg, len, now_ms);
}

/* Takes replies in; any done may close s. Returns false when the socket reported an error; replies behind
 * it were still taken. */
static bool udp_socket_receive(struct udp_socket *s, uint64_t now_ms) {
  struct inbox *in = s->udp->inbox;
  bool good = true;
  for (int batch = 0; batch < RECV_BATCHES && s->fd >= 0; batch++) {
    int n = recvmmsg(s->fd, in->heads, RECV_BATCH, 0, NULL);
    if (n < 0) {
      if (errno == EAGAIN) break;
      if (errno != EINTR) good = false;
      continue;
    }
    for (int i = 0; i < n; i++) take_reply(s, &in->heads[i], now_ms);
    if (n < RECV_BATCH) break;
  }
  return good;
}

/* libuv reports an ICMP error as status < 0 and has then stopped polling. */
static void on_poll(uv_poll_t *poll, int status, int events) {
  struct udp_socket *s = poll->data;
  must(s->magic == SOCKET_MAGIC);
  uint64_t now_ms = clock_ms();
  bool good = udp_socket_receive(s, now_ms) && status == 0;
  if (s->fd < 0) return;
  if (!good || s->failed) {
    udp_socket_end(s, ERR_UNREACHABLE, now_ms);
  } else if (events & UV_WRITABLE) {
    udp_socket_watch(s, UV_READABLE);
    udp_socket_send(s);
  }
}

/* Binds to a random port. When those tried are taken, connect makes the kernel choose one. */
static void bind_random(struct up_udp *u, int fd) {
  union addr local;
  memset(&local, 0, sizeof local);
  local.any.sa_family = u->server.any.sa_family;
  for (int i = 0; i < BIND_TRIES; i++) {
    uint16_t port = htons((uint16_t)(PORT_MIN + random_below(u->random, 65536 - PORT_MIN)));
    if (local.any.sa_family == AF_INET6) local.v6.sin6_port = port;
    else local.v4.sin_port = port;
    if (bind(fd, &local.any, addr_len(&local)) == 0) return;
  }
}

/* Returns the descriptor or a negative errno. */
static int connect_new(struct up_udp *u) {
  int fd = socket(u->server.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  /* ICMP must not teach the kernel a path's MTU for it: whoever sees that it does learns the port (SAD DNS).
   */
  if (u->server.any.sa_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &(int){IPV6_PMTUDISC_OMIT}, sizeof(int));
  else setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &(int){IP_PMTUDISC_OMIT}, sizeof(int));
  bind_random(u, fd);
  if (connect(fd, &u->server.any, addr_len(&u->server)) == 0) return fd;
  int e = -errno;
  close(fd);
  return e;
}

static void warn_no_socket(struct up_udp *u, int e, uint64_t now_ms) {
  char text[ADDR_TEXT];
  if (u->warned_ms && now_ms - u->warned_ms < WARN_EVERY_MS) return;
  u->warned_ms = now_ms;
  log_warn("upstream", "no socket to ask %s: %s", addr_format(&u->server, text), uv_strerror(e));
}

static void note_lack(struct up_udp *u, int e, uint64_t now_ms) {
  warn_no_socket(u, e, now_ms);
  u->lacking = e == -EMFILE || e == -ENFILE || e == -ENOBUFS || e == -ENOMEM || e == -ENOSPC;
}

struct udp_socket *udp_socket_new(struct up_udp *u, unsigned buckets, uint64_t now_ms) {
  struct udp_socket *s = calloc(1, sizeof *s + buckets * sizeof *s->by_id);
  int fd = s ? connect_new(u) : -ENOMEM;
  int e = fd < 0 ? fd : uv_poll_init(u->loop, &s->poll, fd);

  if (e < 0) {
    note_lack(u, e, now_ms);
    if (fd >= 0) close(fd);
    free(s);
    return NULL;
  }

  u->handles++;
  s->magic = SOCKET_MAGIC;
  s->fd = fd;
  s->poll.data = s;
  s->udp = u;
  list_init(&s->sending);
  list_init(&s->queue);
  s->created_ms = now_ms;
  s->mask = buckets - 1;
  for (unsigned i = 0; i < buckets; i++) list_init(&s->by_id[i]);

  e = watch_start(&s->poll, UV_READABLE, on_poll);
  if (e == 0) return s;
  note_lack(u, e, now_ms);
  udp_socket_close(s);
  return NULL;
}
