/* up_https.c: questions to one server over HTTP/2 and TLS. Exports up_https_new. */
#include "upstream/up_https.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "dns/record.h"
#include "upstream/carrier.h"
#include "upstream/ns.h"

enum {
  HTTPS_MAGIC = 0x68747073,
  CONN_MAGIC = 0x68747063,
  HTTPS_PORT = 443,
  READ_ROOM = 16384,
  WRITE_ROOM = 16384, /* octets that leave in one record of TLS */
  STATUS_TOO_MANY = 429,
  STATUS_UNAVAILABLE = 503
};

struct up_https {
  struct channel channel;
  uint32_t magic;
  uv_loop_t *loop;
  union addr server;
  struct carrier_server secure;
  const struct http2_library *nghttp2;
  struct counters *counters;
  char authority[TLS_NAME + 8], path[NS_PATH];
  struct http2_target target;
  uint32_t idle_ms;   /* connections without questions are closed after so long */
  uint64_t later_ms;  /* the server has asked for no questions until then */
  uv_timer_t timer;   /* runs while there is a connection: see due_ms */
  unsigned handles;   /* open in libuv: the timer and the connections' */
  struct list conns;  /* struct https_conn, the newest first */
  unsigned count;     /* of them */
  unsigned status;    /* the last one that was no success, and that the log had */
  bool is_why_known;  /* the log had how its HTTP/2 failed */
  unsigned fruitless; /* connections in a row that took questions and answered none */
};

struct https_conn {
  uint32_t magic;
  struct up_https *owner;
  struct list link; /* owner's conns */
  struct carrier carrier;
  struct http2 *http;
  bool was_ready;     /* its server has proven who it is */
  bool closed;        /* only libuv's last callbacks are still to come */
  bool is_pinged;     /* since the last octet */
  bool has_news;      /* HTTP/2 may have something to say */
  bool was_fruitless; /* it has ended with questions on it, and had answered none */
  unsigned answers;
  unsigned counted;             /* requests that the counter has */
  uint64_t opened_ms, since_ms; /* since_ms: the last reply, or the first question since none waited */
  uint64_t silent_ms;           /* questions wait, and nothing has come since; 0: none wait */
  uint32_t patience_ms;         /* of the last question: so long its asker waits */
  uint8_t *in;
};

/* A question under way, kept so that it can be asked again. */
struct https_question {
  struct http2_request request;
  struct exchange *x;
  struct https_conn *conn;
  unsigned again; /* times */
  size_t len;
  uint8_t msg[];
};

static struct up_https *https_of(struct channel *c) {
  struct up_https *t = container(c, struct up_https, channel);
  must(t->magic == HTTPS_MAGIC);
  return t;
}

static struct https_conn *conn_of(struct carrier *c) {
  struct https_conn *conn = container(c, struct https_conn, carrier);
  must(conn->magic == CONN_MAGIC);
  return conn;
}

static void handle_gone(struct up_https *t) {
  if (--t->handles) return;
  carrier_server_close(&t->secure);
  t->magic = 0;
  free(t);
}

static void on_gone(struct carrier *c) {
  struct https_conn *conn = conn_of(c);
  struct up_https *t = conn->owner;
  conn->magic = 0;
  http2_free(conn->http);
  free(conn->in);
  free(conn);
  handle_gone(t);
}

static void conn_close(struct https_conn *conn) {
  struct up_https *t = conn->owner;
  if (conn->closed) return;
  conn->closed = true;
  list_remove(&conn->link);
  if (--t->count == 0) uv_timer_stop(&t->timer);
  carrier_close(&conn->carrier);
}

/* ---- when something is due ---- */

static uint64_t ping_ms(const struct https_conn *conn) {
  uint32_t half = conn->patience_ms / 2;
  return conn->silent_ms + (half > UP_HTTPS_PING_MS ? half : UP_HTTPS_PING_MS);
}

/* When questions have waited for too long, for any octet or for a reply: who answers PINGs alone is no server
 * of DNS. */
static uint64_t stalls_ms(const struct https_conn *conn) {
  uint64_t silent_ms = conn->silent_ms ? conn->silent_ms : conn->since_ms;
  uint64_t stall_ms = silent_ms + UP_HTTPS_STALL_MS, hang_ms = conn->since_ms + UP_HTTPS_HANG_MS;
  return stall_ms < hang_ms ? stall_ms : hang_ms;
}

