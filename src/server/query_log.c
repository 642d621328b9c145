/* query_log.c: "192.0.2.1:40000 udp example.org. SRV NOERROR hit 0 ms", a line a query, and a watcher's view
 * of all. Exports query_log_*. */
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
  struct query_log *log;
  uint64_t asked_ms;
  bool is_logged;           /* it gets a line */
  bool is_watched;          /* the watcher knows it, */
  uint32_t token;           /* by this */
  enum served how;          /* it is answered, as far as is known */
  enum err why;             /* it is not */
  bool later, saved;        /* as in query_seen */
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

/* The line, and the watcher's call. */
static void tell(struct logged_query *n, const uint8_t *msg, size_t len, uint64_t now_ms) {
  const struct query_watch *watch = &n->log->watch;
  if (n->is_logged) say(n, msg, len, now_ms > n->asked_ms ? now_ms - n->asked_ms : 0);
  if (!n->is_watched || !watch->answered) return;
  watch->answered(watch->ctx,
                  &(struct query_seen){.token = n->token,
                                       .question = &n->question,
                                       .msg = len >= DNS_HEADER ? msg : NULL,
                                       .len = len,
                                       .how = n->how,
                                       .why = n->why,
                                       .later = n->later,
                                       .saved = n->saved},
                  now_ms);
}

static void logged_query_free(struct logged_query *n) {
  n->wrap.magic = 0;
  free(n);
}

/* ---- later ---- */

/* A callback of the loop led here, but the way has no time with it. */
static struct logged_query *tell_late(const struct client *stand_in, const uint8_t *msg, size_t len) {
  struct client_wrap *wrap = client_wrap_of(stand_in, LOGGED_MAGIC);
  struct logged_query *n = container(wrap, struct logged_query, wrap);
  if (wrap->client.stale) n->how = SERVED_STALE;
  n->why = (enum err)wrap->client.why;
  tell(n, msg, len, n->log->clock ? n->log->clock() : clock_ms());
  return n;
}

static void on_deliver(const struct client *stand_in, const uint8_t *msg, size_t len) {
  struct logged_query *n = tell_late(stand_in, msg, len);
  n->wrap.client.deliver(&n->wrap.client, msg, len);
  logged_query_free(n);
}

static void on_cut(const struct client *stand_in, const uint8_t *msg, size_t len, size_t sent) {
  struct logged_query *n = tell_late(stand_in, msg, len);
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

static void set_on(struct query_log *l) {
  l->is_on = l->every || l->watch.asked;
  if (!l->is_on) query_log_free(l);
}

void query_log_set(struct query_log *l, uint32_t every) {
  l->every = every;
  l->left = 0;
  set_on(l);
}

void query_log_set_watch(struct query_log *l, const struct query_watch *watch) {
  l->watch = watch ? *watch : (struct query_watch){0};
  set_on(l);
}

void query_log_free(struct query_log *l) {
  free(l->spare);
  l->spare = NULL;
}

/* Is this the one of so many that is logged? */
static bool is_due(struct query_log *l) {
  if (!l->every) return false;
  if (l->left > 1) {
    l->left--;
    return false;
  }
  l->left = l->every;
  return true;
}

struct logged_query *query_log_begin(struct query_log *l, const uint8_t *msg, size_t len,
                                     const struct client *client, uint64_t now_ms) {
  bool is_logged = is_due(l);
  if (!is_logged && !l->watch.asked) return NULL;

  struct logged_query *n = l->spare ? l->spare : malloc(sizeof *n);
  l->spare = NULL;
  if (!n) return NULL;
  *n = (struct logged_query){.log = l, .asked_ms = now_ms, .is_logged = is_logged};
  client_wrap_init(&n->wrap, client, LOGGED_MAGIC, on_deliver);
  if (client->cut) n->wrap.stand_in.cut = on_cut;
  read_question(&n->question, msg, len);
  return n;
}

const struct client *query_log_client(const struct logged_query *n) { return &n->wrap.stand_in; }

/* A question that is answered now or later is the watcher's business; what is turned away is not. */
static void show_watcher(struct logged_query *n) {
  const struct query_watch *watch = &n->log->watch;
  n->is_watched = watch->asked && n->question.name_len && n->how < SERVED_MALFORMED;
  if (n->is_watched) n->token = watch->asked(watch->ctx, &n->wrap.client, &n->question, n->asked_ms);
}

int query_log_end(struct logged_query *n, struct serve_result result, bool saved, const uint8_t *out) {
  n->how = result.how;
  show_watcher(n);
  n->later = result.len == SERVE_LATER;
  if (n->later) return SERVE_LATER;
  n->saved = saved;
  if (result.how == SERVED_REJECTED) n->why = n->log->why;
  tell(n, out, (size_t)result.len, n->asked_ms);
  if (n->log->spare) logged_query_free(n);
  else n->log->spare = n;
  return result.len;
}
