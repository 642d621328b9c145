/* ctl_request.c: from the command line to a request of the daemon, and its answer to the output. Exports
 * ctl_run. */
#include <stdarg.h>
#include <string.h>

#include "rr/print.h"
#include "tool/ctl.h"
#include "tool/ctl_show.h"
#include "tool/domain.h"
#include "tool/show.h"

enum { REQUEST_MAX = NAME_TEXT + 64 };

/* Appends " word"; the first has no blank before it. */
static void add_word(char request[REQUEST_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_word(char request[REQUEST_MAX], const char *format, ...) {
  size_t at = strlen(request);
  va_list args;
  if (at) request[at++] = ' ';
  va_start(args, format);
  vsnprintf(request + at, REQUEST_MAX - at, format, args);
  va_end(args);
}

/* words[i] as a name in presentation form; false after a line on stderr. */
static bool add_name(const struct cli *c, int i, char request[REQUEST_MAX]) {
  uint8_t name[NAME_MAX_LEN];
  char text[NAME_TEXT];
  size_t len;
  const char *why = domain_read_name(c->words[i], name, &len);
  if (why) cli_usage(c, "\"%s\" is no name: %s", c->words[i], why);
  else add_word(request, "%s", name_format(name, len, text));
  return !why;
}

static bool add_type(const struct cli *c, int i, char request[REQUEST_MAX]) {
  uint16_t type;
  bool good = print_type_parse(c->words[i], &type);
  if (good) add_word(request, "TYPE%u", type);
  else cli_usage(c, "\"%s\" is no type: SRV, AAAA, TYPE65280 are", c->words[i]);
  return good;
}

/* ---- each command's words; false after a line on stderr ---- */

static bool no_words(const struct cli *c, char request[REQUEST_MAX]) {
  (void)request;
  if (c->words_count) cli_usage(c, "\"%s\": takes no words; see jidns %s --help", c->words[0], c->command);
  return c->words_count == 0;
}

static bool stats_words(const struct cli *c, char request[REQUEST_MAX]) {
  if (c->workers) add_word(request, "--workers");
  return no_words(c, request);
}

static bool flush_words(const struct cli *c, char request[REQUEST_MAX]) {
  int least = c->all ? 0 : 1, most = c->all ? 0 : c->below || c->fleet ? 1 : 2;
  if (c->words_count < least || c->words_count > most || c->all + c->below + c->fleet > 1) {
    cli_usage(c, "needs NAME, NAME TYPE, --below NAME, --fleet NAME or --all; see jidns flush --help");
    return false;
  }
  if (c->all) add_word(request, "--all");
  if (c->below) add_word(request, "--below");
  if (c->fleet) add_word(request, "--fleet");
  if (c->words_count > 0 && !add_name(c, 0, request)) return false;
  return c->words_count < 2 || add_type(c, 1, request);
}

static bool dump_words(const struct cli *c, char request[REQUEST_MAX]) {
  if (c->words_count > 1 || (c->below && !c->words_count)) {
    cli_usage(c, "needs no word, NAME, or --below NAME; see jidns dump --help");
    return false;
  }
  if (c->below) add_word(request, "--below");
  return c->words_count == 0 || add_name(c, 0, request);
}

/* The daemon knows its levels and rooms; the words are passed on if they can be. */
static bool any_words(const struct cli *c, char request[REQUEST_MAX]) {
  for (int i = 0; i < c->words_count; i++) {
    if (strlen(c->words[i]) > 40 || strpbrk(c->words[i], " \t\r\n\"")) {
      cli_usage(c, "\"%.40s\": no such level; see jidns %s --help", c->words[i], c->command);
      return false;
    }
    add_word(request, "%s", c->words[i]);
  }
  return true;
}

/* The daemon reads the rule: it goes as one word, as it was typed in one or in many. */
static bool fault_words(const struct cli *c, char request[REQUEST_MAX]) {
  const char *what = c->words_count ? c->words[0] : "";
  bool adds = strcmp(what, "add") == 0, good = adds ? c->words_count > 1 : c->words_count == 1;
  size_t len = 16;

  if (strcmp(what, "clear") == 0 && c->words_count == 2) good = true;
  else if (!adds && strcmp(what, "list") != 0 && strcmp(what, "clear") != 0) good = false;
  for (int i = 0; i < c->words_count; i++) {
    if (strpbrk(c->words[i], "\"\r\n")) good = false;
    len += strlen(c->words[i]) + 1;
  }

  if (!good || len > REQUEST_MAX) {
    cli_usage(c, good ? "the rule is too long"
                      : "needs add RULE, list, clear or clear NUMBER; see jidns fault --help");
    return false;
  }

  add_word(request, "%s", what);
  for (int i = 1; i < c->words_count; i++) {
    add_word(request, "%s%s%s", adds && i == 1 ? "\"" : "", c->words[i],
             adds && i + 1 == c->words_count ? "\"" : "");
  }

  return true;
}

static const struct {
  const char *name;
  bool (*words)(const struct cli *c, char request[REQUEST_MAX]);
} requests[] = {{"status", no_words},   {"stats", stats_words},   {"flush", flush_words},
                {"dump", dump_words},   {"reload", no_words},     {"upstreams", no_words},
                {"settings", no_words}, {"log-level", any_words}, {"fault", fault_words}};

static bool make_request(const struct cli *c, char request[REQUEST_MAX]) {
  *request = 0;
  add_word(request, "%s", c->command);
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    if (strcmp(requests[i].name, c->command) == 0) return requests[i].words(c, request);
  }
  return false;
}

/* ---- the answer ---- */

static bool show(const struct cli *c, const char *line) {
  if (!c->json) return ctl_show(c, line, stdout);
  if (strcmp(c->command, "dump") == 0 && show_has_json()) return ctl_show_dump_json(line, stdout);
  return puts(line) >= 0;
}

static int refused(const struct cli *c, const char *line) {
  if (c->json) puts(line);
  else ctl_show_error(c, line);
  return CLI_NOT_FOUND;
}

static int pass_on(struct ctl *t, const struct cli *c) {
  for (;;) {
    switch (ctl_hear(t)) {
    case CTL_LOST: return CLI_NO_ANSWER;
    case CTL_FAILED: return refused(c, t->line);
    case CTL_DONE: return show(c, t->line) ? CLI_FOUND : CLI_TROUBLE;
    case CTL_LINE:
      if (!show(c, t->line)) return CLI_TROUBLE;
    }
  }
}

int ctl_run(struct cli *c) {
  char request[REQUEST_MAX];
  struct ctl t;
  if (!c->json && !show_has_json())
    return cli_usage(c, "this jidns was built without jansson: --json is what it can print");
  if (!make_request(c, request)) return CLI_USAGE;
  if (!ctl_open(&t, c)) return CLI_NO_ANSWER;
  int status = ctl_send(&t, request) ? pass_on(&t, c) : CLI_NO_ANSWER;
  ctl_close(&t);
  return status;
}
