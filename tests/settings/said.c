/* said.c: settings_read, called as main would. Exports said_*. */
#include "settings/said.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS = 60, LINE = 4096 };

const char said_path[] = "settings.conf";

struct said *said_words(const char *const *words) {
  static struct said said;
  static char program[] = "jidnsd";
  char *argv[WORDS + 2] = {program}, *out = NULL, *err = NULL;
  int argc = 1;
  size_t n, m;

  for (; words[argc - 1]; argc++) {
    cr_assert(argc <= WORDS);
    argv[argc] = strdup(words[argc - 1]);
  }

  memset(&said, 0, sizeof said);
  FILE *to_out = open_memstream(&out, &n), *to_err = open_memstream(&err, &m);
  said.outcome = settings_read(&said.s, argc, argv, to_out, to_err);
  fclose(to_out);
  fclose(to_err);
  cr_assert(n < sizeof said.out && m < sizeof said.err);
  memcpy(said.out, out, n + 1);
  memcpy(said.err, err, m + 1);
  free(out);
  free(err);
  while (argc > 1) free(argv[--argc]);
  return &said;
}

struct said *said_line(const char *line) {
  static char copy[LINE];
  const char *words[WORDS + 1] = {NULL};
  unsigned n = 0;
  cr_assert(strlen(line) < sizeof copy);
  strcpy(copy, line);
  for (char *word = strtok(copy, " "); word && n < WORDS; word = strtok(NULL, " ")) words[n++] = word;
  return said_words(words);
}

/* Criterion runs each test in a process of its own: a folder of its own is enough to keep files apart. */
struct said *said_file(const char *line, const char *text) {
  char folder[] = "/tmp/jidns-said-XXXXXX", with[LINE];
  if (!text) return said_line(line);
  cr_assert(mkdtemp(folder) && chdir(folder) == 0);
  FILE *f = fopen(said_path, "w");
  cr_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
  cr_assert((size_t)snprintf(with, sizeof with, "--config %s %s", said_path, line) < sizeof with);
  struct said *said = said_line(with);
  unlink(said_path);
  cr_assert(chdir("/") == 0 && rmdir(folder) == 0);
  return said;
}

const struct settings *said_right(const char *line, const char *text) {
  struct said *said = said_file(line, text);
  cr_assert(said->outcome == SETTINGS_RUN, "'%s' %s: %s", line, text ? text : "", said->err);
  cr_expect_str_empty(said->err);
  return &said->s;
}

static void one_line(const struct said *said, const char *what, const char *first, const char *second) {
  cr_expect(said->outcome == SETTINGS_WRONG, "'%s' was taken", what);
  cr_expect(strncmp(said->err, "jidnsd: ", 8) == 0 &&
                strchr(said->err, '\n') == said->err + strlen(said->err) - 1,
            "'%s': not one line: %s", what, said->err);
  cr_expect(strstr(said->err, first) && strstr(said->err, second), "'%s': %s", what, said->err);
  cr_expect_str_empty(said->out);
}

void said_wrong(const char *line, const char *first, const char *second) {
  one_line(said_line(line), line, first, second);
}

void said_wrong_file(const char *text, unsigned line, const char *first, const char *second) {
  struct said *said = said_file("", text);
  char place[80];
  one_line(said, text, first, second);
  snprintf(place, sizeof place, "jidnsd: %s:%u: ", said_path, line);
  cr_expect(strncmp(said->err, place, strlen(place)) == 0, "'%s': %s", text, said->err);
}

bool is_addr(const union addr *a, const char *text) {
  char is[ADDR_TEXT];
  return strcmp(addr_format(a, is), text) == 0;
}
