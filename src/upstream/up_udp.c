/* up_udp.c: questions to one server over UDP: which socket each goes out from. Exports up_udp_new. */
#include "upstream/up_udp.h"

#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "upstream/up_udp_priv.h"

enum {
  BUCKETS = 64,    /* lists of exchanges, by id, of a shared socket: UDP_USES make 31 a list */
  RCVBUF = 1 << 20 /* for the replies to one turn's questions; the kernel gives what it allows */
};
_Static_assert(UDP_USES < 65536 / 4, "a free id must be found in a few draws");

static struct up_udp *udp_of(struct channel *c) {
  struct up_udp *u = container(c, struct up_udp, channel);
  must(u->magic == UDP_MAGIC);
  return u;
}

static void on_calm(uv_timer_t *timer) {
  struct up_udp *u = timer->data;
  must(u->magic == UDP_MAGIC);
  if (clock_ms() < u->busy_until_ms) return;
  for (unsigned i = 0; i < UDP_SOCKETS; i++) {
    if (u->pool[i]) udp_socket_retire(u->pool[i]);
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
    udp_socket_retire(s);
    s = NULL;
  }

  if (!s) {
    s = udp_socket_new(u, BUCKETS, now_ms);
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
  struct udp_socket *s = is_load(u, now_ms) ? pool_draw(u, now_ms) : udp_socket_new(u, 1, now_ms);
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
    up_udp_slot_spare(u, slot);
    return u->lacking ? ERR_OVERLOAD : ERR_UNREACHABLE;
  }

  do x->id = random_u16(u->random);
  while (udp_socket_find(s, x->id));
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
    udp_socket_unqueue(s, slot);
    break;
  }
  udp_socket_release(s, x);
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
    if (!s->failed) udp_socket_send(s);
  }
}

static void on_calm_closed(uv_handle_t *handle) {
  struct up_udp *u = handle->data;
  must(u->magic == UDP_MAGIC);
  up_udp_handle_gone(u);
}

static void udp_close(struct channel *c) {
  struct up_udp *u = udp_of(c);
  must(u->open == 0);
  for (unsigned i = 0; i < UDP_SOCKETS; i++) {
    if (u->pool[i]) udp_socket_retire(u->pool[i]);
  }
  uv_close((uv_handle_t *)&u->calm, on_calm_closed);
}

static void udp_ends(struct channel *c, const struct exchange *x, union addr *ours, union addr *server) {
  const struct udp_socket *s = x->waits_on;
  must(s->magic == SOCKET_MAGIC);
  (void)getsockname(s->fd, &ours->any, &(socklen_t){sizeof *ours});
  *server = udp_of(c)->server;
}

static const struct channel_ops udp_ops = {
    .ask = udp_ask, .drop = udp_drop, .flush = udp_flush, .ends = udp_ends, .close = udp_close};

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
