/* share.c: what a fleet's members ask of each other's cache, and put there. Exports share_*. */
#include "share/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/must.h"
#include "dns/dns.h"
#include "share/share_priv.h"

#define WORD(text)                                                                                           \
  { (text), sizeof(text) - 1 }

static void put_number(char text[24], struct engine_arg *arg, uint64_t n) {
  int len = snprintf(text, 24, "%llu", (unsigned long long)n);
  *arg = (struct engine_arg){text, (size_t)len};
}

/* ---- the engine's clock ---- */

static uint64_t engine_ms(const struct share *s, uint64_t now_ms) {
  return s->clock == CLOCK_UNKNOWN ? 0 : (uint64_t)((int64_t)now_ms + s->clock_ahead_ms);
}

/* By an entry, whose writer may have been a little early: the latest counts. What the engine says itself is
 * better. */
static void learn_clock(struct share *s, uint64_t clock_ms, uint64_t now_ms) {
  int64_t ahead_ms = (int64_t)clock_ms - (int64_t)now_ms;
  if (s->clock == CLOCK_TOLD || (s->clock == CLOCK_LEARNT && ahead_ms <= s->clock_ahead_ms)) return;
  s->clock = CLOCK_LEARNT;
  s->clock_ahead_ms = ahead_ms;
}

static void set_clock(struct share *s, uint64_t clock_ms, uint64_t now_ms) {
  s->clock = CLOCK_TOLD;
  s->clock_ahead_ms = (int64_t)clock_ms - (int64_t)now_ms;
}

/* "1790000000 123456": seconds and what is beyond them in us. */
static bool read_time(const struct engine_reply *reply, uint64_t *ms) {
  unsigned long long s, us;
  if (reply->kind != ENGINE_TEXT || sscanf((const char *)reply->octets, "%15llu %6llu", &s, &us) != 2)
    return false;
  *ms = s * 1000 + us / 1000;
  return s > 0;
}

static void on_probe(struct engine_request *r, unsigned nth, const struct engine_reply *reply,
                     uint64_t now_ms) {
  struct share *s = container(r, struct share, clock_request);
  if (nth == 0 && reply->kind == ENGINE_ERROR) share_note_write_error(s, reply, now_ms);
  if (nth == 1 && reply->kind == ENGINE_NUMBER && reply->number > 0 && reply->number < PROBE_AT_MS)
    set_clock(s, (uint64_t)(PROBE_AT_MS - reply->number), now_ms);
  if (nth + 1 == r->count) s->clock_asked = false;
}

/* Who may not ask for the time may write: how long is it until a time that we say? */
static void probe_clock(struct share *s, uint64_t now_ms) {
  char key[ENTRY_KEY_HEAD + 32], at[24];
  struct engine_arg k = {
      key, (size_t)snprintf(key, sizeof key, "jd1:%s:clock:%016llx", s->o.space, (unsigned long long)s->id)};
  struct engine_command list[3] = {{5, {WORD("SET"), k, WORD("1"), WORD("PXAT"), {NULL, 0}}},
                                   {2, {WORD("PTTL"), k}},
                                   {2, {WORD("UNLINK"), k}}};
  put_number(at, &list[0].argv[4], PROBE_AT_MS);
  s->clock_request.done = on_probe;
  s->clock_asked = s->o.engine->ops->send(s->o.engine, &s->clock_request, list, 3, now_ms);
}

static void on_time(struct engine_request *r, unsigned nth, const struct engine_reply *reply,
                    uint64_t now_ms) {
  struct share *s = container(r, struct share, clock_request);
  uint64_t ms;
  (void)nth;
  s->clock_asked = false;
  if (read_time(reply, &ms)) set_clock(s, ms, now_ms);
  else if (reply->kind == ENGINE_ERROR && !s->o.is_reader) probe_clock(s, now_ms);
}

static void ask_clock(struct share *s, uint64_t now_ms) {
  struct engine_command time = {1, {WORD("TIME")}};
  if (s->clock_asked) return;
  s->clock_ask_ms = now_ms + SHARE_CLOCK_EVERY_MS;
  s->clock_request.done = on_time;
  s->clock_asked = s->o.engine->ops->send(s->o.engine, &s->clock_request, &time, 1, now_ms);
}

static void on_up(void *ctx, uint64_t now_ms) {
  struct share *s = ctx;
  s->clock = CLOCK_UNKNOWN; /* it may be another engine */
  s->no_writes_until_ms = s->usual_ms_8 = 0;
  s->trouble_logged = false;
  ask_clock(s, now_ms);
}

