/* listeners.c: opens the workers' sockets. Exports listeners_*. */
#include "daemon/listeners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/port_holder.h"
#include "ops/passed_sockets.h"

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

/* addr is that of which e tells. */
static void complain(const char *addresses, const union addr *addr, const char *transport, int e, FILE *err) {
  static const char forbidden[] = "; ports below 1024 need root, CAP_NET_BIND_SERVICE or the sysctl "
                                  "net.ipv4.ip_unprivileged_port_start=53; or listen on a higher one, "
                                  "such as --listen 127.0.0.1:5300";
  char advice[PORT_HOLDER_ADVICE] = "";
  if (e == EADDRINUSE) port_holder_advise(addr, strcmp(transport, "TCP") == 0, "--listen", advice);
  fprintf(err, "jidnsd: can't listen on %s (%s): %s%s\n", addresses, transport, strerror(e),
          e == EACCES ? forbidden : advice);
}

static bool is_missing(int e) { return e == EAFNOSUPPORT || e == EADDRNOTAVAIL || e == EPROTONOSUPPORT; }

static void say_later(const union addr *a) {
  char text[ADDR_TEXT];
  log_warn("daemon", "this machine does not have the address %s yet; jidnsd answers there as soon as it does",
           addr_format(a, text));
}

/* Sockets that were passed are shared by all workers: only who opens them himself can have one for each. */
static const char *open_at(struct listener *l, const struct passed_sockets *passed, const union addr *addr,
                           unsigned nth) {
  const struct passed_socket *p = passed_sockets_at(passed, addr);
  return listen_take(l, addr, p ? p->udp : -1, p ? p->tcp : -1, nth);
}

/* Opens the first worker's sockets. */
static bool open_first(struct listeners *l, struct settings *s, const struct settings *running,
                       const struct passed_sockets *passed, FILE *err) {
  char text[ADDR_TEXT], failed[SETTINGS_LISTEN * ADDR_TEXT] = "";
  const char *transport = NULL;
  union addr taken = {0};
  unsigned n = 0;
  int why = 0;

  for (unsigned i = 0; i < s->listen_count; i++) {
    bool has = running && settings_listens(running, &s->listen[i]);
    /* it has a place, and nothing is open there */
    bool comes = !addr_is_here(&s->listen[i], s->listen_scopes[i]);
    const char *what = has || comes ? NULL : open_at(&l->of[0][l->count], passed, &s->listen[i], 0);
    if (!what) {
      if (!has && l->of[0][l->count].later) say_later(&s->listen[i]);
      l->count += !has;
      memmove(s->listen_scopes[n], s->listen_scopes[i], ADDR_SCOPE);
      s->listen[n++] = s->listen[i];
      continue;
    }
    int e = errno;
    addr_format(&s->listen[i], text);
    if (!s->listen_default) {
      complain(text, &s->listen[i], what, e, err);
      return false;
    }
    if (is_missing(e) && !running) log_info("daemon", "not listening on %s: %s", text, strerror(e));
    if (!is_missing(e) || !why) {
      why = e;
      transport = what;
      taken = s->listen[i];
    }
    if (*failed) strcat(failed, " and ");
    strcat(failed, text);
  }

  if (n == 0 || (why && !is_missing(why))) {
    complain(failed, &taken, transport, why, err);
    return false;
  }

  s->listen_count = n;
  return true;
}

bool listeners_open(struct listeners *l, struct settings *s, const struct settings *running, FILE *err) {
  char text[ADDR_TEXT];
  struct passed_sockets passed;
  if (!passed_sockets_find(&passed, err) || !open_first(l, s, running, &passed, err)) return false;
  for (unsigned w = 1; w < s->threads; w++) {
    for (unsigned i = 0; i < l->count; i++) {
      if (l->of[0][i].udp < 0) continue;
      const char *what = open_at(&l->of[w][i], &passed, &l->of[0][i].addr, w);
      if (!what) continue;
      complain(addr_format(&l->of[0][i].addr, text), &l->of[0][i].addr, what, errno, err);
      return false;
    }
  }
  return true;
}
