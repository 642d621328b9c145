/* log.c: lines to stderr by level. Exports log_line and its level. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static _Atomic int log_now = LOG_INFO;
static const char *const log_names[] = {"error", "warn", "info", "debug"};

void log_set_level(enum log_level level) { atomic_store_explicit(&log_now, (int)level, memory_order_relaxed); }

bool log_is_on(enum log_level level) { return (int)level <= atomic_load_explicit(&log_now, memory_order_relaxed); }

enum log_level log_level_now(void) { return (enum log_level)atomic_load_explicit(&log_now, memory_order_relaxed); }

const char *log_level_word(enum log_level level) { return log_names[level]; }

bool log_level_parse(const char *text, enum log_level *out) {
  for (size_t i = 0; i < sizeof log_names / sizeof *log_names; i++) {
    if (strcmp(text, log_names[i]) == 0) {
      *out = (enum log_level)i;
      return true;
    }
  }
  return false;
}

void log_line(enum log_level level, const char *room, const char *fmt, ...) {
  if (!log_is_on(level)) return;
  char line[1024]; /* one write a line, so that threads do not mix theirs */
  int n = snprintf(line, sizeof line, "%s %s: ", log_names[level], room);
  va_list ap;
  va_start(ap, fmt);
  int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
  va_end(ap);
  if (m < 0) return;
  size_t len = strlen(line);
  line[len] = '\n';
  fwrite(line, 1, len + 1, stderr);
}
