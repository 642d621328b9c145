/* query_tap.c: clients' queries and their responses, as dnstap messages. Exports query_tap_*. */
#include "server/query_tap.h"

#include <stdlib.h>

#include "server/client_wrap.h"

enum { TAPPED_MAGIC = 0x74617071 };

struct tapped_query {
  struct client_wrap wrap;
  struct tap *tap;
  uint64_t asked_ns;
};

static void tell(const struct tapped_query *n, enum tap_kind kind, const uint8_t *msg, size_t len) {
  struct tap_message m = {.kind = kind,
                          .transport = n->wrap.client.transport,
                          .asking = &n->wrap.client.peer,
                          .answering = &n->wrap.client.local,
                          .query_ns = n->asked_ns,
                          .msg = msg,
                          .len = len};
  if (kind == TAP_CLIENT_RESPONSE) m.response_ns = tap_now_ns();
  tap_write(n->tap, &m);
}

static void tapped_query_free(struct tapped_query *n) {
  n->wrap.magic = 0;
  free(n);
}

/* ---- later ---- */

static struct tapped_query *tapped_of(const struct client *stand_in) {
  return container(client_wrap_of(stand_in, TAPPED_MAGIC), struct tapped_query, wrap);
}

static void on_deliver(const struct client *stand_in, const uint8_t *msg, size_t len) {
  struct tapped_query *n = tapped_of(stand_in);
  if (len) tell(n, TAP_CLIENT_RESPONSE, msg, len);
  n->wrap.client.deliver(&n->wrap.client, msg, len);
  tapped_query_free(n);
}

/* A fault ends the connection amid the answer: the client never has it. */
static void on_cut(const struct client *stand_in, const uint8_t *msg, size_t len, size_t sent) {
  struct tapped_query *n = tapped_of(stand_in);
  n->wrap.client.cut(&n->wrap.client, msg, len, sent);
  tapped_query_free(n);
}

/* ---- at once ---- */

struct tapped_query *query_tap_begin(struct query_tap *t, const uint8_t *msg, size_t len,
                                     const struct client *client) {
  if (!tap_sample_next(&t->tap->client)) return NULL;
  struct tapped_query *n = t->spare ? t->spare : malloc(sizeof *n);
  t->spare = NULL;
  if (!n) return NULL;

  n->tap = t->tap;
  n->asked_ns = tap_now_ns();
  client_wrap_init(&n->wrap, client, TAPPED_MAGIC, on_deliver);
  if (client->cut) n->wrap.stand_in.cut = on_cut;
  if (len) tell(n, TAP_CLIENT_QUERY, msg, len);
  return n;
}

const struct client *query_tap_client(const struct tapped_query *n) { return &n->wrap.stand_in; }

int query_tap_end(struct query_tap *t, struct tapped_query *n, int len, const uint8_t *out) {
  if (len == SERVE_LATER) return len;
  if (len > 0) tell(n, TAP_CLIENT_RESPONSE, out, (size_t)len);
  if (t->spare) tapped_query_free(n);
  else t->spare = n;
  return len;
}

void query_tap_free(struct query_tap *t) {
  free(t->spare);
  t->spare = NULL;
}
