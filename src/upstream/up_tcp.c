/* up_tcp.c: questions to one server over a TCP connection, or a few. Exports up_tcp_new. */
#include "upstream/up_tcp.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/must.h"
#include "dns/edns.h"
#include "dns/frame.h"
#include "upstream/carrier.h"

enum {
  TCP_MAGIC = 0x74637063,
  CONN_MAGIC = 0x7463706e,
  BUCKETS = 64,      /* lists of exchanges, by id */
  READ_ROOM = 16384, /* octets; more only for a frame that is longer */
  CUT_MOST = 1,      /* a question whose reply was cut short is asked again so often, */
  CUT_TLS_MOST = 3   /* ... of an encrypted server */
};
_Static_assert(UP_TCP_OPEN < 65536 / 4, "a free id must be found in a few draws");

struct up_tcp {
  struct channel channel;
  uint32_t magic;
  uv_loop_t *loop;
  union addr server;
  bool is_encrypted;
  struct carrier_server secure; /* of an encrypted one */
  uint32_t idle_ms;             /* connections without questions are closed after so long */
  struct counters *counters;
  struct random *random;
  uv_timer_t timer;  /* runs while there is a connection: stall or idleness, see due_ms */
  unsigned handles;  /* open in libuv: the timer and the connections' */
  struct list conns; /* struct tcp_conn, the newest first */
  unsigned count;    /* of them */
  unsigned most; /* questions that the server answers on one connection before it closes it; 0: no such bound
                    is known */
};

struct tcp_conn {
  uint32_t magic;
  struct up_tcp *owner;
  struct list link; /* owner's conns */
  struct carrier carrier;
  bool was_ready;  /* of an encrypted one: its server has proven who it is */
  bool closed;     /* only libuv's last callbacks are still to come */
  bool unsendable; /* what was put on it could not be sent: it is given up with the next turn */
  bool slow;       /* a reply that began did not go on: it gets no further questions */
  unsigned asked,
      replies;      /* questions put on it, frames received: a server sends no more than it was asked */
  unsigned answers; /* of the frames: right replies */
  unsigned left;    /* questions that waited when the last of them came */
  unsigned open;    /* exchanges that wait on it */
  uint64_t opened_ms;
  uint64_t since_ms;  /* the last right reply, or the first question since none waited */
  uint32_t idle_ms;   /* it is closed after so long without questions */
  uint64_t silent_ms; /* the first question since the last octet received, 0: none */
  struct list unsent; /* struct tcp_question */
  uint8_t *in;        /* received: the beginning of a frame */
  size_t in_len, in_room;
  uint64_t begun_ms; /* when its first octet came */
  struct list by_id[BUCKETS];
};

/* A question under way, kept so that it can be asked again. */
struct tcp_question {
  struct exchange *x;
  struct tcp_conn *conn;
  struct list unsent; /* conn's, until written */
  uint8_t cut;        /* times that its reply had begun when its connection broke */
  bool fresh;         /* its connection broke before it had answered anything: the same */
  size_t len;
  uint8_t frame[];
};

static struct up_tcp *tcp_of(struct channel *c) {
  struct up_tcp *t = container(c, struct up_tcp, channel);
  must(t->magic == TCP_MAGIC);
  return t;
}

static struct tcp_conn *conn_of(struct carrier *c) {
  struct tcp_conn *conn = container(c, struct tcp_conn, carrier);
  must(conn->magic == CONN_MAGIC);
  return conn;
}

static void handle_gone(struct up_tcp *t) {
  if (--t->handles) return;
  if (t->is_encrypted) carrier_server_close(&t->secure);
  t->magic = 0;
  free(t);
}

static void on_gone(struct carrier *c) {
  struct tcp_conn *conn = conn_of(c);
  struct up_tcp *t = conn->owner;
  must(conn->open == 0);
  conn->magic = 0;
  free(conn->in);
  free(conn);
  handle_gone(t);
}

/* What was received stays readable until on_gone: this may run inside a done that still reads it. */
static void conn_close(struct tcp_conn *conn) {
  struct up_tcp *t = conn->owner;
  if (conn->closed) return;
  conn->closed = true;
  list_remove(&conn->link);
  if (--t->count == 0) uv_timer_stop(&t->timer);
  if (t->count == 0 && conn->answers) t->secure.rest_until_ms = 0; /* what failed was one more beside it */
  carrier_close(&conn->carrier);
}