static uint64_t due_ms(const struct https_conn *conn) {
  bool is_left = http2_is_leaving(conn->http) && !http2_open(conn->http);
  if (is_left || http2_has_finished(conn->http) || http2_is_over(conn->http)) return 0;
  uint64_t stall_ms = stalls_ms(conn), ready_ms = carrier_due_ms(&conn->carrier);
  if (!carrier_is_ready(&conn->carrier)) return ready_ms < stall_ms ? ready_ms : stall_ms;
  if (!http2_open(conn->http)) return conn->since_ms + conn->owner->idle_ms;
  return conn->is_pinged || stall_ms < ping_ms(conn) ? stall_ms : ping_ms(conn);
}

static void on_timer(uv_timer_t *timer);

static void timer_set(struct up_https *t, uint64_t now_ms) {
  uint64_t due = UINT64_MAX;
  list_each(node, &t->conns) {
    uint64_t its_ms = due_ms(container(node, struct https_conn, link));
    if (its_ms < due) due = its_ms;
  }
  if (t->count) uv_timer_start(&t->timer, on_timer, due > now_ms ? due - now_ms : 0, 0);
}

/* ---- connections ---- */

static const struct carrier_ops conn_ops;

static enum err conn_new(struct up_https *t, struct https_conn **out) {
  struct https_conn *conn = *out = calloc(1, sizeof *conn);
  if (!conn) return ERR_MEMORY;
  conn->http = http2_new(t->nghttp2, &t->target);
  if (conn->http && carrier_init(&conn->carrier, t->loop, &t->server, &conn_ops, &t->secure)) return ERR_NONE;

  enum err e = conn->http ? ERR_TCP : ERR_MEMORY; /* most likely there are no descriptors */
  http2_free(conn->http);
  free(conn);
  return e;
}

static enum err conn_open(struct up_https *t, uint64_t now_ms) {
  struct https_conn *conn;
  enum err e = conn_new(t, &conn);
  if (e != ERR_NONE) return e;

  t->handles++;
  conn->magic = CONN_MAGIC;
  conn->owner = t;
  conn->opened_ms = conn->since_ms = now_ms;
  list_append(t->conns.next, &conn->link); /* in front */
  t->count++;
  if (carrier_connect(&conn->carrier, &t->server, now_ms)) return ERR_NONE;
  conn_close(conn);
  carrier_server_note(&t->secure, false, ERR_UNREACHABLE, now_ms);
  return ERR_UNREACHABLE;
}

/* Nothing came for as long as this question's asker would wait, not even an answer to a PING; while it
 * connects, which takes two round trips more, that is longer. */
static bool conn_is_stuck(const struct https_conn *conn, const struct exchange *x, uint64_t now_ms) {
  uint32_t most_ms = x->rto_ms ? x->rto_ms : UP_HTTPS_STALL_MS;
  if (!carrier_is_ready(&conn->carrier)) most_ms *= 3;
  return conn->silent_ms && now_ms - conn->silent_ms >= most_ms;
}

/* One more connection, unless the last one has just come to nothing, or there are too many. */
static enum err conn_open_more(struct up_https *t, uint64_t now_ms) {
  if (now_ms < t->secure.rest_until_ms) return t->secure.rest_why;
  unsigned staying = 0;
  list_each(node, &t->conns) staying += !http2_is_leaving(container(node, struct https_conn, link)->http);
  bool has_room = staying < UP_HTTPS_CONNS && t->count < UP_HTTPS_CONNS + UP_HTTPS_LEAVING;
  return has_room ? conn_open(t, now_ms) : ERR_OVERLOAD;
}

/* The connection for one more question: one that answers, else one that is being made, else a new one, else
 * one that is silent. */
static enum err conn_pick(struct up_https *t, struct https_conn **out, const struct exchange *x,
                          uint64_t now_ms) {
  struct https_conn *stuck = NULL, *coming = NULL;
  list_each(node, &t->conns) {
    struct https_conn *conn = container(node, struct https_conn, link);
    if (http2_is_leaving(conn->http)) continue;
    if (conn_is_stuck(conn, x, now_ms)) {
      stuck = conn;
    } else if (!carrier_is_ready(&conn->carrier)) {
      coming = conn;
    } else {
      *out = conn;
      return ERR_NONE;
    }
  }

  *out = coming ? coming : stuck;
  if (coming) return ERR_NONE;
  enum err e = conn_open_more(t, now_ms);
  if (e == ERR_NONE) *out = container(t->conns.next, struct https_conn, link);
  return *out ? ERR_NONE : e;
}

/* ---- questions ---- */