/* ---- writing ---- */

static void put_words(char text[SHARE_WHY], const struct engine_reply *reply) {
  snprintf(text, SHARE_WHY, "%s", (const char *)reply->octets);
  for (char *c = text; *c; c++) {
    if (*c < ' ' || *c > '~') *c = '?';
  }
}

/* The log has it once a connection: an engine that is nearly full takes one and refuses the next. */
void share_note_write_error(struct share *s, const struct engine_reply *reply, uint64_t now_ms) {
  s->no_writes_until_ms = now_ms + SHARE_WRITE_REST_MS;
  put_words(s->write_trouble, reply);
  if (!s->trouble_logged) log_warn("share", "the fleet's server takes no answers: %s", s->write_trouble);
  s->trouble_logged = true;
}

static void note_written(struct share *s) { s->write_trouble[0] = 0; }

const char *share_write_trouble(const struct share *s) { return s->write_trouble; }

static bool may_write(const struct share *s, uint64_t now_ms) {
  struct engine *e = s->o.engine;
  return !s->o.is_reader && now_ms >= s->no_writes_until_ms && e->ops->is_ready(e, now_ms) &&
         e->ops->waiting(e) < SHARE_STORES_OCTETS;
}

struct store {
  struct engine_request request;
  struct share *share;
  bool is_entry;
};

static void on_stored(struct engine_request *r, unsigned nth, const struct engine_reply *reply,
                      uint64_t now_ms) {
  struct store *t = container(r, struct store, request);
  struct share *s = t->share;
  if (reply->kind == ENGINE_ERROR) share_note_write_error(s, reply, now_ms);
  else if (reply->kind != ENGINE_LOST) note_written(s);
  if (t->is_entry && reply->kind == ENGINE_TEXT) count(s->o.counters, shared_stored);
  else if (t->is_entry) count(s->o.counters, shared_dropped);
  if (nth + 1 == r->count) free(t);
}

static bool send_store(struct share *s, const struct engine_command *c, bool is_entry, uint64_t now_ms) {
  struct store *t = malloc(sizeof *t);
  if (!t) return false;
  *t = (struct store){.request.done = on_stored, .share = s, .is_entry = is_entry};
  if (s->o.engine->ops->send(s->o.engine, &t->request, c, 1, now_ms)) return true;
  free(t);
  return false;
}

static bool store(struct share *s, const struct entry_key *key, const struct answer *a, uint64_t now_ms) {
  uint8_t value[ENTRY_MAX];
  char life[24];
  size_t len = entry_write(s->o.mac, key, a, engine_ms(s, now_ms), value);
  struct engine_command c = {5, {WORD("SET"), {key->octets, key->len}, {value, len}, WORD("PX"), {NULL, 0}}};
  put_number(life, &c.argv[4], (uint64_t)a->ttl_s * 1000);
  return len && send_store(s, &c, true, now_ms);
}

/* Nobody else need wait for it. */
static void store_unshared(struct share *s, const struct entry_key *key, uint64_t now_ms) {
  struct lease_key lease;
  char life[24];
  struct engine_command c = {
      5, {WORD("SET"), share_lease_arg(&lease, key), WORD(LEASE_UNSHARED), WORD("PX"), {NULL, 0}}};
  put_number(life, &c.argv[4], SHARE_UNSHARED_MS);
  (void)send_store(s, &c, false, now_ms);
}

static void offer(void *ctx, struct fleet_fetch *f, const struct answer *a, uint64_t now_ms) {
  struct share *s = ctx;
  struct entry_key key;
  bool can = may_write(s, now_ms);
  if (s->o.is_reader) return;

  bool is_good = a && entry_may_be(f->question, a);
  if (can && (is_good || f->leads)) entry_key_make(&key, s->o.space, f->view, f->question);
  if (is_good && !(can && s->clock != CLOCK_UNKNOWN && store(s, &key, a, now_ms)))
    count(s->o.counters, shared_dropped);
  if (!is_good && can && f->leads) store_unshared(s, &key, now_ms);
  f->leads = false;
}

