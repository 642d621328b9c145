/* Questions for local zones, and aliases there that lead to names elsewhere. */
#ifndef JIDNS_SERVER_SERVE_ZONES_H
#define JIDNS_SERVER_SERVE_ZONES_H
#include "server/serve.h"

/* What making an answer out of several takes; one a thread. Memory is touched only when there is an alias.
 * NULL: no memory. */
struct serve_zones *serve_zones_new(void);
void serve_zones_free(struct serve_zones *l);

/* As serve_question; SERVED_ELSEWHERE when no zone answers for the name. */
struct serve_result serve_zones(struct query_service *s, const struct query *q, const struct client *client,
                                uint64_t now_ms, uint8_t *out);
#endif
