/* log.c: lines by level, each at most so often. Exports log_*. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/jsonw.h"
#include "base/log_out.h"

enum { FLOODS = 64, BROKEN = 32, LINE = 1024 };

/* What one place in the program, known by its format, says in one second. */
struct flood {
  const char *fmt, *component;
  enum log_level level;
  unsigned said;
  uint64_t left_out, second;
};

struct broken {
  const char *file;
  int line;
};

static struct {
  _Atomic uint8_t most; /* the highest of the levels: most lines need no look at their component's */
  _Atomic uint8_t levels[LOG_COMPONENT_COUNT];
  _Atomic bool json, times, journal;
  _Atomic uint64_t left_out, broken; /* left out and not yet told of; broken() in all */
  pthread_mutex_t lock;              /* of what follows */
  struct flood floods[FLOODS];
  struct broken places[BROKEN];
  unsigned place_count;
} log_now = {.most = LOG_INFO,
             .lock = PTHREAD_MUTEX_INITIALIZER,
             .levels = {
#define X(component) LOG_INFO,
                 LOG_COMPONENTS(X)
#undef X
             }};

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const component_names[] = {
#define X(component) #component,
    LOG_COMPONENTS(X)
#undef X
};

/* ---- levels ---- */

static bool level_parse(const char *text, enum log_level *out) {
  for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
    if (strcmp(text, level_names[i]) == 0) {
      *out = (enum log_level)i;
      return true;
    }
  }
  return false;
}

/* LOG_COMPONENT_COUNT if there is none of that name. */
static unsigned component_named(const char *name) {
  unsigned i = 0;
  while (i < LOG_COMPONENT_COUNT && strcmp(component_names[i], name) != 0) i++;
  return i;
}

bool log_levels_parse(const char *text, uint8_t out[LOG_COMPONENT_COUNT]) {
  char copy[400], *rest = copy;
  uint8_t levels[LOG_COMPONENT_COUNT];
  enum log_level level = LOG_INFO;

  if (strlen(text) >= sizeof copy) return false;
  strcpy(copy, text);
  char *word = strsep(&rest, ",");
  bool general = !strchr(word, '=');
  if (general && !level_parse(word, &level)) return false;
  memset(levels, level, sizeof levels);
  if (general) word = strsep(&rest, ",");
  for (; word; word = strsep(&rest, ",")) {
    char *equals = strchr(word, '=');
    if (!equals) return false;
    *equals = 0;
    unsigned component = component_named(word);
    if (component == LOG_COMPONENT_COUNT || !level_parse(equals + 1, &level)) return false;
    levels[component] = (uint8_t)level;
  }

  memcpy(out, levels, sizeof levels);
  return true;
}

void log_set_levels(const uint8_t levels[LOG_COMPONENT_COUNT]) {
  uint8_t most = 0;
  for (unsigned i = 0; i < LOG_COMPONENT_COUNT; i++) {
    if (levels[i] > most) most = levels[i];
    atomic_store_explicit(&log_now.levels[i], levels[i], memory_order_relaxed);
  }
  atomic_store_explicit(&log_now.most, most, memory_order_relaxed);
}

void log_set_level(enum log_level level) {
  uint8_t levels[LOG_COMPONENT_COUNT];
  memset(levels, level, sizeof levels);
  log_set_levels(levels);
}

static enum log_level level_of(unsigned component) {
  return (enum log_level)atomic_load_explicit(&log_now.levels[component], memory_order_relaxed);
}

const char *log_levels_format(char text[LOG_LEVELS_TEXT]) {
  unsigned counts[LOG_DEBUG + 1] = {0}, usual = LOG_INFO;
  for (unsigned i = 0; i < LOG_COMPONENT_COUNT; i++) counts[level_of(i)]++;
  for (unsigned i = 0; i <= LOG_DEBUG; i++) {
    if (counts[i] > counts[usual]) usual = i;
  }
  size_t n = (size_t)snprintf(text, LOG_LEVELS_TEXT, "%s", level_names[usual]);
  for (unsigned i = 0; i < LOG_COMPONENT_COUNT; i++) {
    enum log_level level = level_of(i);
    if (level != usual)
      n += (size_t)snprintf(text + n, LOG_LEVELS_TEXT - n, ",%s=%s", component_names[i], level_names[level]);
  }
  return text;
}