static struct exchange *conn_find(struct tcp_conn *conn, uint16_t id) {
  struct list *bucket = &conn->by_id[id % BUCKETS];
  list_each(node, bucket) {
    struct exchange *x = container(node, struct exchange, link);
    if (x->id == id) return x;
  }
  return NULL;
}

/* It was asked as much as the server answers on one connection. */
static bool conn_is_full(const struct tcp_conn *conn) {
  return conn->owner->most && conn->asked >= conn->owner->most;
}

/* A reply has begun, and nobody has yet said that it is slow. */
static bool conn_is_amid(const struct tcp_conn *conn) { return conn->in_len && !conn->slow; }

static uint64_t due_ms(const struct tcp_conn *conn) {
  if (conn->unsendable) return 0;
  uint64_t stall_ms = conn->since_ms + UP_TCP_STALL_MS, slow_ms = conn->begun_ms + UP_TCP_SLOW_MS;
  uint64_t ready_ms = carrier_due_ms(&conn->carrier);
  if (!carrier_is_ready(&conn->carrier)) return ready_ms < stall_ms ? ready_ms : stall_ms;
  if (conn->open) return conn_is_amid(conn) && slow_ms < stall_ms ? slow_ms : stall_ms;
  return conn->since_ms +
         (conn_is_full(conn) && conn->idle_ms > UP_TCP_LIMIT_MS ? UP_TCP_LIMIT_MS : conn->idle_ms);
}

static void on_timer(uv_timer_t *timer);

static void timer_set(struct up_tcp *t, uint64_t now_ms) {
  uint64_t due = UINT64_MAX;
  list_each(node, &t->conns) {
    uint64_t its_ms = due_ms(container(node, struct tcp_conn, link));
    if (its_ms < due) due = its_ms;
  }
  if (t->count) uv_timer_start(&t->timer, on_timer, due > now_ms ? due - now_ms : 0, 0);
}

static void note_outcome(struct up_tcp *t, bool good, enum err why, uint64_t now_ms) {
  if (t->is_encrypted) carrier_server_note(&t->secure, good, why, now_ms);
}

static const struct carrier_ops conn_ops;

static enum err conn_open(struct up_tcp *t, uint64_t now_ms) {
  struct tcp_conn *conn = calloc(1, sizeof *conn);
  if (!conn) return ERR_MEMORY;
  if (!carrier_init(&conn->carrier, t->loop, &t->server, &conn_ops, t->is_encrypted ? &t->secure : NULL)) {
    free(conn);
    return ERR_TCP;
  }

  t->handles++;
  conn->magic = CONN_MAGIC;
  conn->owner = t;
  conn->opened_ms = conn->since_ms = now_ms;
  conn->idle_ms = t->idle_ms;
  list_init(&conn->unsent);
  for (unsigned i = 0; i < BUCKETS; i++) list_init(&conn->by_id[i]);
  list_append(t->conns.next, &conn->link); /* in front */
  t->count++;
  if (carrier_connect(&conn->carrier, &t->server, now_ms)) return ERR_NONE;
  enum err why = t->is_encrypted ? t->secure.facts.failed : ERR_TCP;
  note_outcome(t, false, why, now_ms);
  conn_close(conn);
  return why;
}

/* Every question on it was dropped, and for so long not an octet came: the server may be gone. */
static bool conn_is_suspect(const struct tcp_conn *conn, uint64_t now_ms) {
  return !conn->open && conn->silent_ms && now_ms - conn->silent_ms >= UP_TCP_STALL_MS;
}

/* It does not take what is sent. */
static bool conn_is_choked(const struct tcp_conn *conn) {
  return carrier_unsent(&conn->carrier) > UP_TCP_UNSENT;
}

/* How long nothing may come while questions wait. An encrypted server has nothing beside this connection, so
 * it is what whoever asks has patience for; to connect takes two round trips more. */
static uint32_t silence_most_ms(const struct tcp_conn *conn, const struct exchange *x) {
  if (!conn->owner->is_encrypted || !x->rto_ms) return UP_TCP_SLOW_MS;
  return carrier_is_ready(&conn->carrier) ? x->rto_ms : 3 * x->rto_ms;
}

