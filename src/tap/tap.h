/* dnstap: other programs see the questions and answers that pass, as they pass. One struct tap a worker says
 * what it tells; frames go to a collector through tap/tap_stream.h, by a thread that nobody waits for. */
#ifndef JIDNS_TAP_TAP_H
#define JIDNS_TAP_TAP_H
#include <stdbool.h>

#include "tap/tap_message.h"

enum {
  TAP_PATH = 108, /* octets of a socket's path with its NUL: what the kernel takes */
  TAP_SAMPLE_MAX = 1000000
};

enum tap_what { TAP_BOTH, TAP_CLIENT, TAP_UPSTREAM };

/* What the operator decides; a part of the settings that is handed over whole. */
struct tap_policy {
  char socket[TAP_PATH];           /* the collector's; "": there is none */
  uint32_t sample;                 /* every so many-th query is told of, with its response */
  enum tap_what what;              /* those of clients, those to servers, or both */
  char identity[TAP_MESSAGE_TEXT]; /* "": this host's name */
  char version[TAP_MESSAGE_TEXT];  /* "": the program's */
};

struct tap_queue; /* tap/tap_stream.h */

/* Which of many are told of: the first, and then every so many-th. */
struct tap_sample {
  uint32_t every; /* 0: none */
  uint32_t left;  /* until the next */
};

/* One a worker; zeroed it tells nothing. */
struct tap {
  struct tap_queue *queue; /* borrowed */
  struct tap_sample client, upstream;
};

/* From now on this is told, to that queue, borrowed; NULL: nothing is. */
void tap_set(struct tap *t, const struct tap_policy *policy, struct tap_queue *queue);

/* Is the next one told of? */
static inline bool tap_sample_next(struct tap_sample *s) {
  if (s->left > 1) {
    s->left--;
    return false;
  }
  s->left = s->every;
  return s->every > 0;
}

/* Nanoseconds since 1970. */
uint64_t tap_now_ns(void);

/* Hands the message over; when the queue is full it is dropped and counted. */
void tap_write(struct tap *t, const struct tap_message *m);
#endif