bool log_is_on(enum log_level level, const char *component) {
  if ((int)level > atomic_load_explicit(&log_now.most, memory_order_relaxed)) return false;
  unsigned i = component_named(component);
  return i < LOG_COMPONENT_COUNT && level <= level_of(i);
}

/* ---- format ---- */

/* Does journald read stderr? It says which file that is in JOURNAL_STREAM. */
static bool is_journal(void) {
  const char *stream = getenv("JOURNAL_STREAM");
  unsigned long long device, inode;
  struct stat st;
  return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
         st.st_dev == device && st.st_ino == inode;
}

void log_set(const struct log_policy *options) {
  log_set_levels(options->levels);
  atomic_store(&log_now.json, options->format == LOG_JSON);
  atomic_store(&log_now.times, options->times);
  atomic_store(&log_now.journal, is_journal());
}

static const char *time_format(char text[40]) { /* RFC 3339 */
  struct timespec now;
  struct tm tm;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &tm);
  size_t n = strftime(text, 40, "%Y-%m-%dT%H:%M:%S", &tm);
  snprintf(text + n, 40 - n, ".%03ldZ", now.tv_nsec / 1000000);
  return text;
}

static size_t put_json(char *line, size_t size, enum log_level level, const char *component,
                       const char *text) {
  struct jsonw j = jsonw_into(line, size);
  char when[40];
  jsonw_open(&j, NULL, '{');
  jsonw_string(&j, "time", time_format(when));
  jsonw_string(&j, "level", level_names[level]);
  jsonw_string(&j, "component", component);
  jsonw_string(&j, "text", text);
  jsonw_close(&j, '}');
  return j.len;
}

