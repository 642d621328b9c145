/* check_ignore.c: findings that are known and accepted. Exports check_add_ignore, check_read_ignores,
 * check_apply_ignores. */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "tool/check.h"

enum { LINE_MAX = 4096 /* octets of a line of a file */ };

static bool add_ignore(struct check_options *o, const char *code, size_t code_len, const char *subject,
                       size_t subject_len) {
  char word[64];
  snprintf(word, sizeof word, "%.*s", (int)code_len, code);
  enum rule_id rule = report_rule_of(word);
  if (rule == RULE_COUNT || o->ignore_count == CHECK_IGNORES_MAX) return false;
  struct check_ignore *i = &o->ignores[o->ignore_count++];
  *i = (struct check_ignore){.rule = rule};
  if (!subject) return true;
  i->subject = strndup(subject, subject_len);
  must(i->subject);
  return true;
}

bool check_add_ignore(struct check_options *o, const char *text) {
  size_t len = strcspn(text, " \t\n"), code_len = strcspn(text, ": \t\n");
  if (text[code_len] != ':') return add_ignore(o, text, code_len, NULL, 0);
  return add_ignore(o, text, code_len, text + code_len + 1, len - code_len - 1);
}

/* A line "CODE until 2026-01-31 ..." counts through that day. *bad: what follows "until" is no day. */
static bool is_over(const char *line, const char *today, bool *bad) {
  static const char word[] = "until ";
  const char *until = line + strcspn(line, " \t");
  int year, month, day;

  until += strspn(until, " \t");
  *bad = false;
  if (strncmp(until, word, sizeof word - 1) != 0) return false;
  until += sizeof word - 1;
  *bad = sscanf(until, "%4d-%2d-%2d", &year, &month, &day) != 3;
  return !*bad && strncmp(until, today, strlen("2026-01-31")) < 0;
}

bool check_read_ignores(struct check_options *o, const char *path, const char *today, FILE *err) {
  char line[LINE_MAX];
  FILE *file = fopen(path, "re");
  if (!file) {
    fprintf(err, "jidns check: --ignore-file %s: %m\n", path);
    return false;
  }

  bool good = true;
  for (unsigned n = 1; good && fgets(line, sizeof line, file); n++) {
    const char *text = line + strspn(line, " \t\r\n");
    bool bad = false;
    if (*text == 0 || *text == '#') continue;
    if (is_over(text, today, &bad)) continue;
    good = !bad && check_add_ignore(o, text);
    if (!good) {
      fprintf(err, "jidns check: %s:%u: %s\n", path, n,
              bad ? "after \"until\" a day is wanted, as in 2026-01-31"
                  : "no such code; jidns check --list shows all");
    }
  }

  fclose(file);
  return good;
}

void check_apply_ignores(const struct check_options *o, struct report *r) {
  for (size_t i = 0; i < r->count; i++) {
    struct finding *x = &r->list[i];
    for (size_t k = 0; k < o->ignore_count; k++) {
      const struct check_ignore *g = &o->ignores[k];
      if (g->rule == x->rule && (!g->subject || strcasecmp(g->subject, x->subject) == 0)) x->ignored = true;
    }
  }
}
