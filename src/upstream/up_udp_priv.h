/* Inside up_udp: the channel, its sockets, and what either does for the other. */
#ifndef JIDNS_UPSTREAM_UP_UDP_PRIV_H
#define JIDNS_UPSTREAM_UP_UDP_PRIV_H
#include "upstream/up_udp.h"

enum {
  UDP_MAGIC = 0x75647063,
  SOCKET_MAGIC = 0x75647073,
  RECV_BATCH = 32, /* replies a system call */
  ANSWERED = 256   /* ids that a shared socket remembers, by their low bits */
};

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

/* up_udp_socket.c */

/* A connected socket with so many lists of exchanges, a power of two. NULL: none can be had, u->lacking says
 * whether for want of descriptors or memory. */
struct udp_socket *udp_socket_new(struct up_udp *u, unsigned buckets, uint64_t now_ms);
struct exchange *udp_socket_find(struct udp_socket *s, uint16_t id); /* NULL: no exchange has that id */
/* Sends what is queued. What the kernel does not take now waits for room; a failure waits for the loop, so
 * that what done asks for, perhaps of a server flushed before, is flushed in the same loop iteration. */
void udp_socket_send(struct udp_socket *s);
void udp_socket_unqueue(struct udp_socket *s, struct slot *slot);
/* The exchange is no longer under way; the socket closes with its last one, but in the pool. */
void udp_socket_release(struct udp_socket *s, struct exchange *x);
void udp_socket_retire(struct udp_socket *s); /* out of the pool: it gets no further questions */
void up_udp_slot_spare(struct up_udp *u, struct slot *slot);
void up_udp_handle_gone(struct up_udp *u); /* a handle has closed; the last one frees u */
#endif
