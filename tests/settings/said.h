/* What settings_read makes of options, variables and a file, and what it says. */
#ifndef JIDNS_TESTS_SETTINGS_SAID_H
#define JIDNS_TESTS_SETTINGS_SAID_H
#include "settings/settings.h"

struct said {
  struct settings s;
  enum settings_outcome outcome;
  char out[32768], err[8192];
};

/* Reads these words as a command line, ended by NULL, without jidnsd itself. One result at a time. */
struct said *said_words(const char *const *words);
/* A command line given as one text, words separated by single spaces. */
struct said *said_line(const char *line);
/* With this text as the settings file, NULL for none. Its name is said_path. */
struct said *said_file(const char *line, const char *text);
extern const char said_path[];

/* The settings that such a line, or a file, makes; failed when anything is complained of. */
const struct settings *said_right(const char *line, const char *text);

/* The complaint: one line that has all of these in it. */
void said_wrong(const char *line, const char *first, const char *second);
/* The complaint about a file: one line that begins with the file's name and this line of it, and has these
 * words in it. */
void said_wrong_file(const char *text, unsigned line, const char *first, const char *second);

bool is_addr(const union addr *a, const char *text);
#endif
