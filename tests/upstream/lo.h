/* What the channels' tests share: a loop whose books are checked at its end, servers on loopback,
 * questions that remember what became of them, time that moves when told, and sends that fail when told. */
#ifndef JIDNS_UPSTREAM_LO_H
#define JIDNS_UPSTREAM_LO_H
#include <uv.h>

#include "base/addr.h"
#include "base/counter.h"
#include "base/random.h"
#include "kit/msg.h"
#include "upstream/channel.h"

/* One channel's world. Everything happens in lo_turn, lo_flush and lo_ask. */
struct lo {
  uv_loop_t loop;
  struct counters counters;
  struct random random;
  union addr server;
  int server_fd;           /* a UDP socket, or a TCP socket that listens; blocks for 2 s at most; -1: none */
  struct channel *channel; /* made by the test; lo_end closes it unless it is NULL */
  int fds_before;
};

/* A server of this family (AF_INET, AF_INET6) and type (SOCK_DGRAM, SOCK_STREAM) on a free loopback port.
 * Skips the test when the machine has no such address. */
void lo_start(struct lo *l, int family, int type);

/* Closes the channel and the server; the loop must close, and no descriptor be left open. To be called in
 * the test itself: what fails after it, Criterion does not count. */
void lo_end(struct lo *l);
void lo_close_server(struct lo *l); /* its port is closed then */

void lo_flush(struct lo *l);
void lo_turn(struct lo *l);              /* flush, then one turn of the loop, without waiting */
void lo_turns(struct lo *l, unsigned n); /* that many, 1 ms apart */
int lo_fds(void);                        /* descriptors that are open, more or less by a constant */

/* ---- time and the kernel ---- */

void lo_skip_ms(uint32_t ms); /* all clocks stand still since lo_start, and go only by this */
void lo_sends_fail(int e, unsigned after, unsigned times); /* in sendmmsg, after so many calls */
/* epoll has no room for sockets, after so many more; or has again */
void lo_watches_end(bool end, unsigned after);
void lo_sends_take(unsigned most);             /* messages that a sendmmsg takes; 0: all */
unsigned lo_sends(void);                       /* how many sendmmsg have taken some */
void lo_option_unknown(int level, int option); /* setsockopt does not know it */

/* ---- questions ---- */

struct probe {
  struct exchange x;
  struct question question;
  unsigned called; /* times that done was called */
  enum err outcome;
  size_t len;
  uint8_t msg[DNS_UDP_PLAIN];                     /* the reply's beginning */
  uint8_t last;                                   /* its last octet */
  void (*then)(struct probe *p, uint64_t now_ms); /* called by done, may be NULL */
  struct lo *lo;
};

/* "n<number>.example.lab. A", not yet asked. */
void probe_make(struct probe *p, struct lo *l, unsigned number);
struct probe *probes_new(struct lo *l, unsigned n); /* numbered from 0; to be freed */
enum err probe_ask(struct probe *p);
unsigned probes_called(const struct probe *p, unsigned n);
/* Turns until the n probes were called `want` times in all; fails after 2 s. */
void probes_until(struct probe *p, unsigned n, unsigned want);

/* ---- messages ---- */

/* Turns a question into its reply, in place. */
void reply_make(uint8_t *msg);

/* The question's number, from its name. */
unsigned question_number(const uint8_t *msg);

struct got { /* a datagram at the server */
  union addr from;
  size_t len;
  uint8_t msg[DNS_UDP_MAX + 1];
};
void got_one(struct lo *l, struct got *g);         /* fails the test when nothing comes */
bool got_none(struct lo *l);                       /* nothing is waiting at the server */
void send_back(struct lo *l, const struct got *g); /* g->len octets of g->msg to where it came from */
void answer(struct lo *l, struct got *g);          /* the right reply */
#endif