static void question_put(struct https_question *q, struct https_conn *conn, uint64_t now_ms) {
  q->conn = conn;
  q->request.question = q->msg;
  q->request.len = q->len;
  if (!carrier_is_ready(&conn->carrier)) q->x->connects = true;
  if (!http2_open(conn->http)) conn->since_ms = now_ms;
  if (!conn->silent_ms) conn->silent_ms = now_ms;
  conn->patience_ms = q->x->rto_ms;
  http2_ask(conn->http, &q->request);
  conn->has_news = true;
}

/* Puts the question on a connection, a new one if need be. */
static enum err question_join(struct https_question *q, struct up_https *t, uint64_t now_ms) {
  struct https_conn *conn;
  enum err e = conn_pick(t, &conn, q->x, now_ms);

  if (e != ERR_NONE) return e;
  if (http2_open(conn->http) >= UP_HTTPS_OPEN) return ERR_OVERLOAD;
  question_put(q, conn, now_ms);
  timer_set(t, now_ms);
  return ERR_NONE;
}

static void question_free(struct https_question *q) {
  http2_request_free(&q->request);
  q->x->channel = NULL;
  free(q);
}

static void question_failed(struct https_question *q, enum err why, uint64_t now_ms) {
  struct exchange *x = q->x;
  question_free(q);
  x->done(x, why, NULL, 0, now_ms);
}

static bool has_ready(const struct up_https *t) {
  list_each(node, &t->conns) {
    const struct https_conn *conn = container(node, struct https_conn, link);
    if (carrier_is_ready(&conn->carrier) && !http2_is_leaving(conn->http)) return true;
  }
  return false;
}

/* Each connection that ends must have answered something, a server that refuses must stop to, and so must one
 * that cuts this reply short, so that this ends. */
static bool may_ask_again(struct https_question *q, uint64_t now_ms) {
  const struct https_conn *conn = q->conn;
  bool has_ended = conn->closed || http2_is_leaving(conn->http);
  if ((!conn->was_ready && !has_ready(conn->owner)) || now_ms < conn->owner->later_ms) return false;
  bool has_served = has_ended && conn->answers && !q->request.was_cut;
  return has_served || q->again++ < UP_HTTPS_AGAIN;
}

/* One may have been closed for idleness just when the first question came, or reset when its answer was on
 * the way. A server that goes on like this takes connections and does not serve on them. */
static void note_fruitless(struct https_conn *conn, enum err why, uint64_t now_ms) {
  bool has_ended = conn->closed || http2_is_leaving(conn->http);
  if (!conn->was_ready || conn->answers || conn->was_fruitless || !has_ended) return;
  conn->was_fruitless = true;
  if (++conn->owner->fruitless >= UP_HTTPS_AGAIN)
    carrier_server_note(&conn->owner->secure, false, why, now_ms);
}

/* The server has not looked at it, or left it over: another connection gets it. */
static void question_again(struct https_question *q, enum err why, uint64_t now_ms) {
  if (q->request.was_cut) count(q->conn->owner->counters, reply_cut);
  note_fruitless(q->conn, why, now_ms);
  enum err e = may_ask_again(q, now_ms) ? question_join(q, q->conn->owner, now_ms) : why;
  if (e != ERR_NONE) question_failed(q, e, now_ms);
}

static void note_status(struct up_https *t, const struct http2_request *r, uint64_t now_ms) {
  char where[ADDR_TEXT];
  if (r->status != t->status)
    log_warn("upstream", "%s: HTTP status %u instead of an answer", addr_format(&t->server, where),
             r->status);
  t->status = t->secure.facts.status = r->status;
  if (r->status != STATUS_TOO_MANY && r->status != STATUS_UNAVAILABLE) return;

  uint64_t rest_ms = r->retry_after_s ? r->retry_after_s * UINT64_C(1000) : UP_HTTPS_REST_MS;
  t->later_ms = now_ms + (rest_ms < UP_HTTPS_REST_MAX_MS ? rest_ms : UP_HTTPS_REST_MAX_MS);
}

