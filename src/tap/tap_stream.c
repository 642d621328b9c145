/* tap_stream.c: Frame Streams through libfstrm, whose thread empties the workers' queues. Exports
 * tap_library_*, tap_stream_*, tap_queue_*. */
#include "tap/tap_stream.h"

#include <fstrm.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/library.h"
#include "config.h"
#include "tap/tap_link.h"
#include "tap/tap_ring.h"

enum {
  QUEUE = 4096,         /* frames that wait, of each worker */
  WAKE = 128,           /* so many wake the thread: few enough that the ring has room for as many again */
  BATCH = 128,          /* frames a write, */
  BATCH_OCTETS = 32768, /* or so many octets */
  FLUSH_S = 1,          /* what is less leaves after that */
  REOPEN_S = 1
};

#define CONTENT_TYPE "protobuf:dnstap.Dnstap"

/* clang-format off */
#define FSTRM_FUNCTIONS(F)                                                                                   \
  F(iothr_options_init) F(iothr_options_destroy) F(iothr_options_set_buffer_hint)                            \
  F(iothr_options_set_flush_timeout) F(iothr_options_set_input_queue_size)                                   \
  F(iothr_options_set_num_input_queues) F(iothr_options_set_output_queue_size)                               \
  F(iothr_options_set_queue_notify_threshold) F(iothr_options_set_reopen_interval)                           \
  F(iothr_init) F(iothr_destroy) F(iothr_get_input_queue_idx) F(iothr_submit)                                \
  F(rdwr_init) F(rdwr_set_open) F(rdwr_set_close) F(rdwr_set_read) F(rdwr_set_write)                         \
  F(writer_options_init) F(writer_options_destroy) F(writer_options_add_content_type) F(writer_init)
/* clang-format on */

struct fstrm {
#define FSTRM_MEMBER(name) LIBRARY_MEMBER(fstrm_, name)
  FSTRM_FUNCTIONS(FSTRM_MEMBER)
};

static const struct library_symbol symbols[] = {
#define FSTRM_SYMBOL(name) LIBRARY_SYMBOL(fstrm_, struct fstrm, name)
    FSTRM_FUNCTIONS(FSTRM_SYMBOL)};

struct tap_library {
  void *handle;
  struct fstrm f;
};

/* A worker's own: what it has written, until the thread has sent it. */
struct tap_queue {
  struct tap_stream *stream;
  struct fstrm_iothr_queue *frames;
  uint64_t full; /* frames that found no room; the worker's, others may read it */
  struct tap_ring ring;
  uint64_t written, dropped; /* the thread's, as the ring's tail; others may read them */
} __attribute__((aligned(64)));

struct tap_stream {
  const struct tap_library *library;
  struct fstrm_iothr *thread;
  struct tap_link link;
  uint8_t start[TAP_MESSAGE_START];
  size_t start_len;
  unsigned count;
  struct tap_queue queues[];
};

struct tap_library *tap_library_load(FILE *err) {
  struct tap_library *l = calloc(1, sizeof *l);
  if (l) l->handle = library_open(FSTRM_SONAME, symbols, sizeof symbols / sizeof *symbols, &l->f, err);
  if (l && l->handle) return l;
  if (!l) fputs("jidnsd: out of memory\n", err);
  free(l);
  return NULL;
}

void tap_library_unload(struct tap_library *l) {
  if (!l) return;
  library_close(l->handle);
  free(l);
}

/* ---- what the thread calls ---- */

static fstrm_res result(bool good) { return good ? fstrm_res_success : fstrm_res_failure; }

static fstrm_res on_open(void *link) { return result(tap_link_open(link)); }

static fstrm_res on_close(void *link) {
  tap_link_close(link);
  return fstrm_res_success;
}

static fstrm_res on_read(void *link, void *octets, size_t len) {
  return result(tap_link_read(link, octets, len));
}

static fstrm_res on_write(void *link, const struct iovec *iov, int count) {
  return result(tap_link_write(link, iov, count));
}

/* It was sent, or there is nobody to send it to: what could not be written has ended the connection. */
static void on_done(void *frame, void *data) {
  struct tap_queue *q = data;
  uint64_t *which = q->stream->link.is_connected ? &q->written : &q->dropped;
  __atomic_store_n(which, *which + 1, __ATOMIC_RELAXED);
  tap_ring_give_back(&q->ring, frame);
}

/* ---- its life ---- */

static struct fstrm_writer *new_writer(const struct fstrm *f, struct tap_link *link) {
  struct fstrm_rdwr *rdwr = f->rdwr_init(link);
  f->rdwr_set_open(rdwr, on_open);
  f->rdwr_set_close(rdwr, on_close);
  f->rdwr_set_read(rdwr, on_read);
  f->rdwr_set_write(rdwr, on_write);
  struct fstrm_writer_options *o = f->writer_options_init();
  f->writer_options_add_content_type(o, CONTENT_TYPE, sizeof CONTENT_TYPE - 1);
  struct fstrm_writer *w = f->writer_init(o, &rdwr);
  f->writer_options_destroy(&o);
  return w;
}