/* Questions wait, and for a while not an octet came: who answers in turn may be at one that takes long. */
static bool conn_is_stuck(const struct tcp_conn *conn, const struct exchange *x, uint64_t now_ms) {
  return conn->open && conn->silent_ms && now_ms - conn->silent_ms >= silence_most_ms(conn, x);
}

/* Places for one more connection: those that nothing can be expected of leave. */
static bool has_room(struct up_tcp *t) {
  list_each(node, &t->conns) {
    struct tcp_conn *conn = container(node, struct tcp_conn, link);
    if (t->count == UP_TCP_CONNS && !conn->open && conn_is_full(conn)) conn_close(conn);
  }
  return t->count < UP_TCP_CONNS;
}

/* The connection for one more question: one that answers; else one that is being made, or a new one; else, of
 * those that there are, the one with the fewest. */
static enum err conn_pick(struct up_tcp *t, struct tcp_conn **out, const struct exchange *x,
                          uint64_t now_ms) {
  struct tcp_conn *stuck = NULL, *least = NULL, *coming = NULL;
  list_each(node, &t->conns) {
    struct tcp_conn *conn = container(node, struct tcp_conn, link);
    if (conn_is_suspect(conn, now_ms)) {
      conn_close(conn);
    } else if (conn->slow || conn_is_full(conn)) {
      if (!least || conn->open < least->open) least = conn;
    } else if (conn_is_stuck(conn, x, now_ms)) {
      stuck = conn;
    } else if (!carrier_is_ready(&conn->carrier)) {
      coming = conn;
    } else {
      *out = conn;
      return ERR_NONE;
    }
  }

  bool rests = now_ms < t->secure.rest_until_ms;
  *out = coming ? coming : stuck;
  if (coming) return ERR_NONE;
  if (stuck && (rests || t->count >= UP_TCP_BESIDE)) return ERR_NONE;
  *out = least;
  if (least && (rests || !has_room(t))) return ERR_NONE;

  enum err e = conn_open(t, now_ms);
  if (e != ERR_NONE) {
    *out = stuck;
    return stuck ? ERR_NONE : e;
  }

  *out = container(t->conns.next, struct tcp_conn, link);
  return ERR_NONE;
}

/* Puts the question on that connection, with an id that is free there. */
static void question_put(struct tcp_question *q, struct tcp_conn *conn, uint64_t now_ms) {
  do q->x->id = random_u16(conn->owner->random);
  while (conn_find(conn, q->x->id));
  store_u16(q->frame + FRAME_HEAD, q->x->id);
  q->conn = conn;
  list_append(&conn->by_id[q->x->id % BUCKETS], &q->x->link);
  list_append(&conn->unsent, &q->unsent);
  if (!conn->silent_ms) conn->silent_ms = now_ms;
  conn->asked++;
  if (!carrier_is_ready(&conn->carrier)) q->x->connects = true;
  if (conn->open++ == 0) conn->since_ms = now_ms;
}

/* Puts the question on a connection, a new one if need be. */
static enum err question_join(struct tcp_question *q, struct up_tcp *t, uint64_t now_ms) {
  struct tcp_conn *conn;
  enum err e = conn_pick(t, &conn, q->x, now_ms);

  if (e != ERR_NONE) return e;
  if (conn->open >= UP_TCP_OPEN || conn_is_choked(conn)) return ERR_OVERLOAD;
  question_put(q, conn, now_ms);
  timer_set(t, now_ms);
  return ERR_NONE;
}

/* Takes the question off its connection. */
static void question_leave(struct tcp_question *q) {
  list_remove(&q->x->link);
  list_remove(&q->unsent);
  q->conn->open--;
}

static void question_free(struct tcp_question *q) {
  q->x->channel = NULL;
  free(q);
}

static bool reply_has_begun(const struct tcp_conn *conn, uint16_t id) {
  return conn->in_len >= FRAME_HEAD + sizeof id && load_u16(conn->in + FRAME_HEAD) == id;
}

/* A server may close behind any answer; what it leaves over is asked again (RFC 7766 section 6.2.4). Each
 * connection must have answered something, so that this ends; and a reply that was cut short is asked for
 * once more only, or of an encrypted server, which has no other way, a few times. */
