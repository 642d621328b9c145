/* settings_scan.c: the settings file's text made ready for libconfuse. Exports settings_scan, settings_mark.
 */
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "settings/settings_priv.h"

/* What libconfuse 3.3 does not do and this does: it counts the lines of comments more than once, so they are
 * taken out; it does not find what is never closed; it eats some signs in silence; it has no sections with
 * and without a title under one name, so all get one, "" if there is none; it tells nobody that a section
 * begins, so each begins with a mark. A mark in the file itself is no use. */
const char settings_mark[] = "\001";

enum { OPEN_MAX = 8 };

struct scan {
  struct raw_settings *g;
  const char *p;
  FILE *to;
  unsigned line, depth, opened[OPEN_MAX];
  unsigned words;   /* since the last key = value, or brace */
  bool value, list; /* behind = is one word, or in braces many */
};

static void copy(struct scan *s) {
  if (*s->p == '\n') s->line++;
  fputc(*s->p++, s->to);
}

static void word_ends(struct scan *s) {
  s->words = s->value ? 0 : s->words + 1;
  s->value = false;
}

static void comment(struct scan *s) {
  unsigned since = s->line;
  s->p += 2;
  while (*s->p && (s->p[0] != '*' || s->p[1] != '/')) {
    if (*s->p == '\n') copy(s);
    else s->p++;
  }
  if (*s->p) s->p += 2;
  else settings_complain(s->g, since, "a comment that begins here is not closed; should end with */");
  fputc(' ', s->to);
}

static void quoted(struct scan *s) {
  unsigned since = s->line;
  char quote = *s->p;
  copy(s);
  while (*s->p && *s->p != quote) {
    if (*s->p == '\\' && s->p[1]) copy(s);
    copy(s);
  }
  if (*s->p) copy(s);
  else settings_complain(s->g, since, "a text that begins here is not closed; should end with %c", quote);
  word_ends(s);
}

static bool comment_begins(const char *p) {
  return *p == '#' || (p[0] == '/' && (p[1] == '/' || p[1] == '*'));
}

static void word(struct scan *s) {
  if (s->p[0] == '$' && s->p[1] == '{') { /* the environment's; its braces open nothing */
    while (*s->p && *s->p != '}' && *s->p != '\n') copy(s);
    if (*s->p == '}') copy(s);
    else
      settings_complain(s->g, s->line, "a variable's name that begins here is not closed; should end with }");
  } else {
    do copy(s);
    while (*s->p && !strchr(" \t\r\n{}=,()+*\"'", *s->p) && !comment_begins(s->p));
  }
  word_ends(s);
}

static void opens(struct scan *s) {
  if (s->value) {
    copy(s);
    s->list = true;
  } else {
    if (s->words == 1) fputs("\"\"", s->to);
    copy(s);
    if (!s->list) fprintf(s->to, "%s=%u ", settings_mark, s->line);
  }
  if (s->depth < OPEN_MAX) s->opened[s->depth] = s->line;
  s->depth++;
  s->words = 0;
  s->value = false;
}

static void closes(struct scan *s) {
  copy(s);
  if (s->depth) s->depth--;
  s->words = 0;
  s->value = s->list = false;
}

/* A sign by itself: true for those that have a meaning. */
static bool sign(struct scan *s) {
  char c = *s->p;
  if (c == '*' || (c == '+' && s->p[1] != '=')) {
    settings_complain(s->g, s->line, "'%c' stands outside of quotes; should be within \"...\"", c);
    return false;
  }
  if (c == '=') {
    s->value = true;
    s->words = 0;
  }
  copy(s);
  return true;
}

static bool step(struct scan *s) {
  const char *p = s->p;
  if (p[0] == '/' && p[1] == '*') comment(s);
  else if (comment_begins(p)) s->p += strcspn(p, "\n");
  else if (*p == '"' || *p == '\'') quoted(s);
  else if (*p == '{') opens(s);
  else if (*p == '}') closes(s);
  else if (strchr(" \t\r\n,()=+*", *p)) return sign(s);
  else word(s);
  return !s->g->failed;
}

char *settings_scan(struct raw_settings *g, const char *text) {
  struct scan s = {.g = g, .p = text, .line = 1};
  char *made = NULL;
  size_t len;

  s.to = open_memstream(&made, &len);
  must(s.to != NULL);
  bool good = true;
  while (*s.p && good) good = step(&s);
  if (good && s.depth) {
    settings_complain(g, s.opened[s.depth <= OPEN_MAX ? s.depth - 1 : OPEN_MAX - 1],
                      "what is opened here is not closed; should end with }");
    good = false;
  }

  must(fclose(s.to) == 0);
  if (good) return made;
  free(made);
  return NULL;
}
