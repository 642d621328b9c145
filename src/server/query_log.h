/* The query log: what every so many-th query was answered with, and how long that took; and whoever watches
 * all queries and their answers meanwhile. */
#ifndef JIDNS_SERVER_QUERY_LOG_H
#define JIDNS_SERVER_QUERY_LOG_H
#include "forward/forward.h"
#include "server/served.h"

enum { QUERY_LOG_MAX = 1000000 };

/* A query, and what came of it. All borrowed. */
struct query_seen {
  uint32_t token;                  /* what `asked` returned */
  const struct question *question; /* name_len 0: it can't be read */
  const uint8_t *msg;              /* the answer; NULL: there is none */
  size_t len;
  enum served how;
  enum err why; /* it is SERVFAIL of jidnsd's own; else ERR_NONE */
  bool later;   /* it was waited for */
  bool saved;   /* nobody had asked for it before: it was prefetched or renewed */
};

/* Sees every question that may be asked. */
struct query_watch {
  void *ctx;
  /* It has come in. What this returns, `answered` gets. */
  uint32_t (*asked)(void *ctx, const struct client *client, const struct question *q, uint64_t now_ms);
  void (*answered)(void *ctx, const struct query_seen *s,
                   uint64_t now_ms); /* once for each, unless it ends */
};

struct logged_query; /* a query that is logged or watched */

/* One a worker; zeroed it logs nothing. */
struct query_log {
  bool is_on;                 /* something is logged or watched */
  enum err why;               /* the last query that was turned away: why; serve.c's */
  uint32_t every;             /* 1: each query; 0: none */
  uint32_t left;              /* queries until the next */
  struct query_watch watch;   /* all zero: nobody watches */
  uint64_t (*clock)(void);    /* when answers come that come later; NULL: clock_ms */
  struct logged_query *spare; /* so that answers that are at hand need no malloc; NULL while it is off */
};

/* From now on every so many-th query is logged; 0: none. */
void query_log_set(struct query_log *l, uint32_t every);

/* From now on this one watches; copied; NULL: nobody. Its ctx must live until all queries are answered. */
void query_log_set_watch(struct query_log *l, const struct query_watch *watch);

/* Nobody waits any more. */
void query_log_free(struct query_log *l);

/* Is this one logged or watched? NULL: no, or memory is out. Else serve_query serves query_log_client in the
 * client's place, and has query_log_end look at what came of it. The log is borrowed until then. */
struct logged_query *query_log_begin(struct query_log *l, const uint8_t *msg, size_t len,
                                     const struct client *client, uint64_t now_ms);
const struct client *query_log_client(const struct logged_query *n);

/* Logs the answer at out, or, when it comes later, waits for what query_log_client gets. saved: as in
 * query_seen. Returns result.len. */
int query_log_end(struct logged_query *n, struct serve_result result, bool saved, const uint8_t *out);
#endif