static void on_flushed(struct engine_request *r, unsigned nth, const struct engine_reply *reply,
                       uint64_t now_ms) {
  struct flush *f = container(r, struct flush, request);
  char words[SHARE_WHY] = "the connection is lost";
  (void)nth, (void)now_ms;
  if (reply->kind == ENGINE_ERROR) put_words(words, reply);
  if ((reply->kind == ENGINE_ERROR || reply->kind == ENGINE_LOST) && !f->share->flush_failed) {
    log_warn("share", "flush: the fleet's server may still have the name's answers: %s", words);
    f->share->flush_failed = true;
  }
  free(f);
}

/* Some keys in one command. */
static bool send_unlink(struct share *s, const struct entry_key *keys, unsigned n, uint64_t now_ms) {
  struct engine_command c = {n + 1, {WORD("UNLINK")}};
  struct flush *f = malloc(sizeof *f);
  if (!f) return false;
  *f = (struct flush){.request.done = on_flushed, .share = s};
  for (unsigned i = 0; i < n; i++) c.argv[i + 1] = (struct engine_arg){keys[i].octets, keys[i].len};
  if (s->o.engine->ops->send(s->o.engine, &f->request, &c, 1, now_ms)) return true;
  free(f);
  return false;
}

bool share_flush(struct share *s, const uint8_t *name, size_t len, const uint64_t *views, unsigned n,
                 uint64_t now_ms) {
  static const uint8_t flags[] = {0, KEY_DO};
  enum { ROOM = ENGINE_ARGS - 1, KEYS = 2 * SHARE_FLUSH_TYPES };
  struct entry_key keys[ROOM];
  struct question q;
  bool good = may_write(s, now_ms);
  s->flush_failed = false;
  for (unsigned v = 0; good && v < n; v++) {
    for (unsigned i = 0; good && i < KEYS; i++) {
      question_make(&q, name, len, (uint16_t)(1 + i / 2), 1, flags[i % 2], 0);
      entry_key_make(&keys[i % ROOM], s->o.space, views[v], &q);
      if (i % ROOM + 1 == ROOM || i + 1 == KEYS) good = send_unlink(s, keys, i % ROOM + 1, now_ms);
    }
  }
  return good;
}

/* ---- looking up ---- */

static void asking_free(struct asking *a) {
  struct share *s = a->share;
  timers_stop(s->o.timers, &a->timer);
  timers_release(s->o.timers);
  s->asking_count--;
  a->magic = 0;
  free(a);
}

/* The fetch is over; a too. */
static void end(struct asking *a, enum fleet_outcome outcome, const uint8_t *msg, size_t len,
                uint64_t now_ms) {
  struct fleet_fetch *f = a->fetch;
  asking_free(a);
  if (!f) return;
  f->asking = NULL;
  f->done(f, outcome, msg, len, now_ms);
}

static void on_reply(struct engine_request *r, unsigned nth, const struct engine_reply *reply,
                     uint64_t now_ms);

static bool may_lease(const struct share *s, uint64_t now_ms) {
  return may_write(s, now_ms) && now_ms >= s->no_leases_until_ms;
}

/* Then no miss waits for it: a server is there first. */
static bool is_slow(const struct share *s) { return s->usual_ms_8 > SHARE_SLOW_MS * 8; }

/* At first it asks for the lease in the same breath: another round trip would cost a miss more than a lease
 * that nobody needs costs the engine. Later it only looks whose that is. */
static bool look(struct asking *a, enum asking_stage stage, uint64_t now_ms) {
  struct share *s = a->share;
  struct lease_key lease_key;
  char life[24];
  struct engine_arg key = {a->key.octets, a->key.len}, lease = share_lease_arg(&lease_key, &a->key);
  struct engine_command list[3] = {
      {2, {WORD("PTTL"), key}}, {2, {WORD("GET"), lease}}, {2, {WORD("GET"), key}}};
  unsigned n = 3;
  a->stage = stage;
  a->request.done = on_reply;
  a->lease = LEASE_GONE;
  if (stage == ASKING_FIRST && may_lease(s, now_ms)) {
    list[1] = (struct engine_command){6, {WORD("SET"), lease, WORD("1"), WORD("NX"), WORD("PX"), {NULL, 0}}};
    put_number(life, &list[1].argv[5], SHARE_LEASE_MS);
  } else if (stage == ASKING_FIRST) {
    list[1] = list[2];
    n = 2;
  }
  return s->o.engine->ops->send(s->o.engine, &a->request, list, n, now_ms);
}

static void on_timer(struct timer *t, uint64_t now_ms) {
  struct asking *a = container(t, struct asking, timer);
  must(a->magic == ASKING_MAGIC);
  if (!look(a, ASKING_AGAIN, now_ms)) end(a, FLEET_NOTHING, NULL, 0, now_ms);
}

