/* control_expect.c: what requests at the control socket should be answered, found out apart from
 * ops/control.c. Exports long_read, expect, expect_heard. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/control.h"
#include "fuzz/fuzz.h"

enum { TEXT_MAX = 1 << 19, ANSWERS = LINES_MAX + 2 };

/* What is known of an answer. */
enum due_kind {
  SAYS /* just the text */,
  GOOD,
  BAD,
  EITHER /* of a line */,
  DUMP /* either, rows before it */,
  ADD /* a rule */
};

struct answer_due {
  enum due_kind kind;
  size_t at, len; /* SAYS: in text */
};

struct word {
  const char *at; /* in the request */
  size_t len;
};

struct request {
  struct word words[CONTROL_WORDS];
  unsigned count;
};

static struct {
  struct answer_due due[ANSWERS];
  unsigned count;
  bool real;
  size_t left; /* of LONG_OCTETS_MAX */
  size_t len;
  char text[TEXT_MAX];
} model;

/* ---- writing the text of an answer ---- */

static void put(const char *text, size_t len) {
  must(len <= sizeof model.text - model.len);
  memcpy(model.text + model.len, text, len);
  model.len += len;
}

static void put_text(const char *text) { put(text, strlen(text)); }

static void put_escaped(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '"' || text[i] == '\\') put("\\", 1);
    if (text[i] == '\t') put_text("\\u0009");
    else put(text + i, 1);
  }
}

static struct answer_due *next_due(enum due_kind kind) {
  must(model.count < ANSWERS);
  struct answer_due *d = &model.due[model.count++];
  *d = (struct answer_due){.kind = kind, .at = model.len};
  return d;
}

static void due_error(const char *before, const struct word *word, const char *behind) {
  struct answer_due *d = next_due(SAYS);
  put_text("{\"ok\":false,\"error\":\"");
  put_text(before);
  if (word) put_escaped(word->at, word->len < 40 ? word->len : 40);
  put_text(behind);
  put_text("\"}\n");
  d->len = model.len - d->at;
}

/* ---- the target's own commands ---- */

static bool is_word(const struct request *q, unsigned i, const char *word) {
  return i < q->count && q->words[i].len == strlen(word) &&
         memcmp(q->words[i].at, word, q->words[i].len) == 0;
}

/* Up to five digits. */
static bool number_read(const char *text, unsigned *n) {
  size_t len = strlen(text);
  *n = (unsigned)atoi(text);
  return len >= 1 && len <= 5 && strspn(text, "0123456789") == len;
}

bool long_read(unsigned argc, char *const *argv, size_t *left, unsigned *n, unsigned *octets) {
  if (argc != 3 || !number_read(argv[1], n) || !number_read(argv[2], octets)) return false;
  size_t len = (size_t)*n * (2u * *octets + 9);
  if (len > *left) return false;
  *left -= len;
  return true;
}

static void due_say(const struct request *q) {
  struct answer_due *d = next_due(SAYS);
  put_text("{\"ok\":true,\"words\":[");
  for (unsigned i = 1; i < q->count; i++) {
    put_text(i == 1 ? "\"" : ",\"");
    put_escaped(q->words[i].at, q->words[i].len);
    put_text("\"");
  }
  put_text("]}\n");
  d->len = model.len - d->at;
}

static void due_long(const struct request *q) {
  char words[3][8], *argv[3] = {words[0], words[1], words[2]}, end[64];
  unsigned n, octets;

  for (unsigned i = 1; i < 3; i++) { /* what is cut off is too long for a number all the same */
    snprintf(words[i], sizeof words[i], "%.*s", i < q->count ? (int)q->words[i].len : 0,
             i < q->count ? q->words[i].at : "");
  }

  if (!long_read(q->count, argv, &model.left, &n, &octets)) {
    due_error("needs N OCTETS, not too many", NULL, "");
    return;
  }

  struct answer_due *d = next_due(SAYS);
  for (unsigned i = 0; i < n && octets; i++) {
    put_text("{\"x\":\"");
    must(2u * octets <= sizeof model.text - model.len);
    memset(model.text + model.len, 'a', 2u * octets);
    model.len += 2u * octets;
    put_text("\"}\n");
  }

  snprintf(end, sizeof end, "{\"ok\":true,\"lines\":%u}\n", n);
  put_text(end);
  d->len = model.len - d->at;
}