/* A reply is there: a success that is a DNS message to the question, or a failure. */
static void question_replied(struct https_question *q, uint64_t now_ms) {
  struct up_https *t = q->conn->owner;
  struct http2_request *r = &q->request;
  struct exchange *x = q->x;
  bool succeeded = r->status >= 200 && r->status <= 299;

  q->conn->since_ms = now_ms;
  if (!succeeded) note_status(t, r, now_ms);
  if (!succeeded || !r->is_dns || exchange_judge(x, r->body, r->body_len) != REPLY_RIGHT) {
    if (succeeded) count(t->counters, reply_wrong);
    question_failed(q, now_ms < t->later_ms ? ERR_HTTP : ERR_HTTP_ANSWER, now_ms);
    return;
  }

  count(t->counters, reply_good);
  t->status = t->secure.facts.status = 0;
  t->is_why_known = false;
  q->conn->answers++;
  t->fruitless = 0;
  carrier_server_note(&t->secure, true, ERR_NONE, now_ms);
  channel_heard(x, r->body, r->body_len);
  if (r->age_s) record_age(r->body, r->body_len, r->age_s);
  uint8_t *msg = r->body;
  size_t len = r->body_len;
  r->body = NULL;
  question_free(q);
  x->done(x, ERR_NONE, msg, len, now_ms);
  free(msg);
}

/* why: how those end that can't be asked again. */
static void take_finished(struct https_conn *conn, enum err why, uint64_t now_ms) {
  for (struct http2_request *r; (r = http2_finished(conn->http));) {
    struct https_question *q = container(r, struct https_question, request);
    switch (r->outcome) {
    case HTTP2_REPLIED: question_replied(q, now_ms); break;
    case HTTP2_BAD: question_failed(q, ERR_HTTP_ANSWER, now_ms); break;
    case HTTP2_UNTOUCHED:
    case HTTP2_LOST: question_again(q, why, now_ms); break;
    }
  }
}

/* ---- what befalls a connection ---- */

/* Its questions are asked again on another one, or end with that. */
static void conn_leave(struct https_conn *conn, enum err why, uint64_t now_ms) {
  conn_close(conn);
  http2_abandon(conn->http);
  take_finished(conn, why, now_ms);
}

/* The log has it once until the server answers again. */
static void log_why(const struct https_conn *conn) {
  struct up_https *t = conn->owner;
  char where[ADDR_TEXT];
  if (t->is_why_known || !http2_open(conn->http)) return;
  t->is_why_known = true;
  log_info("upstream", "%s: HTTP/2 ends amid questions: %s", addr_format(&t->server, where),
           http2_why(conn->http));
}

/* It is of no more use. */
static void conn_break(struct https_conn *conn, enum err why, uint64_t now_ms) {
  if (conn->closed) return;
  if (!conn->was_ready) carrier_server_note(&conn->owner->secure, false, why, now_ms);
  if (why == ERR_HTTP) log_why(conn);
  conn_leave(conn, why, now_ms);
}

/* Those beside which this one was opened, and on which nothing has come since: what waits there is asked
 * again here. */
static void leave_silent(const struct https_conn *conn, uint64_t now_ms) {
  list_each(node, &conn->owner->conns) {
    struct https_conn *other = container(node, struct https_conn, link);
    if (other == conn || !other->silent_ms || other->silent_ms >= conn->opened_ms) continue;
    conn_leave(other, ERR_TCP, now_ms);
    return; /* done may have closed any of them */
  }
}

static void conn_ready(struct carrier *c, uint64_t now_ms) {
  struct https_conn *conn = conn_of(c);
  conn->was_ready = conn->has_news = true;
  conn->since_ms = now_ms;
  conn->silent_ms = http2_open(conn->http) ? now_ms : 0;
  leave_silent(conn, now_ms);
  timer_set(conn->owner, now_ms);
}

static uv_buf_t conn_room(struct carrier *c) {
  struct https_conn *conn = conn_of(c);
  if (!conn->in) conn->in = malloc(READ_ROOM);
  return uv_buf_init((char *)conn->in, conn->in ? READ_ROOM : 0);
}

static void conn_octets(struct carrier *c, size_t len, uint64_t now_ms) {
  struct https_conn *conn = conn_of(c);
  conn->silent_ms = http2_open(conn->http) ? now_ms : 0;
  conn->is_pinged = false;
  bool good = http2_put(conn->http, conn->in, len);
  conn->has_news = true;
  take_finished(conn, ERR_TCP, now_ms);
  if (!good) conn_break(conn, ERR_HTTP, now_ms);
}

static bool send_octets(struct https_conn *conn, const uint8_t *octets, size_t len) {
  struct carrier_batch *b = len ? carrier_batch_new(len) : NULL;
  if (!b) return len == 0;
  memcpy(b->octets, octets, len);
  return carrier_send(&conn->carrier, b);
}

