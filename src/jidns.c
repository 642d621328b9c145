/* jidns.c: the tool people type; its subcommands, by a table. Exports main. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/descriptors.h"
#include "config.h"
#include "tool/bug_report.h"
#include "tool/cli.h"
#include "tool/ctl.h"
#include "tool/domain.h"
#include "tool/host_run.h"
#include "tool/reply.h"
#include "tool/show.h"

static int run_lookup(struct cli *c);
static int run_query(struct cli *c);

static const struct command {
  const char *name, *words, *help;
  unsigned mask;
  int (*run)(struct cli *c);
} commands[] = {
    {"lookup", "DOMAIN|JID", "What XMPP programs find out about a domain, and what they do with it.",
     CLI_LOOKUP, run_lookup},
    {"check", "DOMAIN|JID|URL...",
     "What is right and wrong with the DNS of XMPP domains, and what to do about it.", CLI_CHECK, check_run},
    {"query", "NAME TYPE", "One DNS question and its answer, whole.", CLI_QUERY, run_query},
    {"status", "", "What a running jidnsd is, where it listens, whom it asks, how it is.", CLI_CONTROL,
     ctl_run},
    {"stats", "", "The counters of a running jidnsd.", CLI_CONTROL | CLI_STATS, ctl_run},
    {"upstreams", "", "The servers that a running jidnsd asks: up or down, how fast, how often asked.",
     CLI_CONTROL, ctl_run},
    {"settings", "", "The settings that a running jidnsd reads, and where each value comes from.",
     CLI_CONTROL, ctl_run},
    {"flush", "NAME [TYPE]|--below NAME|--all", "Removes answers from the cache of a running jidnsd.",
     CLI_CONTROL | CLI_NAMES | CLI_FLUSH, ctl_run},
    {"dump", "[[--below] NAME]", "The cache of a running jidnsd, or what it has of a name, as zone files.",
     CLI_CONTROL | CLI_NAMES, ctl_run},
    {"reload", "", "Makes a running jidnsd read its settings again.", CLI_CONTROL, ctl_run},
    {"log-level", "[LEVELS]",
     "What a running jidnsd logs: error, warn, info or debug. LEVELS (debug or info,xmpp=debug) holds until "
     "a reload.",
     CLI_CONTROL, ctl_run},
    {"fault", "add RULE|list|clear [NUMBER]",
     "Answers that a running jidnsd spoils on purpose; doc/lab.md explains rules.", CLI_CONTROL, ctl_run},
    {"top", "", "The work of a running jidnsd as it goes on: rates, latency, busiest XMPP domains.",
     CLI_CONTROL | CLI_TOP, ctl_run_top},
    {"host", "status|enable|disable", "Points this host's resolv.conf at jidnsd, and back.", CLI_HOST,
     host_run},
    {"report", "", "What a report of a bug should tell, without secrets; with a running jidnsd or without.",
     CLI_REPORT, bug_report_run},
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const char statuses[] = "Exit status: 0 found or done, 1 not found or refused, 2 wrong use, 3 no "
                               "answer from the server, 4 other trouble.";

static void write_help(FILE *out) {
  struct term t = term_find(TERM_AUTO);
  fprintf(out, "jidns " PACKAGE_VERSION ": DNS as XMPP programs see it\n\n");
  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    fprintf(out, "  jidns %s [OPTIONS]%s%s\n      ", commands[i].name, *commands[i].words ? " " : "",
            commands[i].words);
    term_wrap(&t, out, 6, 6, commands[i].help);
  }
  fprintf(out, "  jidns COMMAND --help\n  jidns --version\n  jidns --completion bash|zsh|fish\n\n");
  term_wrap(&t, out, 0, 0, statuses);
}

static void write_command_help(const struct command *command, const struct term *t) {
  printf("jidns %s [OPTIONS]%s%s\n", command->name, *command->words ? " " : "", command->words);
  term_wrap(t, stdout, 0, 0, command->help);
  putchar('\n');
  cli_write_options(command->mask, t, stdout);
  putchar('\n');
  term_wrap(t, stdout, 0, 0, statuses);
}

/* ---- completion ---- */

static bool complete_command(unsigned i, struct completion_command *out) {
  if (i >= COMMAND_COUNT) return false;
  out->name = commands[i].name;
  out->help = commands[i].help;
  completion_add_alternatives(out, &out->words, commands[i].words);
  cli_complete(commands[i].mask, out);
  return true;
}

static int write_completion(const char *name) {
  enum completion_shell shell;
  if (!name || !completion_shell_parse(name, &shell)) {
    fprintf(stderr, "jidns: --completion needs a shell: bash, zsh or fish\n");
    return CLI_USAGE;
  }
  completion_write(shell, "jidns", complete_command, stdout);
  return CLI_FOUND;
}

static void ask_over_net(void *context, struct asked *const *list, size_t n) { ask_all(context, list, n); }

static int complain_silence(const struct cli *c, enum asked_outcome outcome) {
  char server[ADDR_TEXT];
  fprintf(stderr, "jidns %s: %s: %s\n", c->command, addr_format(&c->ask.server, server), asked_text(outcome));
  return CLI_NO_ANSWER;
}

