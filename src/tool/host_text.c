/* host_text.c: lines of resolv.conf and of its managers' settings. Exports host_text_*. */
#include "tool/host_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "tool/host.h"

static const char remark[] = "# jidns host: jidnsd first; the servers below answer when it does not";
static const char beyond[] = "# jidns host: the fourth and further ones are never asked: ";
static const char begin[] = "# begin: jidns host (jidns host disable takes this out)";
static const char end[] = "# end: jidns host";
static const char spaces[] = " \t\r\n\f\v";

struct line {
  const char *text; /* without its line feed */
  size_t len;
};

/* The next line at *at; false behind the last. */
static bool next_line(const char **at, struct line *line) {
  if (!**at) return false;
  line->text = *at;
  line->len = strcspn(*at, "\n");
  *at += line->len + ((*at)[line->len] == '\n');
  return true;
}

static bool is_line(const struct line *line, const char *text) {
  return line->len == strlen(text) && memcmp(line->text, text, line->len) == 0;
}

static bool begins(const struct line *line, const char *text) {
  size_t len = strlen(text);
  return line->len >= len && memcmp(line->text, text, len) == 0;
}

static void put_line(FILE *out, const struct line *line) {
  fwrite(line->text, 1, line->len, out);
  fputc('\n', out);
}

/* The address of a nameserver line, as glibc takes it; its length, 0 for another line. */
static size_t server_of(const struct line *line, const char **address) {
  static const char keyword[] = "nameserver";
  size_t at = sizeof keyword - 1;
  if (!begins(line, keyword) || line->len == at || !strchr(spaces, line->text[at])) return 0;
  while (at < line->len && strchr(spaces, line->text[at])) at++;

  *address = line->text + at;
  size_t len = 0;
  while (at + len < line->len && !strchr(" \t\r\f\v;#", line->text[at + len])) len++;
  return len;
}

static bool is_jidnsd(const struct line *line) {
  const char *address;
  size_t len = server_of(line, &address);
  return len == sizeof HOST_JIDNSD - 1 && memcmp(address, HOST_JIDNSD, len) == 0;
}

bool host_text_server(const char *text, unsigned nth, char *out, size_t room) {
  struct line line;
  const char *address;
  while (next_line(&text, &line)) {
    size_t len = server_of(&line, &address);
    if (!len || nth--) continue;
    snprintf(out, room, "%.*s", (int)len, address);
    return true;
  }
  return false;
}

static void put_first(FILE *out) { fprintf(out, "%s\nnameserver " HOST_JIDNSD "\n", remark); }

char *host_text_first(const char *text) {
  char *made = NULL;
  size_t len;
  const char *address;
  struct line line;
  unsigned servers = 0;
  FILE *out = open_memstream(&made, &len);
  must(out);

  while (next_line(&text, &line)) {
    if (is_line(&line, remark) || is_jidnsd(&line)) continue;
    bool is_server = server_of(&line, &address) > 0;
    if (is_server && !servers++) put_first(out);
    if (is_server && servers >= HOST_SERVERS) fputs(beyond, out);
    put_line(out, &line);
  }

  if (!servers) put_first(out);
  must(fclose(out) == 0);
  return made;
}

char *host_text_with(const char *text, const char *block) {
  char *made = NULL;
  size_t len = strlen(text), made_len;
  FILE *out = open_memstream(&made, &made_len);
  must(out);
  fprintf(out, "%s%s%s\n%s%s\n", text, len && text[len - 1] != '\n' ? "\n" : "", begin, block, end);
  must(fclose(out) == 0);
  return made;
}

/* Where what host_text_with added ends, seen from behind its first line. */
enum block {
  BLOCK_NONE,  /* not in it */
  BLOCK_WHOLE, /* its last line is to come: everything up to there is of jidns */
  BLOCK_OPEN   /* somebody took that away: what jidns writes is of jidns, the rest somebody else's */
};

static enum block judge_block(const char *text) {
  struct line line;
  while (next_line(&text, &line) && !is_line(&line, begin)) {
    if (is_line(&line, end)) return BLOCK_WHOLE;
  }
  return BLOCK_OPEN;
}

static bool is_ours(const struct line *line, enum block block) {
  if (is_line(line, begin) || is_line(line, end) || is_line(line, remark) || is_jidnsd(line)) return true;
  if (block == BLOCK_OPEN) return is_line(line, HOST_OPENRESOLV_NAMES) || is_line(line, HOST_OPENRESOLV_ALL);
  return block == BLOCK_WHOLE;
}

char *host_text_without(const char *text, bool *found) {
  char *made = NULL;
  size_t len;
  struct line line;
  enum block block = BLOCK_NONE;
  FILE *out = open_memstream(&made, &len);
  must(out);
  *found = false;

  while (next_line(&text, &line)) {
    if (is_line(&line, begin)) block = judge_block(text);
    bool ours = is_ours(&line, block);
    *found |= ours;
    if (is_line(&line, end)) block = BLOCK_NONE;
    if (ours) continue;
    if (begins(&line, beyond)) {
      line.text += sizeof beyond - 1;
      line.len -= sizeof beyond - 1;
    }
    put_line(out, &line);
  }

  must(fclose(out) == 0);
  return made;
}

/* ---- what differs ---- */

enum { DIFF_LINES = 400 }; /* of each file; what comes behind is said to be left out */

static size_t split(const char *text, struct line lines[DIFF_LINES]) {
  size_t n = 0;
  while (n < DIFF_LINES && next_line(&text, &lines[n])) n++;
  return n;
}

static bool is_same(const struct line *a, const struct line *b) {
  return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

static void show(char sign, const struct line *line, FILE *out) {
  fprintf(out, "  %c", sign);
  for (size_t i = 0; i < line->len; i++) {
    unsigned char c = (unsigned char)line->text[i];
    fputc(c < ' ' && c != '\t' ? '?' : c, out);
  }
  fputc('\n', out);
}

/* common[i * width + j]: how many lines the rests of both, from lines i and j on, have in common. */
static unsigned *count_common(const struct line *a, size_t n, const struct line *b, size_t m) {
  size_t width = m + 1;
  unsigned *common = must_zalloc((n + 1) * width * sizeof *common);
  for (size_t i = n; i-- > 0;) {
    for (size_t j = m; j-- > 0;) {
      unsigned down = common[(i + 1) * width + j], right = common[i * width + j + 1];
      common[i * width + j] = is_same(&a[i], &b[j]) ? common[(i + 1) * width + j + 1] + 1
                              : down > right        ? down
                                                    : right;
    }
  }
  return common;
}

void host_text_diff(const char *path, const char *before, const char *after, FILE *out) {
  struct line a[DIFF_LINES], b[DIFF_LINES];
  size_t n = before ? split(before, a) : 0, m = after ? split(after, b) : 0, i = 0, j = 0;
  unsigned *common = count_common(a, n, b, m);

  fprintf(out, "  --- %s\n  +++ %s\n", before ? path : "/dev/null", after ? path : "/dev/null");
  while (i < n || j < m) {
    if (i < n && j < m && is_same(&a[i], &b[j])) {
      show(' ', &a[i++], out);
      j++;
    } else if (i < n && (j == m || common[(i + 1) * (m + 1) + j] >= common[i * (m + 1) + j + 1])) {
      show('-', &a[i++], out);
    } else {
      show('+', &b[j++], out);
    }
  }

  if (n == DIFF_LINES || m == DIFF_LINES) fputs("  ... (the rest is not shown)\n", out);
  free(common);
}
