/* Lines to stderr, one each: "level component: text", or JSON, which says when, too. What they are at is the
 * program's only mutable global: levels, format, what was said of late. Any thread may say something. */
#ifndef JIDNS_BASE_LOG_H
#define JIDNS_BASE_LOG_H
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Who says something, and can have a level of its own. */
/* clang-format off */
#define LOG_COMPONENTS(X) \
  X(base) X(cache) X(daemon) X(faults) X(forward) X(ops) X(query) X(server) X(share) X(tap) X(upstream) X(xmpp)
/* clang-format on */

enum {
#define X(component) LOG_COMPONENT_##component,
  LOG_COMPONENTS(X)
#undef X
      LOG_COMPONENT_COUNT
};

#define LOG_COMPONENT_WORD(component) " " #component /* for a text that names them all */

enum log_format { LOG_TEXT, LOG_JSON };

struct log_policy {
  uint8_t levels[LOG_COMPONENT_COUNT]; /* an enum log_level each */
  enum log_format format;
  bool times; /* text begins with when it was said, in UTC; JSON always says so, text for journald never */
};

enum {
  LOG_SAID = 10
}; /* lines a second that one place in the program may say: more are left out, and how many is said. Not so
    * debug lines, which somebody wants to see all of. */

/* "error", "warn", "info" or "debug" for all, then others for single components: "warn,xmpp=debug", or
 * "xmpp=debug" (the others: info). False, and *out untouched, for anything else. */
bool log_levels_parse(const char *text, uint8_t out[LOG_COMPONENT_COUNT]);
/* The levels that hold now, in that form. */
enum { LOG_LEVELS_TEXT = 16 + LOG_COMPONENT_COUNT * 16 };
const char *log_levels_format(char text[LOG_LEVELS_TEXT]);

/* Where journald reads stderr its own prefixes stand for the levels. */
void log_set(const struct log_policy *options);
void log_set_levels(const uint8_t levels[LOG_COMPONENT_COUNT]);
void log_set_level(enum log_level level); /* everybody's */

bool log_is_on(enum log_level level, const char *component);
void log_line(enum log_level level, const char *component, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A line as it is, whatever the levels. */
void log_plain(const char *text);
/* At level info, however often: for what is asked for line by line. */
void log_each(const char *component, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Says how many lines were left out in seconds that are over; at the end: in this one, too. Cheap when none
 * were. */
void log_flush(bool end);

/* From now on a thread of its own writes the lines (base/log_out.h), so that no other ever waits for who
 * reads them. To be called when rights are given up, before the workers. False when there is no thread to be
 * had. The end: log_out_stop. */
bool log_start(void);

/* Notes that what should not be was seen at this place: true for the first time, which is to be said. */
bool log_broken(const char *file, int line);
/* How often that was, everywhere. */
uint64_t log_broken_count(void);

#define log_error(component, ...) log_line(LOG_ERROR, component, __VA_ARGS__)
#define log_warn(component, ...) log_line(LOG_WARN, component, __VA_ARGS__)
#define log_info(component, ...) log_line(LOG_INFO, component, __VA_ARGS__)
#define log_debug(component, ...)                                                                            \
  (log_is_on(LOG_DEBUG, component) ? log_line(LOG_DEBUG, component, __VA_ARGS__) : (void)0)
#endif
