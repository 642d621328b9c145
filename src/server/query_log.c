/* query_log.c: "192.0.2.1:40000 udp example.org. SRV NOERROR hit 0 ms", a line a query. Exports query_log_*.
 */
#include "server/query_log.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "dns/question.h"

enum { NOTED_MAGIC = 0x4e4f5445 };

struct logged_query {
  uint32_t magic;
  struct client client;  /* who asked */
  struct client between; /* who gets the answer in his place */
  uint64_t asked_ms;
  const char *how; /* it is answered, as far as is known */
  const struct counters *counters;
  struct counters before;
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
  log_each("query", "%s %s %s %s %s %llu ms", addr_format(&n->client.peer, who),
           n->client.transport == TRANSPORT_TCP ? "tcp" : "udp",
           n->question.name_len ? question_format(&n->question, what) : "-",
           msg && len >= DNS_HEADER ? rcode_format(msg[3] & DNS_RCODE, rcode) : "-", n->how,
           (unsigned long long)took_ms);
}

static struct logged_query *noted_of(const struct client *between) {
  struct logged_query *n = between->owner;
  must(n->magic == NOTED_MAGIC);
  return n;
}

static void noted_free(struct logged_query *n) {
  n->magic = 0;
  free(n);
}

/* ---- later ---- */

/* A callback of the loop led here, but the way has no time with it. */
static void say_late(struct logged_query *n, const struct client *between, const uint8_t *msg, size_t len) {
  uint64_t now_ms = clock_ms();
  if (between->stale) n->how = "stale";
  say(n, msg, len, now_ms > n->asked_ms ? now_ms - n->asked_ms : 0);
}

static void on_deliver(const struct client *between, const uint8_t *msg, size_t len) {
  struct logged_query *n = noted_of(between);
  say_late(n, between, msg, len);
  n->client.deliver(&n->client, msg, len);
  noted_free(n);
}

static void on_cut(const struct client *between, const uint8_t *msg, size_t len, size_t sent) {
  struct logged_query *n = noted_of(between);
  say_late(n, between, msg, len);
  n->client.cut(&n->client, msg, len, sent);
  noted_free(n);
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

struct logged_query *query_log_begin(struct query_log *l, const struct counters *counters, const uint8_t *msg,
                                     size_t len, const struct client *client, uint64_t now_ms) {
  if (l->left > 1) {
    l->left--;
    return NULL;
  }

  struct logged_query *n = malloc(sizeof *n);
  if (!n) return NULL;
  l->left = l->every;
  *n = (struct logged_query){.magic = NOTED_MAGIC,
                             .client = *client,
                             .between = *client,
                             .asked_ms = now_ms,
                             .counters = counters,
                             .before = *counters};
  n->between.deliver = on_deliver;
  n->between.cut = client->cut ? on_cut : NULL;
  n->between.owner = n;
  read_question(&n->question, msg, len);
  return n;
}

const struct client *query_log_client(const struct logged_query *n) { return &n->between; }

/* By what was counted since it was asked; the first that fits. */
static const char *way_of(const struct logged_query *n) {
  const struct counters *a = &n->before, *b = n->counters;
  if (b->miss != a->miss && b->turned_away == a->turned_away) return "miss";
  if (b->stale != a->stale) return "stale";
  if (b->hit != a->hit) return "hit";
  if (b->lab != a->lab) return "zone";
  if (b->malformed != a->malformed) return "malformed";
  if (b->refused != a->refused) return "refused";
  if (b->ignored != a->ignored) return "ignored";
  return "failed";
}

int query_log_end(struct logged_query *n, int len, const uint8_t *out) {
  n->how = way_of(n);
  if (len < 0) return len;
  say(n, out, (size_t)len, 0);
  noted_free(n);
  return len;
}