/* Signals are for the main thread. */
static struct fstrm_iothr *start_thread(const struct fstrm *f, unsigned queues, struct fstrm_writer *writer) {
  sigset_t all, before;
  struct fstrm_iothr_options *o = f->iothr_options_init();
  f->iothr_options_set_num_input_queues(o, queues);
  f->iothr_options_set_input_queue_size(o, QUEUE);
  f->iothr_options_set_queue_notify_threshold(o, QUEUE - 1 - WAKE); /* it counts the room that is left */
  f->iothr_options_set_output_queue_size(o, BATCH);
  f->iothr_options_set_buffer_hint(o, BATCH_OCTETS);
  f->iothr_options_set_flush_timeout(o, FLUSH_S);
  f->iothr_options_set_reopen_interval(o, REOPEN_S);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  struct fstrm_iothr *thread = f->iothr_init(o, &writer);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  f->iothr_options_destroy(&o);
  return thread;
}

static void set_start(struct tap_stream *s, const struct tap_policy *policy, const char *version) {
  char host[TAP_MESSAGE_TEXT] = "";
  gethostname(host, sizeof host - 1);
  s->start_len = tap_message_start(*policy->identity ? policy->identity : host,
                                   *policy->version ? policy->version : version, s->start);
}

static void free_all(struct tap_stream *s) {
  for (unsigned i = 0; i < s->count; i++) tap_ring_free(&s->queues[i].ring);
  free(s);
}

static struct tap_stream *new_stream(const struct tap_library *l, unsigned workers) {
  size_t size = (sizeof(struct tap_stream) + workers * sizeof(struct tap_queue) + 63) / 64 * 64;
  struct tap_stream *s = aligned_alloc(64, size);
  if (!s) return NULL;
  memset(s, 0, size);
  s->library = l;
  for (; s->count < workers; s->count++) {
    s->queues[s->count].stream = s;
    if (tap_ring_init(&s->queues[s->count].ring)) continue;
    free_all(s);
    return NULL;
  }
  return s;
}

static void *nothing(void *unused) { return unused; }

/* The library ends the program when it gets no thread (RLIMIT_NPROC, a unit's TasksMax): so one is tried
 * before. */
static bool can_have_thread(FILE *err) {
  pthread_t thread;
  int e = pthread_create(&thread, NULL, nothing, NULL);
  if (e) {
    fprintf(err, "jidnsd: can't start a thread for dnstap: %s\n", strerror(e));
    return false;
  }

  pthread_join(thread, NULL);
  return true;
}

struct tap_stream *tap_stream_open(const struct tap_library *l, const struct tap_policy *policy,
                                   const char *version, unsigned workers, FILE *err) {
  if (!can_have_thread(err)) return NULL;
  struct tap_stream *s = new_stream(l, workers);
  if (!s) {
    fputs("jidnsd: out of memory for dnstap\n", err);
    return NULL;
  }

  tap_link_init(&s->link, policy->socket);
  set_start(s, policy, version);
  s->thread = start_thread(&l->f, workers, new_writer(&l->f, &s->link));
  for (unsigned i = 0; i < workers; i++) s->queues[i].frames = l->f.iothr_get_input_queue_idx(s->thread, i);
  return s;
}

void tap_stream_close(struct tap_stream *s, struct tap_counts *sum) {
  if (!s) return;
  tap_link_stop(&s->link, TAP_STREAM_END_MS);
  s->library->f.iothr_destroy(&s->thread);
  tap_link_close(&s->link);
  tap_stream_count(s, sum);
  free_all(s);
}

/* ---- for those who look ---- */

void tap_stream_count(const struct tap_stream *s, struct tap_counts *sum) {
  for (unsigned i = 0; i < s->count; i++) {
    const struct tap_queue *q = &s->queues[i];
    sum->written += __atomic_load_n(&q->written, __ATOMIC_RELAXED);
    sum->dropped += __atomic_load_n(&q->dropped, __ATOMIC_RELAXED) +
                    __atomic_load_n(&q->full, __ATOMIC_RELAXED);
  }
}

bool tap_stream_is_connected(const struct tap_stream *s) {
  return __atomic_load_n(&s->link.is_connected, __ATOMIC_RELAXED);
}

/* ---- the worker's ---- */

struct tap_queue *tap_stream_queue(struct tap_stream *s, unsigned worker) {
  return &s->queues[worker];
}

static bool submit(struct tap_queue *q, uint8_t *frame, size_t len) {
  const struct tap_stream *s = q->stream;
  tap_ring_keep(&q->ring, frame, len);
  if (s->library->f.iothr_submit(s->thread, q->frames, frame, len, on_done, q) == fstrm_res_success)
    return true;
  tap_ring_undo(&q->ring, frame);
  return false;
}

void tap_queue_write(struct tap_queue *q, const struct tap_message *m) {
  const struct tap_stream *s = q->stream;
  uint8_t *frame = tap_ring_take(&q->ring, TAP_MESSAGE_MORE + m->len);
  bool sent = frame && submit(q, frame, tap_message_write(m, s->start, s->start_len, frame));
  if (!sent) __atomic_store_n(&q->full, q->full + 1, __ATOMIC_RELAXED);
}
