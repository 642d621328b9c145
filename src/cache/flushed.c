/* flushed.c: what was flushed while a snapshot is loaded, so that the snapshot does not bring it back.
 * Exports cache_restore_begin, cache_restore_end, cache_restore_is_flushed; flushed_* to the module. */
#include <stdlib.h>

#include "cache/cache_priv.h"

enum { FLUSHED_MAX = 64 }; /* of more, all that is still to come stays out */

struct flush {
  bool below;
  uint16_t type;
  uint8_t name_len, name[NAME_MAX_LEN];
};

struct flushed {
  bool (*refuses)(const void *ctx, const struct question *q, const struct answer_view *v);
  const void *ctx;
  bool all;
  unsigned count;
  struct flush list[FLUSHED_MAX];
};

bool cache_restore_begin(struct cache *c,
                         bool (*refuses)(const void *ctx, const struct question *q,
                                         const struct answer_view *v),
                         const void *ctx) {
  struct flushed *f = calloc(1, sizeof *f);
  if (f) {
    f->refuses = refuses;
    f->ctx = ctx;
  }
  pthread_mutex_lock(&c->flushed_lock);
  if (!c->flushed) {
    c->flushed = f;
    f = NULL;
  }
  bool good = c->flushed != NULL;
  pthread_mutex_unlock(&c->flushed_lock);
  free(f);
  return good;
}

void cache_restore_end(struct cache *c) {
  pthread_mutex_lock(&c->flushed_lock);
  struct flushed *f = c->flushed;
  c->flushed = NULL;
  pthread_mutex_unlock(&c->flushed_lock);
  free(f);
}

bool cache_restore_is_flushed(struct cache *c) {
  pthread_mutex_lock(&c->flushed_lock);
  bool flushed = c->flushed && (c->flushed->all || c->flushed->count);
  pthread_mutex_unlock(&c->flushed_lock);
  return flushed;
}

void flushed_note(struct cache *c, const struct cache_which *which) {
  pthread_mutex_lock(&c->flushed_lock);
  struct flushed *f = c->flushed;
  if (f && (!which->name || f->count == FLUSHED_MAX)) {
    f->all = true;
  } else if (f) {
    struct flush *x = &f->list[f->count++];
    *x = (struct flush){.below = which->below, .type = which->type, .name_len = (uint8_t)which->name_len};
    memcpy(x->name, which->name, which->name_len);
  }
  pthread_mutex_unlock(&c->flushed_lock);
}

/* An answer that carries what was flushed stays out whole: it is asked for again. */
static bool is_flushed(const struct flushed *f, const struct question *q, const struct answer_view *v) {
  if (f->all) return true;
  for (unsigned i = 0; i < f->count; i++) {
    const struct flush *x = &f->list[i];
    struct cache_which which = {.name = x->name, .name_len = x->name_len, .below = x->below, .type = x->type};
    if (cache_which_has(&which, q->key, q->name_len, question_type(q)) ||
        cache_which_is_carried(&which, q->key, q->name_len, v))
      return true;
  }
  return false;
}

bool flushed_has(struct cache *c, const struct question *q, const struct answer *a) {
  struct answer_view v = answer_view(a);
  pthread_mutex_lock(&c->flushed_lock);
  const struct flushed *f = c->flushed;
  bool has = f && (is_flushed(f, q, &v) || (f->refuses && f->refuses(f->ctx, q, &v)));
  pthread_mutex_unlock(&c->flushed_lock);
  return has;
}