/* What HTTP/2 has to say. What can't be sent is lost, and with it the connection. */
static void conn_flush(struct https_conn *conn) {
  uint8_t out[WRITE_ROOM];
  size_t len, n = 0;
  bool good = true;
  if (conn->closed || !conn->has_news || !carrier_is_ready(&conn->carrier)) return;
  conn->has_news = false;
  for (const uint8_t *octets; good && (octets = http2_take(conn->http, &len)); n += len) {
    if (n + len > sizeof out) {
      good = send_octets(conn, out, n);
      n = 0;
    }
    if (len > sizeof out) { /* no frame of ours is so long */
      good = false;
      break;
    }
    memcpy(out + n, octets, len);
  }
  if (!good || !send_octets(conn, out, n)) http2_abandon(conn->http);
  count_add(conn->owner->counters, upstream_https, http2_sent(conn->http) - conn->counted);
  conn->counted = http2_sent(conn->http);
}

/* The server has closed it when it was idle: the next one is closed before that. */
static void learn_idle(const struct https_conn *conn, uint64_t now_ms) {
  struct up_https *t = conn->owner;
  uint64_t idle_ms = now_ms - conn->since_ms;
  bool was_idle = conn->was_ready && !http2_open(conn->http) && idle_ms >= CARRIER_IDLE_LEAST_MS;
  if (was_idle) carrier_learn_idle(&t->idle_ms, idle_ms);
}

static void conn_rest(struct carrier *c, uint64_t now_ms) {
  struct https_conn *conn = conn_of(c);
  conn_flush(conn);
  if (conn->closed) return;
  if (!http2_open(conn->http)) conn->silent_ms = 0;
  if (http2_is_leaving(conn->http)) learn_idle(conn, now_ms);
  timer_set(conn->owner, now_ms);
  free(conn->in);
  conn->in = NULL;
}

static void conn_failed(struct carrier *c, enum err why, uint64_t now_ms) {
  struct https_conn *conn = conn_of(c);
  if (conn->closed) return;
  if (why == ERR_NONE) learn_idle(conn, now_ms);
  conn_break(conn, why == ERR_NONE ? ERR_TCP : why, now_ms);
}

static const struct carrier_ops conn_ops = {.ready = conn_ready,
                                            .room = conn_room,
                                            .octets = conn_octets,
                                            .rest = conn_rest,
                                            .failed = conn_failed,
                                            .gone = on_gone};

/* ---- the timer ---- */

/* The server has kept it open for as long as was learnt, so it may keep the next one longer. */
static void forget_idle(const struct https_conn *conn) {
  struct up_https *t = conn->owner;
  if (http2_is_leaving(conn->http) || !conn->was_ready) return;
  t->idle_ms = t->idle_ms < CARRIER_IDLE_MS / 2 ? 2 * t->idle_ms : CARRIER_IDLE_MS;
}

static void conn_due(struct https_conn *conn, uint64_t now_ms) {
  bool is_over = http2_is_over(conn->http);
  take_finished(conn, ERR_TCP, now_ms);
  if (conn->closed || due_ms(conn) > now_ms) return;

  if (is_over) {
    conn_break(conn, ERR_HTTP, now_ms);
  } else if (!carrier_is_ready(&conn->carrier)) {
    conn_break(conn, carrier_expire(&conn->carrier), now_ms);
  } else if (!http2_open(conn->http) || now_ms >= stalls_ms(conn)) {
    if (!http2_open(conn->http)) forget_idle(conn);
    conn_break(conn, ERR_TCP, now_ms);
  } else {
    conn->is_pinged = conn->has_news = true;
    http2_ping(conn->http);
    conn_flush(conn);
  }
}

static struct https_conn *find_due(struct up_https *t, uint64_t now_ms) {
  list_each(node, &t->conns) {
    struct https_conn *conn = container(node, struct https_conn, link);
    if (due_ms(conn) <= now_ms) return conn;
  }
  return NULL;
}

static void on_timer(uv_timer_t *timer) {
  struct up_https *t = timer->data;
  must(t->magic == HTTPS_MAGIC);
  uint64_t now_ms = clock_ms();
  unsigned looks = 2 * (UP_HTTPS_CONNS + UP_HTTPS_LEAVING);
  for (struct https_conn *conn; looks-- && (conn = find_due(t, now_ms));) conn_due(conn, now_ms);
  timer_set(t, now_ms);
}

/* ---- the channel ---- */