/* It waited for another member, and for nothing. Where that is so time and again, by slow servers or an
 * engine that lies, each asks for itself. */
static void end_in_vain(struct asking *a, uint64_t now_ms) {
  struct share *s = a->share;
  if (++s->vain >= SHARE_VAIN_MAX) s->no_leases_until_ms = now_ms + SHARE_VAIN_REST_MS;
  end(a, FLEET_NOTHING, NULL, 0, now_ms);
}

/* Another member has the lease: its answer will be there in a moment, unless it has come to harm. */
static void look_again(struct asking *a, uint64_t now_ms) {
  uint64_t last_ms = a->leased_ms + (a->fetch->is_patient ? FLEET_PATIENCE_MS : SHARE_LEASE_MS);
  if (now_ms >= last_ms) {
    end_in_vain(a, now_ms);
    return;
  }
  a->gap_ms = a->gap_ms + a->gap_ms / 2;
  uint64_t next_ms = now_ms + a->gap_ms;
  timers_set(a->share->o.timers, &a->timer, next_ms < last_ms ? next_ms : last_ms);
}

/* It is not there. */
static void on_nothing(struct asking *a, uint64_t now_ms) {
  bool is_held = a->lease == LEASE_HELD;
  if (a->stage == ASKING_AGAIN && is_held) {
    look_again(a, now_ms);
    return;
  }
  if (a->stage == ASKING_AGAIN && a->lease == LEASE_GONE) {
    end_in_vain(a, now_ms);
    return;
  }

  a->fetch->leads |= a->lease == LEASE_OURS;
  if (a->stage == ASKING_AGAIN || !is_held || !look(a, ASKING_AGAIN, now_ms)) {
    end(a, FLEET_NOTHING, NULL, 0, now_ms);
    return;
  }
  a->leased_ms = now_ms;
  a->fetch->done(a->fetch, FLEET_AWAITED, NULL, 0, now_ms);
}

static void on_value(struct asking *a, const struct engine_reply *reply, uint64_t now_ms) {
  struct share *s = a->share;
  uint64_t clock_ms = 0;
  size_t len = 0;
  struct entry_seen seen = {
      .octets = reply->octets, .len = reply->len, .left_ms = a->left_ms, .engine_ms = engine_ms(s, now_ms)};
  enum entry_verdict verdict = entry_read(s->o.mac, &a->key, a->fetch->question, &seen, s->msg, &len,
                                          &clock_ms);

  if (clock_ms) learn_clock(s, clock_ms, now_ms);
  if (verdict == ENTRY_GOOD) {
    if (a->stage == ASKING_AGAIN) s->vain = 0;
    end(a, FLEET_FOUND, s->msg, len, now_ms);
  } else if (verdict == ENTRY_OVER || verdict == ENTRY_STRANGE) {
    on_nothing(a, now_ms);
  } else {
    count(s->o.counters, shared_refused);
    end(a, FLEET_NOTHING, NULL, 0, now_ms);
  }
}

/* How long the engine takes, in 1/8 ms. While it is slow few are there to learn by: each weighs more. */
static void note_time(struct share *s, uint64_t took_ms) {
  uint32_t took = (uint32_t)(took_ms < 100 ? took_ms : 100) * 8;
  s->usual_ms_8 += ((int32_t)took - (int32_t)s->usual_ms_8) / (is_slow(s) ? 2 : 8);
}

static void note_lease(struct asking *a, const struct engine_reply *reply, uint64_t now_ms) {
  if (a->stage == ASKING_AGAIN) {
    bool is_there = reply->kind == ENGINE_TEXT;
    bool is_of_use = is_there && strcmp((const char *)reply->octets, LEASE_UNSHARED) != 0;
    a->lease = is_of_use ? LEASE_HELD : is_there ? LEASE_OF_NO_USE : LEASE_GONE;
    return;
  }
  if (reply->kind == ENGINE_ERROR) share_note_write_error(a->share, reply, now_ms);
  else if (reply->kind != ENGINE_LOST) note_written(a->share);
  a->lease = reply->kind == ENGINE_TEXT ? LEASE_OURS : reply->kind == ENGINE_NIL ? LEASE_HELD : LEASE_GONE;
}

