/* The sockets of all workers, before they take them over. */
#ifndef JIDNS_DAEMON_LISTENERS_H
#define JIDNS_DAEMON_LISTENERS_H
#include "server/listen.h"
#include "settings/settings.h"

struct listeners {
  unsigned count;                                        /* addresses */
  struct listener of[SETTINGS_THREADS][SETTINGS_LISTEN]; /* of each worker */
};

struct listeners *listeners_new(void);

/* Opens sockets at all of s->listen, but those where `running` (NULL: none) listens, for all of s->threads.
 * Of the default addresses one may be missing on this machine: it is then struck off s->listen. False, and
 * said in one line on err, when an address can't be had. */
bool listeners_open(struct listeners *l, struct settings *s, const struct settings *running, FILE *err);

/* Closes those that nobody took over. NULL is fine. */
void listeners_free(struct listeners *l);
#endif
