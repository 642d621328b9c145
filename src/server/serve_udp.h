/* Clients over UDP: datagrams are taken in, answered and sent by the batch, one system call each way. */
#ifndef JIDNS_SERVER_SERVE_UDP_H
#define JIDNS_SERVER_SERVE_UDP_H
#include <uv.h>

#include "server/listen.h"
#include "server/serve.h"

enum { SERVE_UDP_SOCKETS = 32 };

struct serve_udp;

/* One a worker. loop and serve are borrowed for its life, which ends in the loop's turns after
 * serve_udp_close. NULL when memory is out. */
struct serve_udp *serve_udp_new(uv_loop_t *loop, struct query_service *serve);

/* Answers on l->udp from now on and takes it over (it is then -1 in l). Returns 0 or a negative libuv error:
 * nothing taken. At most SERVE_UDP_SOCKETS. */
int serve_udp_add(struct serve_udp *u, struct listener *l);

/* Asks no more at addr, as it was added: what the kernel holds is answered still, and the socket closes when
 * nobody who asked there waits any more. Harmless when nothing listens there. */
void serve_udp_remove(struct serve_udp *u, const union addr *addr);

/* Sends the late answers gathered since the last flush; called once a turn of the loop. */
void serve_udp_flush(struct serve_udp *u);

/* Takes no more queries; answers to those taken still go out. */
void serve_udp_stop(struct serve_udp *u);

/* Flushes, closes the sockets and frees itself as their handles close. No answer may be owed any more. */
void serve_udp_close(struct serve_udp *u);
#endif
