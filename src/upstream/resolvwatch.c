/* resolvwatch.c: looks at a file every so often. Exports resolvwatch_*. */
#include "upstream/resolvwatch.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/must.h"

enum { WATCH_MAGIC = 0x77617463 };

/* What tells one state of a file from another; all zero: it is not there. */
struct look {
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec written, changed;
};

struct resolvwatch {
  uint32_t magic;
  uv_timer_t timer;
  const char *path;
  bool (*changed)(void *ctx);
  void *ctx;
  bool has_told;
  unsigned rest;          /* looks to go before it is told again, after what was told could not be used */
  struct look told, last; /* when changed was last called; at the last look */
};

static struct look look_at(const char *path) {
  struct look l;
  struct stat s;
  memset(&l, 0, sizeof l); /* its padding too: looks are compared as octets */
  if (stat(path, &s) != 0) return l;
  l.device = s.st_dev;
  l.inode = s.st_ino;
  l.size = s.st_size;
  l.written = s.st_mtim;
  l.changed = s.st_ctim;
  return l;
}

static bool is_same(const struct look *a, const struct look *b) { return memcmp(a, b, sizeof *a) == 0; }

static void on_timer(uv_timer_t *timer) {
  struct resolvwatch *w = timer->data;
  must(w->magic == WATCH_MAGIC);
  struct look now = look_at(w->path);
  bool settled = is_same(&now, &w->last);
  w->last = now;
  if (!settled || (w->has_told && is_same(&now, &w->told))) return;
  if (w->rest) {
    w->rest--;
    return;
  }
  w->has_told = w->changed(w->ctx);
  w->told = now;
  if (!w->has_told) w->rest = RESOLVWATCH_REST;
}

struct resolvwatch *resolvwatch_new(uv_loop_t *loop, const char *path, bool (*changed)(void *ctx),
                                    void *ctx) {
  struct resolvwatch *w = calloc(1, sizeof *w);
  if (!w) return NULL;
  w->magic = WATCH_MAGIC;
  w->path = path;
  w->changed = changed;
  w->ctx = ctx;
  w->last = look_at(path); /* nothing was told yet: what changed since the caller read it is not missed */
  must(uv_timer_init(loop, &w->timer) == 0);
  w->timer.data = w;
  must(uv_timer_start(&w->timer, on_timer, RESOLVWATCH_MS, RESOLVWATCH_MS) == 0);
  return w;
}

static void on_closed(uv_handle_t *handle) {
  struct resolvwatch *w = handle->data;
  w->magic = 0;
  free(w);
}

void resolvwatch_close(struct resolvwatch *w) {
  if (w) uv_close((uv_handle_t *)&w->timer, on_closed);
}
