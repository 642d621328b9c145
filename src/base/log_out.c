/* log_out.c: lines to standard error by one thread, which alone may wait. Exports log_out_*. */
#include "base/log_out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  EACH_MAX = LOG_OUT_BUFFER / 4 * 3,
  REST_MS = 2, /* between two writes: a busy log costs few wake-ups */
  LAST_MS = 200,
  STACK = 256 << 10
};

enum out_state {
  OUT_DIRECT,   /* who has a line writes it */
  OUT_THREAD,   /* the thread writes */
  OUT_STOPPING, /* it is to end when the buffer is empty */
  OUT_STUCK     /* it was left behind, waiting for its reader: nothing is said any more */
};

static struct {
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t filled, ended;
  pthread_t thread;
  enum out_state state;
  bool asleep; /* the thread waits for a line, and is to be woken */
  bool has_ended;
  bool stuck; /* in OUT_DIRECT: the last line waited in vain, the next doesn't */
  bool torn;  /* the last line that was written lacks its end */
  size_t start, used;
  uint64_t untold; /* lines dropped and not yet told of */
  size_t (*tell)(char line[LOG_OUT_LINE], uint64_t dropped);
  char buffer[LOG_OUT_BUFFER];
  _Atomic uint64_t dropped;
} log_out = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void drop(uint64_t lines) {
  log_out.untold += lines;
  atomic_fetch_add_explicit(&log_out.dropped, lines, memory_order_relaxed);
}

uint64_t log_out_dropped(void) { return atomic_load_explicit(&log_out.dropped, memory_order_relaxed); }

static uint64_t count_lines(const char *text, size_t len) {
  uint64_t lines = 0;
  for (size_t i = 0; i < len; i++) lines += text[i] == '\n';
  return lines;
}

/* ---- standard error ---- */

/* For a pipe "writable" means that PIPE_BUF octets don't wait. An error is writable, too: write says what it
 * is. */
static bool is_writable(int wait_ms) {
  struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
  int n;
  do n = poll(&p, 1, wait_ms);
  while (n < 0 && errno == EINTR);
  return n != 0;
}

/* How many of the octets standard error took; fewer than len when it failed, or made a caller with a bound
 * wait too long. */
static size_t write_some(const char *text, size_t len, int wait_ms) {
  size_t done = 0;
  while (done < len) {
    if (wait_ms >= 0 && !is_writable(wait_ms)) return done;
    size_t part = wait_ms >= 0 && len - done > PIPE_BUF ? PIPE_BUF : len - done;
    ssize_t n = write(STDERR_FILENO, text + done, part);
    if (n > 0) done += (size_t)n;
    else if (n < 0 && errno == EAGAIN && wait_ms < 0)
      is_writable(-1); /* whoever shares the file set O_NONBLOCK */
    else if (n == 0 || errno != EINTR) return done;
  }
  return done;
}

/* Whole lines; a line that was torn before is ended first. Returns how many lines were lost. */
static uint64_t write_lines(const char *text, size_t len, int wait_ms, bool *torn) {
  if (*torn && write_some("\n", 1, wait_ms) != 1) return count_lines(text, len);
  *torn = false;

  size_t done = write_some(text, len, wait_ms);
  *torn = done < len && done > 0 && text[done - 1] != '\n';
  return count_lines(text + done, len - done);
}

/* ---- without the thread ---- */

static void write_here(const char *line, size_t len) {
  uint64_t lost = write_lines(line, len, log_out.stuck ? 0 : LOG_OUT_PATIENCE_MS, &log_out.torn);
  log_out.stuck = lost && !is_writable(0);
  drop(lost);
}

/* ---- the buffer ---- */

static void put_line(const char *line, size_t len) {
  size_t end = (log_out.start + log_out.used) % LOG_OUT_BUFFER;
  size_t first = len < LOG_OUT_BUFFER - end ? len : LOG_OUT_BUFFER - end;
  memcpy(log_out.buffer + end, line, first);
  memcpy(log_out.buffer, line + first, len - first);
  log_out.used += len;
}

/* Takes whole lines, so many as a pipe takes in one piece, or a longer one alone. */
static size_t take_lines(char chunk[LOG_OUT_LINE]) {
  size_t n = log_out.used < LOG_OUT_LINE ? log_out.used : LOG_OUT_LINE;
  size_t first = n < LOG_OUT_BUFFER - log_out.start ? n : LOG_OUT_BUFFER - log_out.start;
  memcpy(chunk, log_out.buffer + log_out.start, first);
  memcpy(chunk + first, log_out.buffer, n - first);

  const char *end = memrchr(chunk, '\n', n < PIPE_BUF ? n : PIPE_BUF);
  if (!end) end = memchr(chunk, '\n', n);
  if (end) n = (size_t)(end - chunk) + 1;
  log_out.start = (log_out.start + n) % LOG_OUT_BUFFER;
  log_out.used -= n;
  return n;
}

