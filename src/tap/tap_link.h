/* The connection to a collector: one thread's, which connects, reads and writes with patience that ends. What
 * becomes of it is logged. */
#ifndef JIDNS_TAP_TAP_LINK_H
#define JIDNS_TAP_TAP_LINK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "tap/tap.h"

enum {
  TAP_LINK_PATIENCE_MS = 2000, /* a collector that neither takes nor says anything for so long is left */
  TAP_LINK_GREETINGS = 2       /* writes that make up the handshake: that we are ready, that we begin */
};

struct tap_link {
  char path[TAP_PATH];
  int fd;            /* -1: not connected */
  unsigned writes;   /* since it was connected */
  bool is_connected; /* the handshake is over; may be read by any thread */
  uint64_t stop_ms;  /* set by another thread: by then it ends; 0: it goes on */
  char said[96];     /* why there was no collector, as the log had it last; "": it had no such line */
  unsigned may_say;  /* lines, and one more with each minute */
  uint64_t may_since_ms;
};

void tap_link_init(struct tap_link *l, const char *path);
/* False: it can't be had now. */
bool tap_link_open(struct tap_link *l);
void tap_link_close(struct tap_link *l);
/* All of it, or false, and it is closed. */
bool tap_link_read(struct tap_link *l, void *octets, size_t len);
bool tap_link_write(struct tap_link *l, const struct iovec *iov, int count);
/* From another thread: it ends in so many milliseconds, whatever the collector does. */
void tap_link_stop(struct tap_link *l, unsigned within_ms);
#endif