static bool may_ask_again(const struct tcp_conn *conn, struct tcp_question *q) {
  /* nothing of it was sent: those beside which this one was opened may yet answer */
  if (conn->owner->is_encrypted && !conn->was_ready) return conn->owner->count > 0;
  /* an encrypted one is made before there are questions, and may be closed just when the first one comes */
  bool is_fresh = !conn->answers && conn->owner->is_encrypted && conn->was_ready && !q->fresh;
  if ((!conn->answers && !is_fresh) || q->cut >= (conn->owner->is_encrypted ? CUT_TLS_MOST : CUT_MOST))
    return false;
  q->fresh |= is_fresh;
  q->cut += reply_has_begun(conn, q->x->id);
  return true;
}

/* The questions go to another connection where that may be; those that can't stay in the list. */
static void questions_move(struct tcp_conn *conn, struct list *questions, uint64_t now_ms) {
  struct list staying;
  list_init(&staying);
  for (struct list *node; (node = list_pop(questions));) {
    struct exchange *x = container(node, struct exchange, link);
    struct tcp_question *q = x->waits_on;
    question_leave(q);
    if (may_ask_again(conn, q) && question_join(q, conn->owner, now_ms) == ERR_NONE) continue;
    list_append(&staying, &x->link);
    conn->open++;
  }
  for (struct list *node; (node = list_pop(&staying));) list_append(questions, node);
}

/* It is of no more use: its questions are asked again on another one, or end with that. */
static void conn_break(struct tcp_conn *conn, enum err why, uint64_t now_ms) {
  struct list ending;
  list_init(&ending);
  if (conn->closed) return;
  if (!conn->was_ready) note_outcome(conn->owner, false, why, now_ms);
  for (unsigned i = 0; i < BUCKETS; i++) {
    for (struct list *node; (node = list_pop(&conn->by_id[i]));) {
      bool was_cut = reply_has_begun(conn, container(node, struct exchange, link)->id);
      if (was_cut) count(conn->owner->counters, reply_cut);
      list_append(was_cut ? ending.next : &ending, node); /* first in turn the next time */
    }
  }

  conn_close(conn);
  questions_move(conn, &ending, now_ms);
  bool in_vain = conn->was_ready && !conn->answers && !list_empty(&ending);
  if (in_vain) note_outcome(conn->owner, false, why, now_ms);
  while (!list_empty(&ending)) { /* done may drop others of them */
    struct exchange *x = container(ending.next, struct exchange, link);
    struct tcp_question *q = x->waits_on;
    question_leave(q);
    question_free(q);
    x->done(x, why, NULL, 0, now_ms);
  }
}

/* The server has closed it behind an answer while others were waited for, and cut no reply short: that is how
 * many it gives. One that closes an idle connection says nothing of the kind. */
static void learn_limit(const struct tcp_conn *conn) {
  if (conn->open && conn->left && !conn->in_len) conn->owner->most = conn->answers;
}

/* A reply stands still: the other questions go to another connection, its own waits on. */
static void conn_leave_behind(struct tcp_conn *conn, uint64_t now_ms) {
  struct list leaving;
  list_init(&leaving);
  conn->slow = true;
  for (unsigned i = 0; i < BUCKETS; i++) {
    list_each(node, &conn->by_id[i]) {
      struct exchange *x = container(node, struct exchange, link);
      /* no id of the reply is there yet */
      bool may_be_its = conn->in_len < FRAME_HEAD + 2 && conn->open == 1;
      if (reply_has_begun(conn, x->id) || may_be_its) continue;
      list_remove(&x->link);
      list_append(&leaving, &x->link);
    }
  }

  while (!list_empty(&leaving)) { /* done may drop others of them */
    struct exchange *x = container(leaving.next, struct exchange, link);
    struct tcp_question *q = x->waits_on;
    question_leave(q);
    if (question_join(q, conn->owner, now_ms) == ERR_NONE) continue;
    question_free(q);
    x->done(x, ERR_TCP, NULL, 0, now_ms);
  }
}

/* The server has kept it open for as long as was learnt, so it may keep the next one longer. */
static void forget_idle(const struct tcp_conn *conn) {
  struct up_tcp *t = conn->owner;
  bool was_learnt = conn->idle_ms == t->idle_ms; /* else the server itself has said how long */
  if (was_learnt && t->is_encrypted && t->idle_ms < CARRIER_IDLE_MS / 2) t->idle_ms *= 2;
}

