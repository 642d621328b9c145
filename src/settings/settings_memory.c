/* settings_memory.c: how much the cache may take where memory is limited. Exports settings_fit_memory. */
#include "cache/cache.h"
#include "settings/settings_priv.h"

enum {
  REST = 16 << 20, /* for the program, its threads, questions on their way and what the kernel keeps for its
                      sockets */
  TCP_SHARE = 8    /* clients over TCP may hold that part of all memory, and no more than anywhere else */
};

/* Half of what is left for answers and clients: an index grows beside the answers, and a snapshot is written
 * from a copy. */
static size_t usual_size(uint64_t most) {
  uint64_t half = most > REST ? (most - REST) / 2 : 0;
  if (half >= SETTINGS_CACHE_USUAL) return SETTINGS_CACHE_USUAL;
  return half < CACHE_SIZE_MIN ? CACHE_SIZE_MIN : (size_t)half & ~(size_t)(CACHE_SIZE_MIN - 1);
}

/* The largest that lives with its index, an eighth at most, beside the rest. */
static uint64_t largest(uint64_t most) { return most > REST ? (most - REST) / 9 * 8 : 0; }

static void warn(const struct settings *s, const struct memory_limit *m, FILE *err) {
  char size[MEMORY_LIMIT_TEXT], all[MEMORY_LIMIT_TEXT], better[MEMORY_LIMIT_TEXT];
  fprintf(err,
          "jidnsd: warning: --cache-size: %s is too much where all of jidnsd may take %s (%s): it may be "
          "killed as the cache fills; "
          "without --cache-size it takes %s\n",
          memory_limit_format(s->cache_size, size), memory_limit_format(m->octets, all), m->what,
          memory_limit_format(usual_size(m->octets), better));
}

bool settings_fit_memory(struct settings *s, const struct memory_limit *m, FILE *err) {
  uint64_t tcp = m->octets / TCP_SHARE;
  bool fits = !s->cache_size || s->cache_size <= largest(m->octets);
  if (!fits) warn(s, m, err);
  s->cache_limit = s->cache_size ? s->cache_size : usual_size(m->octets);
  if (tcp < s->tcp.held) s->tcp.held = (size_t)tcp;
  return fits;
}
