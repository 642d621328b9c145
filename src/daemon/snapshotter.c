/* snapshotter.c: when the snapshot is loaded and written, and by whom. Exports snapshotter_*. */
#include "daemon/snapshotter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "daemon/prover.h"
#include "daemon/wiring.h"
#include "dns/ttl.h"

/* Whoever answers goes first where processors are few. */
enum { NICE = 10, STACK = 256 << 10, PATH_ROOM = SNAPSHOT_PATH + 16 };

enum job { JOB_LOAD, JOB_WRITE };

struct snapshotter {
  const struct settings *settings;
  struct cache *cache;
  struct guesses *guesses;
  struct kin *kin;
  struct workers *workers; /* NULL: they have ended, or are about to */
  const struct prover *prover;
  struct revive_list *in_use; /* what the snapshot says was; the thread's as long as it works */
  uv_async_t done;            /* the thread has done its job */
  uv_timer_t timer;
  unsigned open_handles;
  bool
      half_loaded; /* it was stopped before all was loaded: what is on disk is more than what the cache has */
  bool failing;    /* the last one could not be written, which was said */
  /* the thread's, while there is one */
  bool working, stop;
  pthread_t thread;
  enum job job;
  uint32_t max_stale_s;
  bool learns; /* what is loaded teaches guesses */
  struct rebind rebind;
  bool proves;        /* what is loaded must have been put in while answers were validated */
  uint64_t proven_by; /* and by the same */
  char path[PATH_ROOM];
  enum snapshot_outcome outcome;
  struct snapshot_report report;
};

/* ---- where ---- */

static bool folder_is_ours(const char *path) {
  char folder[PATH_ROOM];
  const char *slash = strrchr(path, '/');
  size_t len = slash ? (size_t)(slash - path) : 0;
  memcpy(folder, path, len);
  folder[len] = 0;
  return access(slash ? len ? folder : "/" : ".", W_OK | X_OK) == 0;
}

/* Unless one is set, it lies in the folder that systemd or whoever installed jidnsd made for it; without such
 * a folder there is none. False: none. */
static bool find_path(const struct settings *s, char path[PATH_ROOM]) {
  const char *state = getenv("STATE_DIRECTORY");
  if (strcmp(s->snapshot.path, "none") == 0) return false;
  if (*s->snapshot.path) return snprintf(path, PATH_ROOM, "%s", s->snapshot.path) > 0;
  int len = snprintf(path, PATH_ROOM, "%s/cache", state && *state ? state : STATE_FOLDER);
  return len < PATH_ROOM && folder_is_ours(path);
}

uint64_t snapshotter_written_ms(const struct settings *s) {
  char path[PATH_ROOM];
  return find_path(s, path) ? snapshot_written_ms(path) : 0;
}

/* ---- what came of it ---- */

static void say_loaded(struct snapshotter *k) {
  const struct snapshot_report *r = &k->report;
  switch (k->outcome) {
  case SNAPSHOT_MISSING:
    if (folder_is_ours(k->path)) log_debug("cache", "no snapshot %s yet", k->path);
    else
      log_warn("cache",
               "can't write the snapshot %s: its folder is missing, or jidnsd's user may not write there",
               k->path);
    break;
  case SNAPSHOT_FAILED:
    log_warn("cache", "can't read the snapshot %s: %s; starting without", k->path, r->why);
    break;
  case SNAPSHOT_FOREIGN:
    log_warn("cache", "can't use %s as a snapshot: %s; jidnsd leaves the file as it is", k->path, r->why);
    break;
  case SNAPSHOT_DAMAGED:
    log_warn("cache", "the snapshot %s is not usable as a whole: %s; loaded the %zu answers before that",
             k->path, r->why, r->entries);
    break;
  case SNAPSHOT_STOPPED: break;
  case SNAPSHOT_GOOD:
    log_info("cache", "loaded %zu answers from %s%s", r->entries, k->path,
             r->turned_back ? "; all count as expired, because the clock was turned back" : "");
  }
}