/* What came from outside can't make lines of its own. */
static size_t put_text(char *line, size_t size, enum log_level level, const char *component,
                       const char *text) {
  bool journal = atomic_load(&log_now.journal);
  char when[40];
  int n = 0;
  if (atomic_load(&log_now.times) && !journal) n = snprintf(line, size, "%s ", time_format(when));
  if (!journal) n += snprintf(line + n, size - (size_t)n, "%s ", level_names[level]);
  n += snprintf(line + n, size - (size_t)n, "%s: ", component);
  for (const char *p = text; *p; p++) line[n++] = (unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p;
  return (size_t)n;
}

static size_t format_line(char line[LOG_OUT_LINE], enum log_level level, const char *component,
                          const char *text) {
  static const char priorities[] = {[LOG_ERROR] = '3', [LOG_WARN] = '4', [LOG_INFO] = '6', [LOG_DEBUG] = '7'};
  size_t n = 0;
  if (atomic_load(&log_now.journal)) n = (size_t)snprintf(line, LOG_OUT_LINE, "<%c>", priorities[level]);
  if (atomic_load(&log_now.json)) n += put_json(line + n, LOG_OUT_LINE - n - 1, level, component, text);
  else n += put_text(line + n, LOG_OUT_LINE - n - 1, level, component, text);
  line[n++] = '\n';
  return n;
}
_Static_assert(LOG_OUT_LINE >= LINE * 6 + 200, "an octet of text grows to 6 in JSON");

static void put(enum log_level level, const char *component, const char *text, enum log_out_rank rank) {
  char line[LOG_OUT_LINE];
  log_out_line(line, format_line(line, level, component, text), rank);
}

void log_plain(const char *text) {
  char line[LOG_OUT_LINE];
  size_t n = strnlen(text, sizeof line - 1);
  memcpy(line, text, n);
  line[n++] = '\n';
  log_out_line(line, n, LOG_OUT_NOTICE);
}

static size_t tell_dropped(char line[LOG_OUT_LINE], uint64_t dropped) {
  char text[80];
  snprintf(text, sizeof text, "%llu lines were dropped: standard error took no more",
           (unsigned long long)dropped);
  return format_line(line, LOG_WARN, "base", text);
}

bool log_start(void) { return log_out_start(tell_dropped); }

/* ---- floods ---- */

/* Under the lock. */
static void tell_left_out(struct flood *f) {
  char text[LINE];
  if (!f->left_out) return;
  snprintf(text, sizeof text, "left out: %llu more lines like: %s", (unsigned long long)f->left_out, f->fmt);
  atomic_fetch_sub(&log_now.left_out, f->left_out);
  f->left_out = 0;
  put(f->level, f->component, text, LOG_OUT_NOTICE);
}

/* Under the lock. */
static void tell_all(uint64_t second) {
  if (!atomic_load_explicit(&log_now.left_out, memory_order_relaxed)) return;
  for (unsigned i = 0; i < FLOODS; i++) {
    if (log_now.floods[i].second < second) tell_left_out(&log_now.floods[i]);
  }
}

void log_flush(bool end) {
  if (!atomic_load_explicit(&log_now.left_out, memory_order_relaxed)) return;
  pthread_mutex_lock(&log_now.lock);
  tell_all(end ? UINT64_MAX : clock_ms() / 1000);
  pthread_mutex_unlock(&log_now.lock);
}

/* May this be said now? Two places that share a slot end each other's second early. */
static bool is_few(enum log_level level, const char *component, const char *fmt) {
  uint64_t second = clock_ms() / 1000;
  struct flood *f = &log_now.floods[((uintptr_t)fmt * 0x9e3779b97f4a7c15u) >> 58];

  pthread_mutex_lock(&log_now.lock);
  tell_all(second);
  if (f->fmt != fmt || f->second != second) {
    tell_left_out(f);
    *f = (struct flood){.fmt = fmt, .component = component, .level = level, .second = second};
  }

  bool few = f->said < LOG_SAID;
  if (few) {
    f->said++;
  } else {
    f->left_out++;
    atomic_fetch_add(&log_now.left_out, 1);
  }

  pthread_mutex_unlock(&log_now.lock);
  return few;
}
_Static_assert(FLOODS == 1 << (64 - 58), "the hash's top bits are the slot");

void log_line(enum log_level level, const char *component, const char *fmt, ...) {
  if (!log_is_on(level, component) || (level != LOG_DEBUG && !is_few(level, component, fmt))) return;
  char text[LINE];
  va_list args;
  va_start(args, fmt);
  if (vsnprintf(text, sizeof text, fmt, args) >= 0) put(level, component, text, LOG_OUT_NOTICE);
  va_end(args);
}

void log_each(const char *component, const char *fmt, ...) {
  if (!log_is_on(LOG_INFO, component)) return;
  char text[LINE];
  va_list args;
  va_start(args, fmt);
  if (vsnprintf(text, sizeof text, fmt, args) >= 0) put(LOG_INFO, component, text, LOG_OUT_EACH);
  va_end(args);
}

/* ---- what should not be ---- */

bool log_broken(const char *file, int line) {
  unsigned i = 0;
  atomic_fetch_add_explicit(&log_now.broken, 1, memory_order_relaxed);
  pthread_mutex_lock(&log_now.lock);
  while (i < log_now.place_count &&
         (log_now.places[i].line != line || strcmp(log_now.places[i].file, file) != 0))
    i++;
  bool new = i == log_now.place_count &&i < BROKEN;
  if (new) log_now.places[log_now.place_count++] = (struct broken){file, line};
  pthread_mutex_unlock(&log_now.lock);
  return new;
}

uint64_t log_broken_count(void) { return atomic_load_explicit(&log_now.broken, memory_order_relaxed); }
