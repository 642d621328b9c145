/* Lines to stderr: "level room: text". The level is the program's only mutable global. */
#ifndef JIDNS_BASE_LOG_H
#define JIDNS_BASE_LOG_H
#include <stdbool.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

enum log_level log_level_now(void);
const char *log_level_word(enum log_level level);

/* Parses "error", "warn", "info" or "debug"; false (and *out untouched) for anything else. */
bool log_level_parse(const char *text, enum log_level *out);

void log_line(enum log_level level, const char *room, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#define log_error(room, ...) log_line(LOG_ERROR, room, __VA_ARGS__)
#define log_warn(room, ...) log_line(LOG_WARN, room, __VA_ARGS__)
#define log_info(room, ...) log_line(LOG_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) (log_is_on(LOG_DEBUG) ? log_line(LOG_DEBUG, room, __VA_ARGS__) : (void)0)
#endif
