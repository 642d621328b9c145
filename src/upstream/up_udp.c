/* up_udp.c: questions to one server from connected UDP sockets. Exports up_udp_new. */
#include "upstream/up_udp.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "loop/watch.h"

enum {
  UDP_MAGIC = 0x75647063,
  SOCKET_MAGIC = 0x75647073,
  BUCKETS = 64,     /* lists of exchanges, by id, of a shared socket: UDP_USES make 31 a list */
  SEND_BATCH = 64,  /* questions a system call, and in a message that the kernel cuts: it takes no more */
  RECV_BATCH = 32,  /* replies a system call */
  RECV_BATCHES = 4, /* a wake-up: other sockets of the loop want their turn too */
  BIND_TRIES = 8,   /* of random ports, then the kernel chooses */
  PORT_MIN = 1024,
  RCVBUF = 1 << 20, /* for the replies to one turn's questions; the kernel gives what it allows */
  WARN_EVERY_MS = 10000,
  ANSWERED = 256 /* ids that a shared socket remembers, by their low bits */
};
_Static_assert(UDP_USES < 65536 / 4, "a free id must be found in a few draws");

/* A question on its way to the kernel. */
struct slot {
  struct list link; /* its socket's queue, or the channel's spare */
  struct exchange *x;
  size_t len;
  uint8_t msg[EXCHANGE_QUERY_MAX];
};

/* Where replies are received. Only its pages that were used take memory. */
struct inbox {
  struct mmsghdr heads[RECV_BATCH];
  struct iovec places[RECV_BATCH];
  uint8_t bytes[RECV_BATCH][DNS_UDP_MAX];
};

struct up_udp {
  struct channel channel;
  uint32_t magic;
  uv_loop_t *loop;
  union addr server;
  struct counters *counters;
  struct random *random;
  uv_timer_t calm;               /* runs while there is a pool */
  unsigned handles;              /* open in libuv: calm and the sockets' */
  unsigned open, queued;         /* exchanges under way; those of them not yet sent */
  uint64_t busy_until_ms;        /* under load until then */
  uint64_t window_ms, warned_ms; /* since when asks are counted; when it last warned, 0: never */
  bool lacking;                  /* it was for want of descriptors or memory that there was no socket */
  unsigned asks;                 /* since window_ms */
  struct udp_socket *pool[UDP_SOCKETS]; /* under load; NULL where there is none (yet) */
  struct udp_socket *drawn;             /* of the pool: for this turn's questions; NULL before the first */
  struct list sending;                  /* sockets with something queued */
  struct list spare;                    /* slots */
  bool together;                        /* the kernel takes questions of one length together */
  struct inbox *inbox;
};

/* One connected socket. It is closed when its last exchange is over, unless it is in the pool. */
struct udp_socket {
  uint32_t magic;
  int fd; /* -1: closed, only the handle's close callback is still to come */
  uv_poll_t poll;
  struct up_udp *udp;
  struct list sending; /* udp's */
  struct list queue;   /* slots to be sent */
  unsigned open, uses; /* exchanges: under way, ever */
  unsigned replies;    /* of whatever kind: a server sends no more than it was asked */
  uint64_t created_ms;
  bool pooled, failed; /* failed: its exchanges end with ERR_UNREACHABLE as soon as the loop comes round */
  uint16_t answered[ANSWERED]; /* ids whose reply came: a network that doubles datagrams forges nothing */
  unsigned mask;               /* lists of by_id, a power of two, less one */
  struct list by_id[];
};

static struct up_udp *udp_of(struct channel *c) {
  struct up_udp *u = container(c, struct up_udp, channel);
  must(u->magic == UDP_MAGIC);
  return u;
}

static void handle_gone(struct up_udp *u) {
  if (--u->handles) return;
  for (struct list *node; (node = list_pop(&u->spare));) free(container(node, struct slot, link));
  u->magic = 0;
  free(u->inbox);
  free(u);
}

static void slot_spare(struct up_udp *u, struct slot *slot) {
  list_remove(&slot->link);
  list_append(u->spare.next, &slot->link); /* in front: it is warm in the processor's cache */
}