static void say_written(struct snapshotter *k) {
  const char *why = k->outcome == SNAPSHOT_FAILED || k->outcome == SNAPSHOT_FOREIGN ? k->report.why : NULL;
  if (k->outcome == SNAPSHOT_GOOD) log_debug("cache", "wrote %zu answers to %s", k->report.entries, k->path);
  if (why && !k->failing)
    log_warn("cache", "can't write the snapshot %s: %s; the old file stays", k->path, why);
  if (k->failing && k->outcome == SNAPSHOT_GOOD)
    log_info("cache", "the snapshot %s can be written again", k->path);
  if (k->outcome != SNAPSHOT_STOPPED) k->failing = why != NULL;
}

static void say(struct snapshotter *k) {
  if (k->job == JOB_LOAD) {
    k->half_loaded = k->outcome == SNAPSHOT_STOPPED;
    say_loaded(k);
  } else {
    say_written(k);
  }
}

/* ---- the thread ---- */

/* What the cache has been given says what was in use. `written_ms`: when, by the wall's clock. */
static void learn(struct snapshotter *k, const struct snapshot_now *now, uint64_t written_ms,
                  uint64_t now_ms) {
  if (k->learns) guess_learn_cache(k->guesses, k->cache, &k->stop);
  if (!k->report.entries) return;
  kin_learn_cache(k->kin, k->cache, now_ms, &k->stop);
  if (!written_ms || k->report.turned_back) return;
  uint64_t asleep_ms = now->wall_ms > written_ms ? now->wall_ms - written_ms : 0;
  k->in_use = revive_gather(k->cache, asleep_ms / 1000, now->tick, k->kin->seed, &k->stop);
}

static void work(struct snapshotter *k) {
  uint64_t now_ms = clock_ms();
  struct snapshot_now now = {
      .wall_ms = now_ms + (uint64_t)clock_epoch_ms(), .tick = tick_of_ms(now_ms), .proven_by = k->proven_by};
  if (k->job == JOB_LOAD) {
    uint64_t written_ms = snapshot_written_ms(k->path);
    k->outcome = snapshot_load(k->cache, k->path, &now, k->max_stale_s, &k->stop, &k->report);
    learn(k, &now, written_ms, now_ms);
  } else k->outcome = snapshot_write(k->cache, k->path, &now, &k->stop, &k->report);
}

static void *thread_main(void *arg) {
  struct snapshotter *k = arg;
  setpriority(PRIO_PROCESS, 0, NICE); /* on Linux that is this thread; where it fails, it does not matter */
  work(k);
  uv_async_send(&k->done);
  return NULL;
}

static bool refuses(const void *ctx, const struct question *q, const struct answer_view *v) {
  const struct snapshotter *k = ctx;
  bool is_unproven = k->proves && !(question_flags(q) & KEY_CD) && !(v->head.flags & ANSWER_JUDGED);
  return is_unproven || rebind_refuses(&k->rebind, q, v);
}

static bool prepare(struct snapshotter *k, enum job job) {
  k->job = job;
  k->max_stale_s = k->settings->forward.max_stale_s;
  k->learns = k->settings->xmpp.prefetch && k->settings->xmpp.guess;
  if (!find_path(k->settings, k->path)) return false;
  /* until it ends: what is on disk is more than what the cache has */
  if (job == JOB_LOAD) k->half_loaded = true;
  wiring_rebind(k->settings, &k->rebind);
  k->proves = k->settings->forward.prove == PROVE_VALIDATE;
  k->proven_by = prover_proven_by(k->prover, k->settings);
  return job != JOB_LOAD || cache_restore_begin(k->cache, refuses, k);
}

