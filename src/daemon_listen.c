/* daemon_listen.c: opens the workers' sockets. Exports listeners_*. */
#include "daemon_listen.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct listeners *listeners_new(void) {
  struct listeners *l = must_zalloc(sizeof *l);
  for (unsigned w = 0; w < SETTINGS_THREADS; w++) {
    for (unsigned i = 0; i < SETTINGS_LISTEN; i++) l->of[w][i].udp = l->of[w][i].tcp = -1;
  }
  return l;
}

void listeners_free(struct listeners *l) {
  if (!l) return;
  for (unsigned w = 0; w < SETTINGS_THREADS; w++) {
    for (unsigned i = 0; i < SETTINGS_LISTEN; i++) listen_close(&l->of[w][i]);
  }
  free(l);
}

static void complain(const char *addresses, const char *transport, int e, FILE *err) {
  fprintf(err, "jidnsd: can't listen on %s (%s): %s\n", addresses, transport, strerror(e));
}

static bool is_missing(int e) { return e == EAFNOSUPPORT || e == EADDRNOTAVAIL || e == EPROTONOSUPPORT; }

/* Opens the first worker's sockets. */
static bool open_first(struct listeners *l, struct settings *s, const struct settings *running, FILE *err) {
  char text[ADDR_TEXT], failed[SETTINGS_LISTEN * ADDR_TEXT] = "";
  const char *transport = NULL;
  unsigned n = 0;
  int why = 0;
  for (unsigned i = 0; i < s->listen_count; i++) {
    bool has = running && settings_listens(running, &s->listen[i]);
    const char *what = has ? NULL : listen_open(&l->of[0][l->count], &s->listen[i], 0);
    if (!what) {
      l->count += !has;
      s->listen[n++] = s->listen[i];
      continue;
    }
    int e = errno;
    addr_format(&s->listen[i], text);
    if (!s->listen_default) {
      complain(text, what, e, err);
      return false;
    }
    if (is_missing(e) && !running) log_info("jidnsd", "not listening on %s: %s", text, strerror(e));
    if (!is_missing(e) || !why) why = e;
    transport = what;
    if (*failed) strcat(failed, " and ");
    strcat(failed, text);
  }
  if (n == 0 || (why && !is_missing(why))) {
    complain(failed, transport, why, err);
    return false;
  }
  s->listen_count = n;
  return true;
}

bool listeners_open(struct listeners *l, struct settings *s, const struct settings *running, FILE *err) {
  char text[ADDR_TEXT];
  if (!open_first(l, s, running, err)) return false;
  for (unsigned w = 1; w < s->threads; w++) {
    for (unsigned i = 0; i < l->count; i++) {
      const char *what = listen_open(&l->of[w][i], &l->of[0][i].addr, w);
      if (!what) continue;
      complain(addr_format(&l->of[0][i].addr, text), what, errno, err);
      return false;
    }
  }
  return true;
}
