/* Inside forward: a miss on its way, and what its files do for each other. */
#ifndef JIDNS_FORWARD_FORWARD_PRIV_H
#define JIDNS_FORWARD_FORWARD_PRIV_H
#include "forward/failures.h"
#include "forward/pending.h"
#include "forward/probe.h"
#include "forward/scrub.h"

struct forward {
  struct forward_options o;
  struct forward_watch watch;
  struct pending_table table;
  bool judged_without_clock; /* what is known of zones was believed while the clock was wrong */
  bool has_new_judge;        /* what is in flight has begun with another one */
  unsigned next_to_leave;    /* the bucket where one that nobody waits for is looked for first */
  struct failures failures;
  struct probes probes;
  struct scrub_border border; /* of the servers whose reply is looked at */
  struct answer answer;       /* work space: the answer of the question whose step runs (enum draft_state) */
  struct answer denied;       /* what is known of a name above the one asked for */
  uint8_t out[DNS_MSG_MAX];   /* the message being sent to a client */
};

/* What the servers have no say of; NULL where no alias is followed. */
static inline struct scrub_border *forward_border(struct forward *f) {
  return f->o.answer ? &f->border : NULL;
}

/* deliver.c: one waiter gets its answer and is freed. */
void deliver_answer(struct forward *f, const struct pending *p, struct waiter *w, const struct answer_view *v,
                    uint64_t now_ms);
/* What the cache has for it, at most max_stale_s past its time; false: nothing. */
bool deliver_cached(struct forward *f, const struct pending *p, struct waiter *w, uint32_t max_stale_s,
                    uint64_t now_ms);
/* false: it has none */
bool deliver_stale(struct forward *f, const struct pending *p, struct waiter *w, uint64_t now_ms);
/* The whole records of a truncated reply, with TC; false: there is none. */
bool deliver_partial(struct forward *f, const struct pending *p, struct waiter *w, uint64_t now_ms);
void deliver_failure(struct forward *f, const struct pending *p, struct waiter *w, enum err why,
                     uint64_t now_ms);

/* What makes a step run. */
enum event_kind {
  EVENT_START, /* the question is put in: who asks is told nothing before it has returned */
  EVENT_REPLY, /* one of its tries is over */
  EVENT_TIME   /* a timer: the step's own time is there, or the next try's, or what it waits for is over */
};

struct event {
  enum event_kind kind;
  uint64_t now_ms;
  struct try *try;    /* EVENT_REPLY: which */
  const uint8_t *msg; /* its reply, borrowed from the channel; NULL: it failed */
  size_t len;
};

/* steps.c */
enum next {
  MORE, /* its next step at once */
  WAIT, /* for a reply, what it awaits, or the time */
  DONE  /* nobody waits any more */
};
const char *steps_word(enum pending_step step);                /* "follow" */
enum next steps_run(struct pending *p, const struct event *e); /* the one it stands at */
void steps_start_anew(struct pending *p, uint64_t now_ms);     /* as if it had just been asked */
/* A server failed: another one is picked next. */
enum next steps_server_failed(struct pending *p, struct nameserver *s, enum err why);
/* Why p failed, of which its last server says this. */
enum err steps_why_failed(const struct pending *p, enum err why);
/* It does not repeat capitals and has no TCP to tell by whether it was the server: UDP without them next. */
void steps_ask_without_0x20(struct pending *p, struct nameserver *s, uint64_t now_ms);

/* forward.c: p goes on at its step, as what it waited for has come; and how an exchange that a step set off
 * ends. */
void forward_resume(struct pending *p, uint64_t now_ms);
void forward_try_done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms);
#endif
