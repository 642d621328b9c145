/* Inside the module: what serve_tcp.c (listeners, limits, time-outs) and serve_conn.c (one connection) share.
 */
#ifndef JIDNS_SERVER_SERVE_TCP_PRIV_H
#define JIDNS_SERVER_SERVE_TCP_PRIV_H
#include "base/list.h"
#include "dns/frame.h"
#include "server/serve_tcp.h"

enum {
  CONN_FRAME_MAX = FRAME_HEAD + DNS_MSG_MAX,
  CONN_IN = 65536,               /* octets read at a time */
  CONN_OUT = 2 * CONN_FRAME_MAX, /* octets of answers: written when another may not fit */
  CONN_LINGER_MS = 1000,         /* a stranger's connection lasts so long behind its answer */
  CONN_WRITES = 8                /* of these for one connection a turn: others want theirs too */
};

enum conn_state {
  CONN_OPEN,
  CONN_HALF,    /* the client has sent all that it will: closed when all is answered and sent */
  CONN_LEAVING, /* a stranger that was told so: what it still sends is dropped until it closes too, for a
                   moment */
  CONN_CLOSING, /* its handle is */
  CONN_CLOSED   /* only answers still owed keep it allocated */
};

/* Whose connection it is: the first make room for the last. */
enum tcp_standing {
  TCP_STRANGER, /* may not ask, and is told so */
  TCP_GUEST,
  TCP_LOCAL /* this machine, by loopback */
};

struct octets {
  uint8_t *at; /* NULL while there are none */
  size_t len, capacity;
};

struct serve_conn {
  uint32_t magic;
  enum conn_state state;
  uv_tcp_t tcp;
  struct serve_tcp *owner;
  struct client client;
  enum tcp_standing standing;
  struct list by_age;     /* in owner->conns */
  struct list dirty;      /* in owner->dirty: the flush has something to do */
  struct list ready;      /* in owner->ready: was held up, can go on */
  uint64_t active_ms;     /* when a whole query came, or the client took answers */
  unsigned waiting;       /* questions whose deliver is to come */
  bool held_up;           /* not read from: too much is unsent or waits, or it had its share of this turn */
  size_t unsent;          /* octets that libuv has still to write */
  size_t held;            /* octets of all kinds, as counted in owner->held */
  size_t queue_seen;      /* of them, when last looked at: fewer is progress */
  struct octets unserved; /* received, not served: the beginning of a message, or more while held up */
  struct octets late;     /* frames for the next flush */
};

struct tcp_listener {
  uv_poll_t poll;
  struct serve_tcp *owner; /* NULL: the place is free */
  bool listening;          /* not closing */
  union addr addr;
  int fd;
};

struct serve_tcp {
  uint32_t magic;
  bool stopping;
  uv_loop_t *loop;
  struct query_service *serve;
  struct serve_tcp_policy options;
  struct tcp_listener listeners[SERVE_TCP_LISTENERS];
  unsigned conn_count;
  size_t held;       /* octets that connections hold */
  unsigned handles;  /* not yet closed by libuv */
  struct list conns; /* open ones, the one idle for longest first */
  struct list dirty, ready;
  uv_timer_t age;   /* runs while there are connections */
  uv_timer_t rest;  /* runs while the listeners pause */
  uv_idle_t resume; /* runs while connections are ready */
  uint64_t warned_ms;
  uint8_t in[CONN_IN], out[CONN_OUT]; /* touched only once there are clients */
};

/* Takes fd over, also on failure; counts itself in t. */
void serve_conn_open(struct serve_tcp *t, int fd, const union addr *peer, const union addr *local,
                     enum tcp_standing standing, uint64_t now_ms);
void serve_conn_close(struct serve_conn *c); /* harmless when it is closing already */

void serve_conn_active(struct serve_conn *c, uint64_t now_ms); /* it goes to the end of owner->conns */
bool serve_conn_is_idle(const struct serve_conn *c);           /* owes no answer, has none unsent */
bool serve_conn_took_answers(struct serve_conn *c);            /* since the last call */
void serve_conn_flush(struct serve_conn *c);                   /* sends its late answers */
void serve_conn_resume(struct serve_conn *c,
                       uint64_t now_ms); /* it was ready: serves what it kept, reads on */

/* tcp_limits.c. May one more connection of that standing come from peer? Another one leaves for it if need
 * be.
 */
bool tcp_limits_connection(struct serve_tcp *t, const union addr *peer, enum tcp_standing standing);
/* May c hold so many octets more? Those that have made no progress for longest leave for it if need be, never
 * c itself. */
bool tcp_limits_octets(struct serve_conn *c, size_t more);

/* serve_tcp.c: it is ready to go on in the next turn; a handle of t's has closed. */
void serve_tcp_ready(struct serve_tcp *t, struct serve_conn *c);
enum tcp_standing serve_tcp_standing(const struct query_service *s, const union addr *peer,
                                     const union addr *local);
/* when the next connection's time is over is to be looked at anew */
void serve_tcp_age(struct serve_tcp *t, uint64_t now_ms);
void serve_tcp_handle_gone(struct serve_tcp *t);
#endif
