/* The query log: what every so many-th query was answered with, and how long that took. */
#ifndef JIDNS_SERVER_QUERY_LOG_H
#define JIDNS_SERVER_QUERY_LOG_H
#include "forward/forward.h"
#include "server/served.h"

enum { QUERY_LOG_MAX = 1000000 };

/* One a worker; zeroed it logs nothing. */
struct query_log {
  uint32_t every; /* 1: each query; 0: none */
  uint32_t left;  /* queries until the next */
};

struct logged_query; /* a query that is logged */

/* Is this one logged? NULL: no, or memory is out. Else serve_query serves query_log_client in the client's
 * place, and has query_log_end look at what came of it. */
struct logged_query *query_log_begin(struct query_log *l, const uint8_t *msg, size_t len,
                                     const struct client *client, uint64_t now_ms);
const struct client *query_log_client(const struct logged_query *n);

/* Logs the answer at out, or, when it comes later, waits for what query_log_client gets. Returns result.len.
 */
int query_log_end(struct logged_query *n, struct serve_result result, const uint8_t *out);
#endif