static void start_job(struct snapshotter *k, enum job job) {
  pthread_attr_t attr;
  sigset_t all, before;
  if (k->working || !prepare(k, job)) return;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK);
  int e = pthread_create(&k->thread, &attr, thread_main, k);
  pthread_attr_destroy(&attr);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  k->working = e == 0;
  if (e) cache_restore_end(k->cache);
  if (e) log_warn("cache", "can't start the thread for the snapshot: %s", strerror(e));
}

/* One worker asks for all: so many a second, however many workers there are. */
static void revive(struct snapshotter *k) {
  struct revive_list *list = k->in_use;
  k->in_use = NULL;
  if (!list) return;
  log_debug("cache", "%u names were in use before the restart and have to be renewed", revive_count(list));
  if (k->workers) worker_run(k->workers->of[0], worker_revive, list);
  else revive_list_free(list);
}

static void end_job(struct snapshotter *k) {
  if (!k->working) return;
  must(pthread_join(k->thread, NULL) == 0);
  k->working = false;
  bool flushed = cache_restore_is_flushed(k->cache);
  cache_restore_end(k->cache);
  say(k);
  if (flushed) snapshotter_flushed(k);
  revive(k);
}

/* ---- when ---- */

static void on_timer(uv_timer_t *timer) { start_job(timer->data, JOB_WRITE); }

static void on_done(uv_async_t *async) { end_job(async->data); }

static void on_close(uv_handle_t *handle) {
  struct snapshotter *k = handle->data;
  if (--k->open_handles == 0) free(k);
}

/* The file still has what was flushed: after a crash it would come back. */
void snapshotter_flushed(struct snapshotter *k) {
  enum { SOON_MS = 2000 };
  uint64_t every_ms = k ? k->settings->snapshot.every_s * 1000ull : 0;
  if (every_ms > SOON_MS) uv_timer_start(&k->timer, on_timer, SOON_MS, every_ms);
}

void snapshotter_reload(struct snapshotter *k) {
  if (!k) return;
  uint64_t every_ms = k->settings->snapshot.every_s * 1000ull, due_ms = every_ms;
  if (!every_ms) {
    uv_timer_stop(&k->timer);
    return;
  }

  /* What was to be written before that is not put off. */
  if (uv_is_active((uv_handle_t *)&k->timer) && uv_timer_get_due_in(&k->timer) < due_ms)
    due_ms = uv_timer_get_due_in(&k->timer);
  uv_timer_start(&k->timer, on_timer, due_ms, every_ms);
}

struct snapshotter *snapshotter_start(uv_loop_t *loop, struct cache *c, struct guesses *guesses,
                                      struct kin *kin, struct workers *workers, const struct prover *prover,
                                      const struct settings *s) {
  struct snapshotter *k = calloc(1, sizeof *k);
  if (!k || uv_async_init(loop, &k->done, on_done) != 0) {
    log_warn("cache", "no snapshot: out of memory or file descriptors");
    free(k);
    return NULL;
  }
  must(uv_timer_init(loop, &k->timer) == 0);
  k->settings = s;
  k->cache = c;
  k->guesses = guesses;
  k->kin = kin;
  k->workers = workers;
  k->prover = prover;
  k->done.data = k->timer.data = k;
  k->open_handles = 2;
  start_job(k, JOB_LOAD);
  snapshotter_reload(k);
  return k;
}

void snapshotter_stop(struct snapshotter *k) {
  if (!k) return;
  k->workers = NULL;
  /* Half loaded, the file would stay as it is, and bring back what was flushed meanwhile: the rest takes less
   * than a second. */
  if (!cache_restore_is_flushed(k->cache)) __atomic_store_n(&k->stop, true, __ATOMIC_RELAXED);
  end_job(k);
  k->stop = false;
  if (!k->half_loaded && prepare(k, JOB_WRITE)) {
    work(k);
    say(k);
  }
  uv_close((uv_handle_t *)&k->done, on_close);
  uv_close((uv_handle_t *)&k->timer, on_close);
}