/* Its time is over; or a reply on it is slow; or the server does not close behind so many answers, after all.
 */
static void conn_due(struct tcp_conn *conn, uint64_t now_ms) {
  bool is_ready = carrier_is_ready(&conn->carrier);
  bool over = now_ms >= conn->since_ms + (conn->open ? UP_TCP_STALL_MS : conn->idle_ms);
  if (is_ready && over && !conn->open) forget_idle(conn);
  if (conn->unsendable) conn_break(conn, ERR_TCP, now_ms);
  else if (!is_ready) conn_break(conn, carrier_expire(&conn->carrier), now_ms);
  else if (over) conn_break(conn, ERR_TCP, now_ms);
  else if (conn->open) conn_leave_behind(conn, now_ms);
  else conn->owner->most = 0;
}

static struct tcp_conn *find_due(struct up_tcp *t, uint64_t now_ms) {
  list_each(node, &t->conns) {
    struct tcp_conn *conn = container(node, struct tcp_conn, link);
    if (due_ms(conn) <= now_ms) return conn;
  }
  return NULL;
}

static void on_timer(uv_timer_t *timer) {
  struct up_tcp *t = timer->data;
  must(t->magic == TCP_MAGIC && t->count);
  uint64_t now_ms = clock_ms();
  /* what a done asks anew is not due at once, but nothing here relies on that */
  unsigned looks = 2 * UP_TCP_CONNS;
  for (struct tcp_conn *conn; looks-- && (conn = find_due(t, now_ms));) conn_due(conn, now_ms);
  timer_set(t, now_ms);
}

/* The server says how long it keeps an idle connection (RFC 7828): it should not have to close it itself. */
static void note_keepalive(struct tcp_conn *conn, const uint8_t *msg, size_t len) {
  size_t n;
  const uint8_t *octets = edns_option(msg, len, OPT_KEEPALIVE, &n);
  if (!octets || n != 2) return;
  uint32_t most_ms = load_u16(octets) * 100u;
  uint32_t ours_ms = conn->owner->is_encrypted ? CARRIER_IDLE_MS : UP_TCP_IDLE_MS;
  conn->idle_ms = most_ms < ours_ms ? most_ms : ours_ms;
}

/* The server has closed it when it was idle: the next one is closed before that. */
static void learn_idle(const struct tcp_conn *conn, uint64_t now_ms) {
  struct up_tcp *t = conn->owner;
  if (t->is_encrypted && !conn->open) carrier_learn_idle(&t->idle_ms, now_ms - conn->since_ms);
}

/* Those beside which this one was opened, and on which nothing has come since: what waits there is asked
 * again here. */
static void leave_silent(struct tcp_conn *conn, uint64_t now_ms) {
  list_each(node, &conn->owner->conns) {
    struct tcp_conn *other = container(node, struct tcp_conn, link);
    if (other == conn || !other->silent_ms || other->silent_ms > conn->opened_ms) continue;
    for (unsigned i = 0; i < BUCKETS; i++) {
      list_each(place, &other->by_id[i]) {
        struct tcp_question *q = container(place, struct exchange, link)->waits_on;
        question_leave(q);
        question_put(q, conn, now_ms);
      }
    }
    conn_close(other);
  }
}

static void take_reply(struct tcp_conn *conn, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct counters *counters = conn->owner->counters;
  struct exchange *x = len >= DNS_HEADER ? conn_find(conn, load_u16(msg)) : NULL;

  conn->replies++;
  if (!x || exchange_judge(x, msg, len) != REPLY_RIGHT) {
    count(counters, reply_wrong);
    return;
  }

  count(counters, reply_good);
  conn->since_ms = now_ms;
  if (++conn->answers > conn->owner->most) conn->owner->most = 0;
  if (conn->answers == 1) note_outcome(conn->owner, true, ERR_NONE, now_ms);
  note_keepalive(conn, msg, len);
  channel_heard(x, msg, len);
  struct tcp_question *q = x->waits_on;
  question_leave(q);
  question_free(q);
  conn->left = conn->open;
  if (conn->owner->is_encrypted && conn->owner->count > 1) leave_silent(conn, now_ms);
  x->done(x, ERR_NONE, msg, len, now_ms);
}