static void socket_unqueue(struct udp_socket *s, struct slot *slot) {
  slot_spare(s->udp, slot);
  s->udp->queued--;
  if (list_empty(&s->queue)) list_remove(&s->sending);
}

static void on_socket_closed(uv_handle_t *handle) {
  struct udp_socket *s = handle->data;
  must(s->magic == SOCKET_MAGIC && s->open == 0);
  struct up_udp *u = s->udp;
  s->magic = 0;
  free(s);
  handle_gone(u);
}

static void socket_close(struct udp_socket *s) {
  if (s->fd < 0) return;
  list_each(node, &s->queue) socket_unqueue(s, container(node, struct slot, link));
  uv_close((uv_handle_t *)&s->poll, on_socket_closed);
  close(s->fd);
  s->fd = -1;
}

/* Takes s out of the pool: it gets no further questions. */
static void socket_unpool(struct udp_socket *s) {
  struct up_udp *u = s->udp;
  for (unsigned i = 0; s->pooled && i < UDP_SOCKETS; i++) {
    if (u->pool[i] == s) u->pool[i] = NULL;
  }
  if (u->drawn == s) u->drawn = NULL;
  s->pooled = false;
}

static void socket_retire(struct udp_socket *s) {
  socket_unpool(s);
  if (!s->open) socket_close(s);
}

/* The exchange is no longer under way. */
static void socket_release(struct udp_socket *s, struct exchange *x) {
  list_remove(&x->link);
  x->channel = NULL;
  s->open--;
  s->udp->open--;
  if (!s->open && !s->pooled) socket_close(s);
}

static struct exchange *socket_find(struct udp_socket *s, uint16_t id) {
  struct list *bucket = &s->by_id[id & s->mask];
  list_each(node, bucket) {
    struct exchange *x = container(node, struct exchange, link);
    if (x->id == id) return x;
  }
  return NULL;
}

/* Closes it; its exchanges end with `why`. */
static void socket_end(struct udp_socket *s, enum err why, uint64_t now_ms) {
  struct list ending;
  list_init(&ending);
  for (unsigned i = 0; i <= s->mask; i++) {
    for (struct list *node; (node = list_pop(&s->by_id[i]));) list_append(&ending, node);
  }
  socket_unpool(s);
  socket_close(s);
  for (struct list *node; (node = list_pop(&ending));) { /* done may drop others of them */
    struct exchange *x = container(node, struct exchange, link);
    socket_release(s, x);
    x->done(x, why, NULL, 0, now_ms);
  }
}

static void on_poll(uv_poll_t *poll, int status, int events);

/* For other events than before. Where that can't be had nothing comes of its exchanges: they run into their
 * time-outs. */
static void socket_watch(struct udp_socket *s, int events) {
  if (watch_start(&s->poll, events, on_poll) < 0) socket_retire(s);
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

/* Sends what is queued. What the kernel does not take now waits for room; a failure waits for on_poll, so
 * that what done asks for, perhaps of a server flushed before, is flushed in the same loop iteration. */
static void socket_send(struct udp_socket *s) {
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
      if (s->failed) socket_unpool(s);
      socket_watch(s, UV_READABLE | UV_WRITABLE);
      return;
    }
    size_t slots = 0;
    for (int i = 0; i < sent; i++) slots += p.heads[i].msg_hdr.msg_iovlen;
    count_add(s->udp->counters, asked_udp, slots);
    while (slots-- > 0) socket_unqueue(s, container(s->queue.next, struct slot, link));
  }
}