static enum err https_ask(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len,
                          uint64_t now_ms) {
  struct up_https *t = https_of(c);
  if (now_ms < t->later_ms) return ERR_HTTP;
  if (!t->count && now_ms < t->secure.rest_until_ms) return t->secure.rest_why;
  must(len >= DNS_HEADER && len <= EXCHANGE_QUERY_MAX);

  struct https_question *q = calloc(1, sizeof *q + len);
  if (!q) return ERR_MEMORY;
  q->x = x;
  q->len = len;
  memcpy(q->msg, msg, len);
  x->id = 0; /* so that caches on the way may serve it (RFC 8484 section 4.1) */
  store_u16(q->msg, x->id);
  enum err e = question_join(q, t, now_ms);
  if (e == ERR_NONE) x->waits_on = q;
  else free(q);
  return e;
}

static void https_drop(struct channel *c, struct exchange *x) {
  struct https_question *q = x->waits_on;
  must(https_of(c) == q->conn->owner);
  http2_drop(q->conn->http, &q->request);
  q->conn->has_news = true;
  question_free(q);
}

static void https_flush(struct channel *c, uint64_t now_ms) {
  struct up_https *t = https_of(c);
  list_each(node, &t->conns) {
    struct https_conn *conn = container(node, struct https_conn, link);
    if (!conn->has_news) continue;
    conn_flush(conn);
    if (due_ms(conn) <= now_ms) timer_set(t, now_ms);
  }
}

static void https_warm(struct channel *c, uint64_t now_ms) {
  struct up_https *t = https_of(c);
  if (!t->count && conn_open(t, now_ms) == ERR_NONE) timer_set(t, now_ms);
}

static const struct channel_facts *https_facts(struct channel *c) {
  struct up_https *t = https_of(c);
  t->secure.facts.open = t->count;
  t->secure.facts.waiting = 0;
  list_each(node, &t->conns) {
    const struct https_conn *conn = container(node, struct https_conn, link);
    t->secure.facts.waiting += http2_open(conn->http);
  }
  return &t->secure.facts;
}

static void https_ends(struct channel *c, const struct exchange *x, union addr *ours, union addr *server) {
  const struct https_question *q = x->waits_on;
  carrier_ours(&q->conn->carrier, ours);
  *server = https_of(c)->server;
}

static void on_timer_closed(uv_handle_t *handle) {
  struct up_https *t = handle->data;
  must(t->magic == HTTPS_MAGIC);
  handle_gone(t);
}

static void https_close(struct channel *c) {
  struct up_https *t = https_of(c);
  list_each(node, &t->conns) conn_close(container(node, struct https_conn, link));
  uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

static const struct channel_ops https_ops = {.ask = https_ask,
                                             .drop = https_drop,
                                             .flush = https_flush,
                                             .warm = https_warm,
                                             .facts = https_facts,
                                             .ends = https_ends,
                                             .close = https_close};

/* "dns.example", "192.0.2.1" or "[2001:db8::1]", with the port unless it is HTTPS's own; a scope says nothing
 * to the server. */
static void write_authority(const struct up_https_server *s, char *out, size_t room) {
  char text[ADDR_TEXT];
  addr_format(s->addr, text);
  char *port = strrchr(text, ':'), *scope = strchr(text, '%');
  if (*s->expect->name) snprintf(out, room, "%s%s", s->expect->name, port);
  else if (scope) snprintf(out, room, "%.*s]%s", (int)(scope - text), text, port);
  else snprintf(out, room, "%s", text);
  if (addr_port(s->addr) == HTTPS_PORT) *strrchr(out, ':') = 0;
}

struct channel *up_https_new(uv_loop_t *loop, const struct up_https_server *server,
                             struct tls_context *context, const struct http2_library *nghttp2,
                             struct counters *counters) {
  struct up_https *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  *t = (struct up_https){.channel.ops = &https_ops,
                         .magic = HTTPS_MAGIC,
                         .loop = loop,
                         .server = *server->addr,
                         .nghttp2 = nghttp2,
                         .counters = counters,
                         .idle_ms = CARRIER_IDLE_MS,
                         .handles = 1};
  snprintf(t->path, sizeof t->path, "%s", server->path);
  write_authority(server, t->authority, sizeof t->authority);
  t->target = (struct http2_target){t->authority, t->path};
  carrier_server_init(&t->secure, context, server->addr, server->expect, "h2", counters);
  t->secure.needs_alpn = true;
  list_init(&t->conns);
  must(uv_timer_init(loop, &t->timer) == 0);
  t->timer.data = t;
  return &t->channel;
}