/* Octets that the frame begun at conn->in takes, as far as that is known. */
static size_t frame_need(const struct tcp_conn *conn) {
  return conn->in_len < FRAME_HEAD ? FRAME_HEAD : FRAME_HEAD + (size_t)load_u16(conn->in);
}

static uv_buf_t conn_room(struct carrier *c) {
  struct tcp_conn *conn = conn_of(c);
  size_t need = frame_need(conn), room = need > READ_ROOM ? need : READ_ROOM;
  if (conn->in_room < room) {
    uint8_t *in = realloc(conn->in, room);
    if (!in) return (uv_buf_t){0}; /* makes libuv report UV_ENOBUFS */
    conn->in = in;
    conn->in_room = room;
  }
  return uv_buf_init((char *)conn->in + conn->in_len, (unsigned)(conn->in_room - conn->in_len));
}

/* Gives out the whole frames that were received; any done may close the connection. */
static void take_frames(struct tcp_conn *conn, uint64_t now_ms) {
  size_t at = 0, msg_len;
  for (size_t took; (took = frame_next(conn->in + at, conn->in_len - at, &msg_len)); at += took) {
    take_reply(conn, conn->in + at + FRAME_HEAD, msg_len, now_ms);
    if (conn->closed) return;
    if (conn->replies > conn->asked + UP_TCP_WRONG) {
      conn_break(conn, ERR_TCP, now_ms);
      return;
    }
  }
  conn->in_len -= at;
  if (at) conn->begun_ms = now_ms;
  if (at) conn->slow = false;
  memmove(conn->in, conn->in + at, conn->in_len);
}

static void conn_octets(struct carrier *c, size_t len, uint64_t now_ms) {
  struct tcp_conn *conn = conn_of(c);
  if (!conn->in_len) conn->begun_ms = now_ms;
  conn->in_len += len;
  conn->silent_ms = 0;
  take_frames(conn, now_ms);
}

static void conn_rest(struct carrier *c, uint64_t now_ms) {
  struct tcp_conn *conn = conn_of(c);
  if (conn->closed) return;
  if (conn->open && !conn->silent_ms) conn->silent_ms = now_ms;
  timer_set(conn->owner, now_ms);
  if (conn->in_len) return;
  free(conn->in);
  conn->in = NULL;
  conn->in_room = 0;
}

/* It is encrypted, and the server is who it should be: what waits leaves with the next flush. */
static void conn_ready(struct carrier *c, uint64_t now_ms) {
  struct tcp_conn *conn = conn_of(c);
  conn->was_ready = true;
  conn->since_ms = now_ms;
  conn->silent_ms = conn->open ? now_ms : 0;
  timer_set(conn->owner, now_ms);
}

static void conn_failed(struct carrier *c, enum err why, uint64_t now_ms) {
  struct tcp_conn *conn = conn_of(c);
  if (conn->closed) return;
  if (why == ERR_NONE) {
    learn_limit(conn);
    learn_idle(conn, now_ms);
  }
  conn_break(conn, why == ERR_NONE ? ERR_TCP : why, now_ms);
}

static const struct carrier_ops conn_ops = {.ready = conn_ready,
                                            .room = conn_room,
                                            .octets = conn_octets,
                                            .rest = conn_rest,
                                            .failed = conn_failed,
                                            .gone = on_gone};

static enum err tcp_ask(struct channel *c, struct exchange *x, const uint8_t *msg, size_t len,
                        uint64_t now_ms) {
  struct up_tcp *t = tcp_of(c);
  if (!t->count && now_ms < t->secure.rest_until_ms) return t->secure.rest_why;
  must(len >= DNS_HEADER && len <= EXCHANGE_QUERY_MAX);
  struct tcp_question *q = malloc(sizeof *q + FRAME_HEAD + len);
  if (!q) return ERR_MEMORY;
  *q = (struct tcp_question){.x = x, .len = FRAME_HEAD + len};
  store_u16(q->frame, (uint16_t)len);
  memcpy(q->frame + FRAME_HEAD, msg, len);
  enum err e = question_join(q, t, now_ms);
  if (e == ERR_NONE) x->waits_on = q;
  else free(q);
  return e;
}

static void tcp_drop(struct channel *c, struct exchange *x) {
  struct tcp_question *q = x->waits_on;
  must(tcp_of(c) == q->conn->owner);
  question_leave(q);
  question_free(q);
}