static void take_reply(struct udp_socket *s, const struct mmsghdr *head, uint64_t now_ms) {
  struct up_udp *u = s->udp;
  const uint8_t *msg = head->msg_hdr.msg_iov->iov_base;
  size_t len = head->msg_len;
  bool whole = len >= DNS_HEADER && !(head->msg_hdr.msg_flags & MSG_TRUNC);
  struct exchange *x = whole ? socket_find(s, load_u16(msg)) : NULL;
  char text[ADDR_TEXT];

  /* a copy */
  if (whole && !x && s->replies && s->answered[load_u16(msg) % ANSWERED] == load_u16(msg)) return;
  s->replies++;
  enum reply_worth worth = x ? exchange_judge(x, msg, len) : REPLY_WRONG;
  if (worth != REPLY_RIGHT) {
    count(u->counters, reply_wrong);
    if (worth == REPLY_CASE_MISMATCH || worth == REPLY_NO_COOKIE) {
      socket_release(s, x);
      x->done(x, worth == REPLY_CASE_MISMATCH ? ERR_CASE_MISMATCH : ERR_COOKIE, NULL, 0, now_ms);
    } else if (s->replies > s->uses + UDP_FORGED) {
      log_warn("upstream", "somebody forges replies of %s: asking over TCP", addr_format(&u->server, text));
      socket_end(s, ERR_FORGED, now_ms);
    }
    return;
  }

  count(u->counters, reply_good);
  s->answered[x->id % ANSWERED] = x->id;
  socket_release(s, x);
  x->done(x, ERR_NONE, msg, len, now_ms);
}

/* Takes replies in; any done may close s. Returns false when the socket reported an error; replies behind
 * it were still taken. */