static bool expect_own(const struct request *q) {
  static const char help[] =
      "{\"ok\":true,\"commands\":[{\"name\":\"say\",\"words\":\"WORD...\",\"help\":\"Says it.\"},"
      "{\"name\":\"fail\",\"words\":\"\",\"help\":\"Fails.\"},"
      "{\"name\":\"long\",\"words\":\"N OCTETS\",\"help\":\"Sends lines.\"}]}\n";
  char count[16];

  if (is_word(q, 0, "say")) {
    due_say(q);
  } else if (is_word(q, 0, "fail")) {
    snprintf(count, sizeof count, "%u", q->count);
    due_error("no \\\"", NULL, strcat(count, "\\\""));
  } else if (is_word(q, 0, "long")) {
    due_long(q);
  } else if (is_word(q, 0, "help")) {
    struct answer_due *d = next_due(SAYS);
    put_text(help);
    d->len = sizeof help - 1;
  } else {
    return false;
  }

  return true;
}

/* ---- the daemon's ---- */

static bool expect_plain(const struct request *q) {
  static const char *const names[] = {"status", "upstreams", "reload", "settings"};
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
    if (!is_word(q, 0, names[i])) continue;
    if (q->count > 1) due_error(names[i], NULL, ": takes no arguments");
    else next_due(i >= 2 ? EITHER : GOOD);
    return true;
  }
  return false;
}

static enum due_kind fault_kind(const struct request *q) {
  if (is_word(q, 1, "add")) return q->count > 2 ? ADD : BAD;
  if (q->count == 2 && (is_word(q, 1, "list") || is_word(q, 1, "clear"))) return GOOD;
  return q->count == 3 && is_word(q, 1, "clear") ? EITHER : BAD;
}

static bool expect_real(const struct request *q) {
  if (is_word(q, 0, "help")) next_due(GOOD);
  else if (expect_plain(q)) return true;
  else if (is_word(q, 0, "stats"))
    next_due(q->count == 1 || (q->count == 2 && is_word(q, 1, "--workers")) ? GOOD : BAD);
  else if (is_word(q, 0, "top"))
    next_due(q->count == 1 || (q->count == 2 && is_word(q, 1, "--xmpp")) ? GOOD : BAD);
  else if (is_word(q, 0, "flush"))
    next_due(q->count == 1 || q->count > 3 ? BAD : is_word(q, 1, "--all") && q->count == 2 ? GOOD : EITHER);
  else if (is_word(q, 0, "dump")) next_due(q->count > 3 ? BAD : DUMP);
  else if (is_word(q, 0, "log-level")) next_due(q->count == 1 ? GOOD : q->count == 2 ? EITHER : BAD);
  else if (is_word(q, 0, "fault")) next_due(fault_kind(q));
  else return false;
  return true;
}

/* ---- requests ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* NULL, or what is wrong with it. */
static const char *request_read(struct request *q, const char *line, size_t len) {
  q->count = 0;
  if (len && line[len - 1] == '\r') len--;
  for (size_t i = 0; i < len; i++) {
    if (line[i] != '\t' && (line[i] < 0x20 || line[i] > 0x7e)) return "should be printable ASCII";
  }

  for (size_t i = 0; i < len; i++) {
    if (is_blank(line[i])) continue;
    if (q->count == CONTROL_WORDS) return "too many words";
    bool quoted = line[i] == '"';
    size_t from = quoted ? ++i : i;
    while (i < len && !(quoted ? line[i] == '"' : is_blank(line[i]))) i++;
    q->words[q->count++] = (struct word){line + from, i - from};
    if (quoted && i == len) return "a quotation mark is missing";
  }

  return q->count ? NULL : "an empty request; help lists the commands";
}

void expect(const uint8_t *stream, size_t len, bool ended, bool real) {
  struct request q;
  model.count = 0;
  model.len = 0;
  model.left = LONG_OCTETS_MAX;
  model.real = real;
  for (size_t at = 0; at < len;) {
    const uint8_t *feed = memchr(stream + at, '\n', len - at);
    size_t line_len = feed ? (size_t)(feed - stream) - at : len - at;
    if (line_len >= CONTROL_LINE) {
      due_error("too long a request", NULL, "");
      return;
    }
    if (!feed && !ended) return;
    const char *wrong = request_read(&q, (const char *)stream + at, line_len);
    if (wrong) due_error(wrong, NULL, "");
    else if (!(real ? expect_real(&q) : expect_own(&q)))
      due_error("", &q.words[0], ": there is no such command; help lists them");
    at += line_len + 1;
  }
}