static void conn_flush(struct tcp_conn *conn, uint64_t now_ms) {
  if (list_empty(&conn->unsent) || !carrier_is_ready(&conn->carrier)) return;
  size_t len = 0;
  list_each(node, &conn->unsent) len += container(node, struct tcp_question, unsent)->len;
  struct carrier_batch *b = carrier_batch_new(len);
  if (!b) return; /* the next flush may find memory; else the connection stalls and is given up */
  uint8_t *at = b->octets;
  unsigned questions = 0;
  for (struct list *node; (node = list_pop(&conn->unsent)); questions++) {
    struct tcp_question *q = container(node, struct tcp_question, unsent);
    memcpy(at, q->frame, q->len);
    at += q->len;
  }

  if (!carrier_send(&conn->carrier, b)) {
    conn->unsendable = true;
    timer_set(conn->owner, now_ms);
    return;
  }
  if (conn->owner->is_encrypted) count_add(conn->owner->counters, upstream_tls, questions);
  else count_add(conn->owner->counters, upstream_tcp, questions);
}

static void tcp_flush(struct channel *c, uint64_t now_ms) {
  list_each(node, &tcp_of(c)->conns) conn_flush(container(node, struct tcp_conn, link), now_ms);
}

static void on_timer_closed(uv_handle_t *handle) {
  struct up_tcp *t = handle->data;
  must(t->magic == TCP_MAGIC);
  handle_gone(t);
}

static void tcp_close(struct channel *c) {
  struct up_tcp *t = tcp_of(c);
  list_each(node, &t->conns) {
    struct tcp_conn *conn = container(node, struct tcp_conn, link);
    must(conn->open == 0);
    conn_close(conn);
  }
  uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

static void tcp_ends(struct channel *c, const struct exchange *x, union addr *ours, union addr *server) {
  const struct tcp_question *q = x->waits_on;
  carrier_ours(&q->conn->carrier, ours);
  *server = tcp_of(c)->server;
}

static const struct channel_ops tcp_ops = {
    .ask = tcp_ask, .drop = tcp_drop, .flush = tcp_flush, .ends = tcp_ends, .close = tcp_close};

static void tls_warm(struct channel *c, uint64_t now_ms) {
  struct up_tcp *t = tcp_of(c);
  if (!t->count && conn_open(t, now_ms) == ERR_NONE) timer_set(t, now_ms);
}

static const struct channel_facts *tls_facts(struct channel *c) {
  struct up_tcp *t = tcp_of(c);
  t->secure.facts.open = t->count;
  t->secure.facts.waiting = 0;
  list_each(node, &t->conns) t->secure.facts.waiting += container(node, struct tcp_conn, link)->open;
  return &t->secure.facts;
}

static const struct channel_ops tls_ops = {.ask = tcp_ask,
                                           .drop = tcp_drop,
                                           .flush = tcp_flush,
                                           .warm = tls_warm,
                                           .facts = tls_facts,
                                           .ends = tcp_ends,
                                           .close = tcp_close};

struct channel *up_tcp_new(uv_loop_t *loop, const union addr *server, struct counters *counters,
                           struct random *random) {
  struct up_tcp *t = calloc(1, sizeof *t);
  if (!t) return NULL;
  *t = (struct up_tcp){.channel.ops = &tcp_ops,
                       .magic = TCP_MAGIC,
                       .loop = loop,
                       .server = *server,
                       .counters = counters,
                       .random = random,
                       .idle_ms = UP_TCP_IDLE_MS,
                       .handles = 1};
  list_init(&t->conns);
  must(uv_timer_init(loop, &t->timer) == 0);
  t->timer.data = t;
  return &t->channel;
}

struct channel *up_tcp_new_tls(uv_loop_t *loop, const union addr *server, const struct tls_expect *expect,
                               struct tls_context *context, struct counters *counters,
                               struct random *random) {
  struct channel *c = up_tcp_new(loop, server, counters, random);
  if (!c) return NULL;
  struct up_tcp *t = tcp_of(c);
  c->ops = &tls_ops;
  t->is_encrypted = true;
  t->idle_ms = CARRIER_IDLE_MS;
  carrier_server_init(&t->secure, context, server, expect, "dot", counters);
  return c;
}