static int complain_memory(const struct cli *c) {
  fprintf(stderr, "jidns %s: out of memory\n", c->command);
  return CLI_TROUBLE;
}

static int show_findings(const struct cli *c, const struct findings *f) {
  bool good = true;
  if (c->json) {
    good = show_lookup_json(f, &c->ask, stdout);
  } else {
    show_lookup(f, &c->ask, &c->term, stdout);
  }
  if (!good) return complain_memory(c);
  if (f->dane ? lookup_dane_is_usable(f->dane) : f->connects) return CLI_FOUND;
  bool incomplete = f->dane ? lookup_dane_is_incomplete(f->dane) : lookup_is_incomplete(f->lookup);
  return incomplete ? CLI_NO_ANSWER : CLI_NOT_FOUND;
}

/* What was found, and with --dane what is behind it. */
static int show_what_follows(struct cli *c, struct lookup *l) {
  struct findings *f = findings_new(l);
  if (!f) return complain_memory(c);
  struct lookup_dane *dane = c->dane ? lookup_dane_new(l, ask_over_net, &c->ask) : NULL;
  f->dane = dane;
  int status = show_findings(c, f);
  lookup_dane_free(dane);
  findings_free(f);
  return status;
}

static int run_lookup(struct cli *c) {
  struct typed_domain typed;
  if (c->words_count != 1) return cli_usage(c, "needs one DOMAIN or JID; see jidns lookup --help");
  const char *why = domain_read_jid(c->words[0], &typed);
  if (why) return cli_usage(c, "\"%s\" is no domain or JID: %s", c->words[0], why);
  struct lookup *l = lookup_new(typed.name, typed.len, c->sides, c->all_records, NULL);
  l->typed = &typed;
  lookup_run(l, ask_over_net, &c->ask);
  int status;
  if (lookup_is_silent(l)) status = complain_silence(c, l->domain->asked[0].outcome);
  else status = show_what_follows(c, l);
  lookup_free(l);
  return status;
}

static bool has_answer(const struct asked *a) {
  struct reply p = reply_open(a->msg, a->len);
  struct record r;
  enum section section;
  return reply_rcode(a->msg, a->len) == RCODE_NOERROR && reply_next(&p, &r, &section) &&
         section == SECTION_ANSWER;
}

static int run_query(struct cli *c) {
  struct asked a = {.klass = CLASS_IN}, *list[] = {&a};
  size_t len;

  if (c->words_count != 2) return cli_usage(c, "needs a NAME and a TYPE; see jidns query --help");
  const char *why = domain_read_name(c->words[0], a.name, &len);
  if (why) return cli_usage(c, "\"%s\" is no name: %s", c->words[0], why);
  if (!print_type_parse(c->words[1], &a.type)) {
    return cli_usage(c, "\"%s\" is no type: SRV, AAAA, TYPE65280 are", c->words[1]);
  }

  if (a.type == TYPE_AXFR || a.type == TYPE_IXFR || a.type == TYPE_OPT) {
    return cli_usage(c, "%s is not for asking one question with", c->words[1]);
  }

  a.name_len = (uint8_t)len;
  ask_all(&c->ask, list, 1);
  if (a.outcome != ASKED_ANSWERED) return complain_silence(c, a.outcome);
  int status = has_answer(&a) ? CLI_FOUND : CLI_NOT_FOUND;
  if (!c->json) {
    show_query(&a, &c->ask, stdout);
  } else if (!show_query_json(&a, &c->ask, stdout)) {
    status = complain_memory(c);
  }

  asked_free(&a);
  return status;
}

static int run_command(const struct command *command, int argc, char **argv) {
  struct cli c;
  if (!cli_read(&c, command->name, command->mask, argc, argv)) return CLI_USAGE;
  if (c.help) {
    write_command_help(command, &c.term);
    return CLI_FOUND;
  }
  if (c.json && !show_has_json() && !(command->mask & CLI_CONTROL))
    return cli_usage(&c, "--json: this jidns was built without jansson");
  return command->run(&c);
}

static int run(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : NULL;
  if (!word) {
    write_help(stderr);
    return CLI_USAGE;
  }

  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
    write_help(stdout);
    return CLI_FOUND;
  }

  if (strcmp(word, "--version") == 0) {
    printf("jidns " PACKAGE_VERSION "\n");
    return CLI_FOUND;
  }

  if (strcmp(word, "--completion") == 0) return write_completion(argc == 3 ? argv[2] : NULL);

  for (size_t i = 0; i < COMMAND_COUNT; i++) {
    if (strcmp(word, commands[i].name) == 0) return run_command(&commands[i], argc - 1, argv + 1);
  }

  fprintf(stderr, "jidns: \"%s\" is no command; see jidns --help\n", word);
  return CLI_USAGE;
}

int main(int argc, char **argv) {
  descriptors_fill();
  int status = run(argc, argv);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("jidns: cannot write the output");
    return CLI_TROUBLE;
  }
  return status;
}