/* ---- what was heard ---- */

static const char *json_end(const char *p);

static const char *string_end(const char *p) {
  for (p++; *p != '"'; p++) {
    if (*p < ' ' || *p > '~') return NULL;
    if (*p != '\\') continue;
    p++;
    if (*p == 'u') {
      for (unsigned i = 0; i < 4; i++) {
        if (*++p < '0' || !memchr("0123456789abcdef", *p, 16)) return NULL;
      }
    } else if (*p != '"' && *p != '\\') {
      return NULL;
    }
  }
  return p + 1;
}

static const char *brackets_end(const char *p) {
  char close = *p == '{' ? '}' : ']';
  if (*++p == close) return p + 1;
  for (;; p++) {
    if (close == '}' && (*p != '"' || !(p = string_end(p)) || *p++ != ':')) return NULL;
    if (!(p = json_end(p)) || *p == close) return p ? p + 1 : NULL;
    if (*p != ',') return NULL;
  }
}

/* The end of the value at p; NULL: it is none. There is a line feed behind it, which is in no value. */
static const char *json_end(const char *p) {
  static const char *const words[] = {"true", "false", "null"};
  if (*p == '"') return string_end(p);
  if (*p == '{' || *p == '[') return brackets_end(p);
  for (unsigned i = 0; i < 3; i++) {
    if (strncmp(p, words[i], strlen(words[i])) == 0) return p + strlen(words[i]);
  }
  const char *digits = p;
  while (*p >= '0' && *p <= '9') p++;
  if (p == digits || (*digits == '0' && p > digits + 1)) return NULL;
  if (*p != '.') return p;
  for (digits = ++p; *p >= '0' && *p <= '9';) p++;
  return p > digits ? p : NULL;
}

static bool starts(const char *line, size_t len, const char *with) {
  return len >= strlen(with) && memcmp(line, with, strlen(with)) == 0;
}

/* An answer's last line: rows came before it. */
static void check_last(const struct answer_due *d, const char *line, size_t len, unsigned rows,
                       unsigned *rules) {
  char text[64];
  bool good = starts(line, len, "{\"ok\":true");
  must(good || starts(line, len, "{\"ok\":false,\"error\":\""));
  must(!rows || (d->kind == DUMP && good));
  must(d->kind != GOOD || good);
  must(d->kind != BAD || !good);
  if (!good || (d->kind != DUMP && d->kind != ADD)) return;
  if (d->kind == DUMP) snprintf(text, sizeof text, "{\"ok\":true,\"answers\":%u}\n", rows);
  else snprintf(text, sizeof text, "{\"ok\":true,\"number\":%u}\n", ++*rules);
  must(len == strlen(text) && starts(line, len, text));
}

/* How much of it the answer takes; 0: it breaks off. */
static size_t check_lines(const struct answer_due *d, const char *text, size_t len, unsigned *rules) {
  size_t at = 0;
  for (unsigned rows = 0;; rows++) {
    const char *line = text + at, *feed = memchr(line, '\n', len - at);
    if (!feed) return 0;
    size_t line_len = (size_t)(feed - line) + 1;
    must(*line == '{' && json_end(line) == feed);
    at += line_len;
    if (!starts(line, line_len, "{\"ok\":")) continue;
    check_last(d, line, line_len, rows, rules);
    return at;
  }
}

void expect_heard(const uint8_t *octets, size_t len, bool whole) {
  const char *text = len ? (const char *)octets : "";
  size_t at = 0;
  unsigned rules = 0;

  for (unsigned i = 0; i < model.count; i++) {
    const struct answer_due *d = &model.due[i];
    size_t left = len - at, taken = left < d->len ? left : d->len;
    if (d->kind != SAYS) taken = left ? check_lines(d, text + at, left, &rules) : 0;
    else must(memcmp(text + at, model.text + d->at, taken) == 0);
    if (taken == 0 || taken < d->len) {
      must(!whole);
      return;
    }
    at += taken;
  }

  must(at == len);
}
