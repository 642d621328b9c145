/* walk_watch.c: walks for the log and for those who look. Exports walk_watch_*, walk_listener_*. */
#include "daemon/walk_watch.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/must.h"

enum { SWEEP_MS = 250 }; /* how exactly the end of a walk is seen */

/* ---- what all share ---- */

void walk_watch_init(struct walk_watch *w, uint64_t seed) {
  *w = (struct walk_watch){.seed = seed};
  must(pthread_mutex_init(&w->lock, NULL) == 0);
  must(pthread_mutex_init(&w->contacts_lock, NULL) == 0);
}

void walk_watch_close(struct walk_watch *w) {
  must(w->listeners == 0);
  walks_free(w->walks); /* where no listener came about */
  free(w->contacts);
  pthread_mutex_destroy(&w->contacts_lock);
  pthread_mutex_destroy(&w->lock);
}

void walk_watch_look(struct walk_watch *w, bool looks) {
  pthread_mutex_lock(&w->contacts_lock);
  if (looks && !w->contacts) w->contacts = calloc(1, sizeof *w->contacts);
  if (!looks) {
    free(w->contacts);
    w->contacts = NULL;
  }
  pthread_mutex_unlock(&w->contacts_lock);
}

void walk_watch_contacts(struct walk_watch *w, struct contacts *out) {
  pthread_mutex_lock(&w->contacts_lock);
  if (w->contacts) *out = *w->contacts;
  else *out = (struct contacts){0};
  pthread_mutex_unlock(&w->contacts_lock);
}

/* ---- walks that are over ---- */

struct ended_walk {
  struct ended_walk *next;
  bool is_logged;
  uint64_t at_ms;
  struct walked walk;
};

static void tell(struct walk_watch *w, const struct ended_walk *e) {
  char text[WALK_TEXT];
  if (e->is_logged) log_each("query", "%s", walks_format(&e->walk, text));
  pthread_mutex_lock(&w->contacts_lock);
  if (w->contacts) contacts_note(w->contacts, &e->walk, e->at_ms);
  pthread_mutex_unlock(&w->contacts_lock);
}

/* Under the lock, as walks.h calls it from within. Queries of other workers wait for the lock meanwhile, so
 * the telling comes when it is released; only where memory is out it comes at once. */
static void on_ended(void *ctx, const struct walked *walk, uint64_t now_ms) {
  struct walk_watch *w = ctx;
  struct ended_walk e = {.is_logged = w->logs, .at_ms = now_ms, .walk = *walk}, **last = &w->ended;
  struct ended_walk *kept = malloc(sizeof *kept);
  if (!kept) {
    tell(w, &e);
    return;
  }

  *kept = e;
  while (*last) last = &(*last)->next;
  *last = kept;
}

static void take_lock(struct walk_watch *w) { pthread_mutex_lock(&w->lock); }

/* Releases it, and tells of the walks that have ended meanwhile. */
static void release_lock(struct walk_watch *w) {
  struct ended_walk *e = w->ended, *next;
  w->ended = NULL;
  __atomic_store_n(&w->open, w->walks ? walks_count(w->walks) : 0, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&w->lock);
  for (; e; e = next) {
    next = e->next;
    tell(w, e);
    free(e);
  }
}

/* ---- one worker's part ---- */

static void on_timer(struct timer *t, uint64_t now_ms) {
  struct walk_listener *l = container(t, struct walk_listener, timer);
  take_lock(l->watch);
  bool go_on = l->watch->walks && walks_sweep(l->watch->walks, now_ms);
  release_lock(l->watch);
  if (go_on) timers_set(l->timers, t, now_ms + SWEEP_MS);
}

static uint32_t on_asked(void *ctx, const struct client *client, const struct question *q, uint64_t now_ms) {
  struct walk_listener *l = ctx;
  uint32_t token = 0;
  if (!walks_may_have(q, __atomic_load_n(&l->watch->open, __ATOMIC_RELAXED))) return 0;
  take_lock(l->watch);
  if (l->watch->walks) token = walks_asked(l->watch->walks, &client->peer, q, now_ms);
  release_lock(l->watch);
  if (token && !timer_is_set(&l->timer)) timers_set(l->timers, &l->timer, now_ms + SWEEP_MS);
  return token;
}

static void on_answered(void *ctx, const struct query_seen *s, uint64_t now_ms) {
  const struct walk_listener *l = ctx;
  struct walk_answer a = {.token = s->token,
                          .question = s->question,
                          .msg = s->msg,
                          .len = s->len,
                          .waited = s->later,
                          .stale = s->how == SERVED_STALE || s->how == SERVED_STALE_INSTEAD,
                          .saved = s->saved,
                          .why = s->why};
  if (!s->token) return;
  take_lock(l->watch);
  if (l->watch->walks) walks_answered(l->watch->walks, &a, now_ms);
  release_lock(l->watch);
}

void walk_listener_init(struct walk_listener *l, struct walk_watch *watch, struct query_service *s,
                        struct timers *timers) {
  *l = (struct walk_listener){.watch = watch, .service = s, .timers = timers, .timer.fire = on_timer};
}

/* The first one makes the walks. */
static void turn_on(struct walk_listener *l) {
  struct walk_watch *w = l->watch;
  if (!w->walks) w->walks = walks_new(w->seed, &w->serial, on_ended, w);
  if (!w->walks || !timers_promise(l->timers)) {
    log_warn("daemon", "out of memory: walks are neither logged nor counted");
    return;
  }

  w->listeners++;
  l->is_on = true;
  query_log_set_watch(&l->service->log,
                      &(struct query_watch){.ctx = l, .asked = on_asked, .answered = on_answered});
  serve_watch(l->service);
}

/* With the last one the walks that go on end. */
static void turn_off(struct walk_listener *l) {
  struct walk_watch *w = l->watch;
  l->is_on = false;
  query_log_set_watch(&l->service->log, NULL);
  serve_watch(l->service);
  timers_stop(l->timers, &l->timer);
  timers_release(l->timers);
  if (--w->listeners > 0) return;
  walks_free(w->walks);
  w->walks = NULL;
}

void walk_listener_set(struct walk_listener *l, bool logs, bool looks) {
  if (!l->watch) return;
  take_lock(l->watch);
  l->logs = logs;
  l->looks = looks;
  if (logs || looks) l->watch->logs = logs;
  if (!l->is_on && (logs || looks)) turn_on(l);
  if (l->is_on && !logs && !looks) turn_off(l);
  release_lock(l->watch);
}