static void on_reply(struct engine_request *r, unsigned nth, const struct engine_reply *reply,
                     uint64_t now_ms) {
  struct asking *a = container(r, struct asking, request);
  must(a->magic == ASKING_MAGIC);
  struct engine *e = a->share->o.engine;
  bool is_last = nth + 1 == r->count;
  if (reply->kind == ENGINE_NUMBER && nth == 0) a->left_ms = reply->number;
  if (nth == 1 && !is_last) note_lease(a, reply, now_ms);
  if (!is_last) return;

  note_time(a->share, now_ms - r->sent_ms);
  if (reply->kind == ENGINE_TEXT || reply->kind == ENGINE_NIL) e->ops->praise(e);
  if (!a->fetch) {
    asking_free(a);
  } else if (reply->kind == ENGINE_LOST) {
    end(a, FLEET_NOTHING, NULL, 0, now_ms);
  } else if (reply->kind == ENGINE_TEXT) {
    on_value(a, reply, now_ms);
  } else if (reply->kind == ENGINE_NIL) {
    on_nothing(a, now_ms);
  } else {
    const char *words = reply->kind == ENGINE_ERROR ? (const char *)reply->octets
                                                    : "it answers GET with a number";
    e->ops->refuse(e, words, now_ms);
    end(a, FLEET_NOTHING, NULL, 0, now_ms);
  }
}

/* NULL: nothing was asked. */
static struct asking *ask(struct share *s, struct fleet_fetch *f, enum asking_stage stage, uint64_t now_ms) {
  struct asking *a = malloc(sizeof *a);
  if (!a || !timers_promise(s->o.timers)) {
    free(a);
    return NULL;
  }
  memset(a, 0, offsetof(struct asking, key));
  a->magic = ASKING_MAGIC;
  a->share = s;
  a->fetch = f;
  a->timer.fire = on_timer;
  a->gap_ms = FIRST_GAP_MS;
  entry_key_make(&a->key, s->o.space, f->view, f->question);
  s->asking_count++;
  if (look(a, stage, now_ms)) return a;
  asking_free(a);
  return NULL;
}

/* Is it still slow? Nobody waits for what it says, and no lease is taken. */
static void learn_time(struct share *s, struct fleet_fetch *f, uint64_t now_ms) {
  if (now_ms < s->learn_ms) return;
  s->learn_ms = now_ms + SHARE_LEARN_EVERY_MS;
  struct asking *a = ask(s, f, ASKING_AGAIN, now_ms);
  if (a) a->fetch = NULL;
}

static bool fetch(void *ctx, struct fleet_fetch *f, uint64_t now_ms) {
  struct share *s = ctx;
  struct engine *e = s->o.engine;
  f->leads = false;
  if (!e->ops->is_ready(e, now_ms) || s->asking_count >= SHARE_ASKING_MAX ||
      e->ops->waiting(e) >= SHARE_OCTETS)
    return false;
  if (now_ms >= s->clock_ask_ms) ask_clock(s, now_ms);
  if (is_slow(s) && !f->is_patient) {
    learn_time(s, f, now_ms);
    return false;
  }

  struct asking *a = ask(s, f, ASKING_FIRST, now_ms);
  if (!a) return false;
  f->asking = a;
  count(s->o.counters, shared_asked);
  return true;
}

static void drop(void *ctx, struct fleet_fetch *f) {
  struct asking *a = f->asking;
  (void)ctx;
  must(a->magic == ASKING_MAGIC && a->fetch == f);
  f->asking = NULL;
  a->fetch = NULL;
  if (timer_is_set(&a->timer)) asking_free(a); /* else its replies are still to come */
}

static uint32_t wait_ms(void *ctx) {
  const struct share *s = ctx;
  uint32_t ms = s->usual_ms_8 * 2 / 8;
  return ms < SHARE_WAIT_MIN_MS ? SHARE_WAIT_MIN_MS : ms < SHARE_WAIT_MAX_MS ? ms : SHARE_WAIT_MAX_MS;
}

/* ---- its life ---- */

struct share *share_new(const struct share_options *options) {
  struct share *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->o = *options;
  s->id = random_seed();
  s->fleet = (struct fleet){.ctx = s, .fetch = fetch, .drop = drop, .wait_ms = wait_ms, .offer = offer};
  options->engine->up = on_up;
  options->engine->ctx = s;
  return s;
}

void share_free(struct share *s) {
  if (!s) return;
  must(s->asking_count == 0 && !s->clock_asked);
  free(s);
}

const struct fleet *share_fleet(const struct share *s) { return &s->fleet; }