static bool socket_receive(struct udp_socket *s, uint64_t now_ms) {
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
  bool good = socket_receive(s, now_ms) && status == 0;
  if (s->fd < 0) return;
  if (!good || s->failed) {
    socket_end(s, ERR_UNREACHABLE, now_ms);
  } else if (events & UV_WRITABLE) {
    socket_watch(s, UV_READABLE);
    socket_send(s);
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

static struct udp_socket *socket_new(struct up_udp *u, unsigned buckets, uint64_t now_ms) {
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
  socket_close(s);
  return NULL;
}

static void on_calm(uv_timer_t *timer) {
  struct up_udp *u = timer->data;
  must(u->magic == UDP_MAGIC);
  if (clock_ms() < u->busy_until_ms) return;
  for (unsigned i = 0; i < UDP_SOCKETS; i++) {
    if (u->pool[i]) socket_retire(u->pool[i]);
  }
  for (struct list *node; (node = list_pop(&u->spare));) free(container(node, struct slot, link));
  uv_timer_stop(timer);
}

/* The socket for this turn's questions under load. */
static struct udp_socket *pool_draw(struct up_udp *u, uint64_t now_ms) {
  if (u->drawn && u->drawn->uses < UDP_USES) return u->drawn;
  unsigned at = random_below(u->random, UDP_SOCKETS);
  struct udp_socket *s = u->pool[at];
  if (s && (s->uses >= UDP_USES || now_ms - s->created_ms >= UDP_AGE_MS)) {
    socket_retire(s);
    s = NULL;
  }

  if (!s) {
    s = socket_new(u, BUCKETS, now_ms);
    if (!s) return NULL;
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &(int){RCVBUF}, sizeof(int));
    /* A kernel that does not know how to cut would send them uncut. */
    if (setsockopt(s->fd, IPPROTO_UDP, UDP_SEGMENT, &(int){0}, sizeof(int)) != 0) u->together = false;
    s->pooled = true;
    u->pool[at] = s;
    if (!uv_is_active((uv_handle_t *)&u->calm)) uv_timer_start(&u->calm, on_calm, UDP_BUSY_MS, UDP_BUSY_MS);
  }

  u->drawn = s;
  return s;
}

static struct udp_socket *pool_any(struct up_udp *u) {
  for (unsigned i = 0; i < UDP_SOCKETS; i++) {
    if (u->pool[i] && u->pool[i]->open < UDP_USES) return u->pool[i];
  }
  return NULL;
}

static bool is_load(struct up_udp *u, uint64_t now_ms) {
  if (now_ms - u->window_ms >= UDP_BUSY_MS) {
    u->window_ms = now_ms;
    u->asks = 0;
  }
  if (++u->asks > UDP_QUIET_ASKS || u->open >= UDP_QUIET) u->busy_until_ms = now_ms + UDP_BUSY_MS;
  return now_ms < u->busy_until_ms;
}

static struct udp_socket *choose(struct up_udp *u, uint64_t now_ms) {
  struct udp_socket *s = is_load(u, now_ms) ? pool_draw(u, now_ms) : socket_new(u, 1, now_ms);
  return s ? s : pool_any(u); /* out of descriptors: better a shared port than no answer */
}

static struct slot *slot_take(struct up_udp *u) {
  struct list *node = list_pop(&u->spare);
  if (node) return container(node, struct slot, link);
  struct slot *slot = malloc(sizeof *slot);
  if (slot) list_init(&slot->link);
  return slot;
}

static enum err udp_ask(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len,
                        uint64_t now_ms) {
  struct up_udp *u = udp_of(c);
  must(len >= DNS_HEADER && len <= EXCHANGE_QUERY_MAX);
  if (u->queued >= UDP_QUEUED) return ERR_OVERLOAD;
  struct slot *slot = slot_take(u);
  if (!slot) return ERR_MEMORY;
  struct udp_socket *s = choose(u, now_ms);
  if (!s) {
    slot_spare(u, slot);
    return u->lacking ? ERR_OVERLOAD : ERR_UNREACHABLE;
  }

  do x->id = random_u16(u->random);
  while (socket_find(s, x->id));
  x->waits_on = s;
  list_append(&s->by_id[x->id & s->mask], &x->link);
  s->open++;
  s->uses++;
  u->open++;
  slot->x = x;
  slot->len = len;
  memcpy(slot->msg, msg, len);
  store_u16(slot->msg, x->id);
  list_append(&s->queue, &slot->link);
  u->queued++;
  if (list_empty(&s->sending)) list_append(&u->sending, &s->sending);
  return ERR_NONE;
}

static void udp_drop(struct channel *c, struct exchange *x) {
  must(udp_of(c)->open > 0);
  struct udp_socket *s = x->waits_on;
  must(s->magic == SOCKET_MAGIC);
  list_each(node, &s->queue) {
    struct slot *slot = container(node, struct slot, link);
    if (slot->x != x) continue;
    socket_unqueue(s, slot);
    break;
  }
  socket_release(s, x);
}

/* Once a loop iteration, after all replies, queries and timers were looked at: what they asked of this server
 * leaves, from each socket with one sendmmsg. So the sending costs the less the more there is to send, and
 * under load the next iteration's questions go out from a socket that is drawn anew. */
static void udp_flush(struct channel *c, uint64_t now_ms) {
  (void)now_ms;
  struct up_udp *u = udp_of(c);
  u->drawn = NULL;
  list_each(node, &u->sending) {
    struct udp_socket *s = container(node, struct udp_socket, sending);
    if (!s->failed) socket_send(s);
  }
}

static void on_calm_closed(uv_handle_t *handle) {
  struct up_udp *u = handle->data;
  must(u->magic == UDP_MAGIC);
  handle_gone(u);
}

static void udp_close(struct channel *c) {
  struct up_udp *u = udp_of(c);
  must(u->open == 0);
  for (unsigned i = 0; i < UDP_SOCKETS; i++) {
    if (u->pool[i]) socket_retire(u->pool[i]);
  }
  uv_close((uv_handle_t *)&u->calm, on_calm_closed);
}

static const struct channel_ops udp_ops = {
    .ask = udp_ask, .drop = udp_drop, .flush = udp_flush, .close = udp_close};

struct channel *up_udp_new(uv_loop_t *loop, const union addr *server, struct counters *counters,
                           struct random *random) {
  struct up_udp *u = calloc(1, sizeof *u);
  struct inbox *in = malloc(sizeof *in);

  if (!u || !in) {
    free(u);
    free(in);
    return NULL;
  }

  for (unsigned i = 0; i < RECV_BATCH; i++) {
    in->places[i] = (struct iovec){.iov_base = in->bytes[i], .iov_len = sizeof in->bytes[i]};
    in->heads[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &in->places[i], .msg_iovlen = 1}};
  }

  *u = (struct up_udp){.channel.ops = &udp_ops,
                       .magic = UDP_MAGIC,
                       .loop = loop,
                       .server = *server,
                       .counters = counters,
                       .random = random,
                       .handles = 1,
                       .together = true,
                       .inbox = in};
  must(uv_timer_init(loop, &u->calm) == 0);
  u->calm.data = u;
  list_init(&u->sending);
  list_init(&u->spare);
  return &u->channel;
}
