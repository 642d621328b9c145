/* query_log.c: "192.0.2.1:40000 udp example.org. SRV NOERROR hit 0 ms", a line a query. Exports query_log_*.
 */
#include "server/query_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/question.h"
#include "server/client_wrap.h"

enum { LOGGED_MAGIC = 0x4c4f4747 };

struct logged_query {
  struct client_wrap wrap;
  uint64_t asked_ms;
  enum served how;          /* it is answered, as far as is known */
  struct question question; /* name_len 0: it can't be read */
};

static const char *rcode_format(unsigned rcode, char text[16]) {
  static const char *const words[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
  if (rcode < sizeof words / sizeof *words) return words[rcode];
  snprintf(text, 16, "RCODE%u", rcode);
  return text;
}

/* msg NULL or len 0: it got no answer. */
static void say(const struct logged_query *n, const uint8_t *msg, size_t len, uint64_t took_ms) {
  char who[ADDR_TEXT], what[QUESTION_TEXT], rcode[16];
  log_each("query", "%s %s %s %s %s %llu ms", addr_format(&n->wrap.client.peer, who),
           transport_is_stream(n->wrap.client.transport) ? "tcp" : "udp",
           n->question.name_len ? question_format(&n->question, what) : "-",
           msg && len >= DNS_HEADER ? rcode_format(msg[3] & DNS_RCODE, rcode) : "-", served_text(n->how),
           (unsigned long long)took_ms);
}

static void logged_query_free(struct logged_query *n) {
  n->wrap.magic = 0;
  free(n);
}

/* ---- later ---- */

/* A callback of the loop led here, but the way has no time with it. */
static struct logged_query *say_late(const struct client *stand_in, const uint8_t *msg, size_t len) {
  struct client_wrap *wrap = client_wrap_of(stand_in, LOGGED_MAGIC);
  struct logged_query *n = container(wrap, struct logged_query, wrap);
  uint64_t now_ms = clock_ms();
  if (wrap->client.stale) n->how = SERVED_STALE;
  say(n, msg, len, now_ms > n->asked_ms ? now_ms - n->asked_ms : 0);
  return n;
}

static void on_deliver(const struct client *stand_in, const uint8_t *msg, size_t len) {
  struct logged_query *n = say_late(stand_in, msg, len);
  n->wrap.client.deliver(&n->wrap.client, msg, len);
  logged_query_free(n);
}

static void on_cut(const struct client *stand_in, const uint8_t *msg, size_t len, size_t sent) {
  struct logged_query *n = say_late(stand_in, msg, len);
  n->wrap.client.cut(&n->wrap.client, msg, len, sent);
  logged_query_free(n);
}

/* ---- at once ---- */

static void read_question(struct question *q, const uint8_t *msg, size_t len) {
  uint8_t name[NAME_MAX_LEN];
  struct wire w = wire_read(msg, len);
  wire_bytes(&w, DNS_HEADER);
  size_t name_len = name_read(&w, name);
  uint16_t type = wire_u16(&w), klass = wire_u16(&w);
  q->name_len = 0;
  if (!w.err) question_make(q, name, name_len, type, klass, 0, 0);
}

struct logged_query *query_log_begin(struct query_log *l, const uint8_t *msg, size_t len,
                                     const struct client *client, uint64_t now_ms) {
  if (l->left > 1) {
    l->left--;
    return NULL;
  }

  struct logged_query *n = malloc(sizeof *n);
  if (!n) return NULL;
  l->left = l->every;
  *n = (struct logged_query){.asked_ms = now_ms};
  client_wrap_init(&n->wrap, client, LOGGED_MAGIC, on_deliver);
  if (client->cut) n->wrap.stand_in.cut = on_cut;
  read_question(&n->question, msg, len);
  return n;
}

const struct client *query_log_client(const struct logged_query *n) { return &n->wrap.stand_in; }

int query_log_end(struct logged_query *n, struct serve_result result, const uint8_t *out) {
  n->how = result.how;
  if (result.len == SERVE_LATER) return SERVE_LATER;
  say(n, out, (size_t)result.len, 0);
  logged_query_free(n);
  return result.len;
}