void log_out_line(const char *line, size_t len, enum log_out_rank rank) {
  size_t room = rank == LOG_OUT_EACH ? EACH_MAX : LOG_OUT_BUFFER;
  pthread_mutex_lock(&log_out.lock);
  if (log_out.state == OUT_DIRECT) {
    write_here(line, len);
  } else if (log_out.state == OUT_STUCK || log_out.used + len > room) {
    drop(1);
  } else {
    put_line(line, len);
    if (log_out.asleep) pthread_cond_signal(&log_out.filled);
    log_out.asleep = false;
  }
  pthread_mutex_unlock(&log_out.lock);
}

/* ---- the thread ---- */

static struct timespec in_ms(unsigned ms) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  t.tv_sec += ms / 1000;
  t.tv_nsec += (long)(ms % 1000) * 1000000;
  if (t.tv_nsec >= 1000000000) {
    t.tv_sec++;
    t.tv_nsec -= 1000000000;
  }
  return t;
}

/* With the lock held, which it gives up while it writes. */
static void write_chunk(char chunk[LOG_OUT_LINE], size_t len) {
  bool torn = log_out.torn;
  pthread_mutex_unlock(&log_out.lock);
  uint64_t lost = write_lines(chunk, len, -1, &torn);
  pthread_mutex_lock(&log_out.lock);
  log_out.torn = torn;
  drop(lost);
  if (lost || log_out.used || !log_out.untold) return;

  /* The reader has caught up: it hears what it missed. */
  uint64_t told = log_out.untold;
  len = log_out.tell(chunk, told);
  pthread_mutex_unlock(&log_out.lock);
  lost = write_lines(chunk, len, -1, &torn);
  pthread_mutex_lock(&log_out.lock);
  log_out.torn = torn;
  if (!lost) log_out.untold -= told;
}

static void wait_for_lines(void) {
  log_out.asleep = true;
  while (!log_out.used && log_out.state == OUT_THREAD) pthread_cond_wait(&log_out.filled, &log_out.lock);
  log_out.asleep = false;
}

static void *run(void *arg) {
  char chunk[LOG_OUT_LINE];
  (void)arg;
  pthread_mutex_lock(&log_out.lock);
  for (;;) {
    wait_for_lines();
    if (!log_out.used || log_out.state == OUT_STUCK) break;
    write_chunk(chunk, take_lines(chunk));

    /* While it rests lines gather, and wake nobody. */
    struct timespec rested = in_ms(REST_MS);
    if (log_out.used < PIPE_BUF && log_out.state == OUT_THREAD)
      pthread_cond_timedwait(&log_out.filled, &log_out.lock, &rested);
  }

  log_out.has_ended = true;
  pthread_cond_signal(&log_out.ended);
  pthread_mutex_unlock(&log_out.lock);
  return NULL;
}

/* Signals are others' business. */
static int create_thread(void) {
  pthread_attr_t attr;
  sigset_t all, before;
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, STACK);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int e = pthread_create(&log_out.thread, &attr, run, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attr);
  return e;
}

bool log_out_start(size_t (*tell)(char line[LOG_OUT_LINE], uint64_t dropped)) {
  pthread_condattr_t attr;
  pthread_mutex_lock(&log_out.lock);
  bool started = log_out.state != OUT_DIRECT;
  if (!started) {
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&log_out.filled, &attr);
    pthread_cond_init(&log_out.ended, &attr);
    pthread_condattr_destroy(&attr);
    log_out.tell = tell;
    log_out.has_ended = false;
    log_out.state = OUT_THREAD;
    started = create_thread() == 0;
    if (!started) log_out.state = OUT_DIRECT;
  }

  pthread_mutex_unlock(&log_out.lock);
  return started;
}

void log_out_stop(void) {
  struct timespec until = in_ms(LOG_OUT_STOP_MS);
  pthread_mutex_lock(&log_out.lock);
  bool running = log_out.state == OUT_THREAD;
  if (running) {
    log_out.state = OUT_STOPPING;
    pthread_cond_signal(&log_out.filled);
    while (!log_out.has_ended && pthread_cond_timedwait(&log_out.ended, &log_out.lock, &until) == 0) continue;
    log_out.state = log_out.has_ended ? OUT_DIRECT : OUT_STUCK;
  }
  bool ended = log_out.has_ended;
  pthread_mutex_unlock(&log_out.lock);

  if (running && ended) pthread_join(log_out.thread, NULL);
  else if (running) pthread_detach(log_out.thread);
}

/* ---- the end of a program that is wrong ---- */

void log_out_last(const char *line, size_t len) {
  static const struct timespec moment = {.tv_nsec = 10000000};
  for (unsigned ms = 0; ms < LAST_MS; ms += 10) {
    if (pthread_mutex_trylock(&log_out.lock) == 0) {
      bool empty = !log_out.used;
      pthread_mutex_unlock(&log_out.lock);
      if (empty) break;
    }
    nanosleep(&moment, NULL);
  }
  write_some(line, len, LAST_MS);
}

/* ---- a stream ---- */

static ssize_t put_stream(void *cookie, const char *text, size_t len) {
  (void)cookie;
  log_out_line(text, len, LOG_OUT_NOTICE);
  return (ssize_t)len;
}

FILE *log_out_stream(void) {
  FILE *f = fopencookie(NULL, "w", (cookie_io_functions_t){.write = put_stream});
  if (f) setvbuf(f, NULL, _IOLBF, BUFSIZ);
  return f;
}
