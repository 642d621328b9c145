/* cli.c: the tool's options, by a table. Exports cli_*. */
#include "tool/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/shown.h"
#include "tool/check_as.h"
#include "tool/nameserver.h"
#include "tool/programs.h"

enum {
  SAID_MAX = 1000,
  TIMEOUT_MOST_MS = 60000,
  FIRST_OPTION = 256 /* getopt's codes, beyond any letter */
};

static bool set_server(struct cli *c, const char *value) {
  bool again = c->server_given && c->mask & CLI_CHECK;
  c->server_given = true;
  if (!again) return addr_parse(value, ASK_PORT, &c->ask.server);
  if (c->check.server_count == FACTS_SERVERS_MAX) return false;
  return addr_parse(value, ASK_PORT, &c->check.servers[c->check.server_count++]);
}

static bool set_type(struct cli *c, const char *value) {
  static const struct {
    const char *word;
    enum lookup_side sides;
  } types[] = {{"c2s", LOOKUP_C2S}, {"s2s", LOOKUP_S2S}, {"all", LOOKUP_BOTH}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(value, types[i].word) != 0) continue;
    c->sides = types[i].sides;
    return true;
  }
  return false;
}

static bool set_timeout(struct cli *c, const char *value) {
  char *end;
  if (*value < '0' || *value > '9') return false;
  unsigned long ms = strtoul(value, &end, 10);
  if (*end || ms < 1 || ms > TIMEOUT_MOST_MS) return false;
  c->ask.timeout_ms = (unsigned)ms;
  return true;
}

static bool set_tcp(struct cli *c, const char *value) { return (void)value, c->ask.tcp = true; }
static bool set_dnssec(struct cli *c, const char *value) { return (void)value, c->ask.dnssec = true; }
/* Some servers say AD to who asks for it, others to who asks for signatures. */
static bool set_dane(struct cli *c, const char *value) {
  (void)value;
  return c->dane = c->ask.dnssec = c->ask.want_ad = true;
}

static bool set_all(struct cli *c, const char *value) { return (void)value, c->all_records = true; }
static bool set_control(struct cli *c, const char *value) { return *(c->control = value) != 0; }
static bool set_flush_fleet(struct cli *c, const char *value) { return (void)value, c->fleet = true; }
static bool set_flush_all(struct cli *c, const char *value) { return (void)value, c->all = true; }
static bool set_below(struct cli *c, const char *value) { return (void)value, c->below = true; }
static bool set_workers(struct cli *c, const char *value) { return (void)value, c->workers = true; }
static bool set_once(struct cli *c, const char *value) { return (void)value, c->once = true; }
static bool set_xmpp(struct cli *c, const char *value) { return (void)value, c->xmpp = true; }
static bool set_color(struct cli *c, const char *value) {
  static const char *const words[] = {[TERM_AUTO] = "auto", [TERM_ALWAYS] = "always", [TERM_NEVER] = "never"};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(value, words[i]) != 0) continue;
    c->colours = (enum term_colours)i;
    return true;
  }
  return false;
}

static bool set_hide_names(struct cli *c, const char *value) { return (void)value, c->hide_names = true; }
static bool set_json(struct cli *c, const char *value) { return (void)value, c->json = true; }
static bool set_help(struct cli *c, const char *value) { return (void)value, c->help = true; }

/* ---- check's ---- */

static bool set_format(struct cli *c, const char *value) {
  static const char *const words[] = {[CHECK_TEXT] = "text",
                                      [CHECK_JSON] = "json",
                                      [CHECK_TSV] = "tsv",
                                      [CHECK_NAGIOS] = "nagios",
                                      [CHECK_HTML] = "html"};
  for (unsigned i = 0; i < sizeof words / sizeof *words; i++) {
    if (strcmp(value, words[i]) != 0) continue;
    c->check.format = (enum check_format)i;
    return true;
  }
  return false;
}

static bool set_fix(struct cli *c, const char *value) {
  c->check.fix = strcmp(value, "zone") == 0       ? CHECK_FIX_ZONE
                 : strcmp(value, "nsupdate") == 0 ? CHECK_FIX_NSUPDATE
                                                  : CHECK_FIX_NONE;
  return c->check.fix != CHECK_FIX_NONE;
}

static bool set_fail_on(struct cli *c, const char *value) {
  return report_severity_parse(value, &c->check.fail_on) && c->check.fail_on > SEVERITY_INFO;
}

/* One label or more, below the domain. */
static bool set_component(struct cli *c, const char *value) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = strlen(value);
  if (c->check.component_count == CHECK_COMPONENTS_MAX || len == 0 || len > 63 || value[len - 1] == '.' ||
      name_parse(value, name) == 0)
    return false;
  c->check.components[c->check.component_count++] = value;
  return true;
}

static bool set_ignore_file(struct cli *c, const char *value) {
  char today[16];
  time_t now = time(NULL);
  struct tm utc;
  strftime(today, sizeof today, "%Y-%m-%d", gmtime_r(&now, &utc));
  return check_read_ignores(&c->check, value, today, stderr);
}

static bool set_ignore(struct cli *c, const char *value) { return check_add_ignore(&c->check, value); }

static bool set_file(struct cli *c, const char *value) {
  c->check.file = value;
  return *value != 0;
}

static bool set_zone(struct cli *c, const char *value) {
  if (c->check.zone_count == SOURCES_ZONES_MAX || !sources_is_zone(value)) return false;
  c->check.zones[c->check.zone_count++] = value;
  return true;
}

static bool set_offline(struct cli *c, const char *value) {
  (void)value;
  c->check.offline = true;
  return true;
}

static bool set_against(struct cli *c, const char *value) {
  c->check.against = value;
  return *value != 0;
}

static bool set_as(struct cli *c, const char *value) {
  c->check.as = value;
  return check_is_program(value);
}

static bool set_authority(struct cli *c, const char *value) {
  (void)value;
  c->check.authority = true;
  return true;
}

static bool set_from_daemon(struct cli *c, const char *value) {
  (void)value;
  c->check.from_daemon = true;
  return true;
}

static bool set_explain(struct cli *c, const char *value) {
  c->check.explain = value;
  return *value != 0;
}

static bool set_list(struct cli *c, const char *value) {
  (void)value;
  c->check.list = true;
  return true;
}

static bool set_connect(struct cli *c, const char *value) {
  (void)value;
  c->check.connect = true;
  return true;
}

static bool set_allow_private(struct cli *c, const char *value) {
  (void)value;
  c->check.connect_options.allow_private = true;
  return true;
}

static bool set_tls_ca(struct cli *c, const char *value) {
  c->check.connect_options.ca_path = value;
  return *value != 0;
}

static bool set_verbose(struct cli *c, const char *value) {
  (void)value;
  c->check.verbose = true;
  return true;
}

static bool set_yes(struct cli *c, const char *value) {
  (void)value;
  c->host.yes = true;
  return true;
}

static bool set_root(struct cli *c, const char *value) {
  c->host.root = value;
  return *value == '/';
}

static bool set_name(struct cli *c, const char *value) {
  c->host.name = value;
  return *value != 0;
}

static bool set_quiet(struct cli *c, const char *value) {
  (void)value;
  c->check.quiet = true;
  return true;
}

static const struct cli_option {
  const char *name, *argument; /* argument: NULL for a switch, else how help names it */
  unsigned mask;
  bool (*set)(struct cli *c, const char *value); /* false: the value is wrong */
  const char *right, *help;                      /* what would be right; what it is for */
} options[] = {
    {"server", "ADDR[:PORT]", CLI_LOOKUP | CLI_QUERY | CLI_CHECK, set_server,
     "an IP address, with a port or without: 9.9.9.9, [::1]:5300",
     "the server to ask (default: the first nameserver of " NAMESERVER_FILE ", port 53)"},
    {"type", "c2s|s2s|all", CLI_LOOKUP, set_type, "c2s, s2s or all",
     "for clients, for servers, or both (default: all)"},
    {"side", "c2s|s2s|all", CLI_CHECK, set_type, "c2s, s2s or all",
     "for clients, for servers, or both (default: all)"},
    {"component", "NAME", CLI_CHECK, set_component,
     "the part before the domain, as in conference; 16 at most",
     "a component that exists; can be given again (the usual ones are looked at anyway)"},
    {"file", "FILE", CLI_CHECK, set_file, "a file's path, or - for standard input",
     "check the domains in FILE, one a line"},
    {"zone", "NAME=FILE", CLI_CHECK, set_zone,
     "a domain and its zone file, as in example.org=/tmp/example.zone; 32 at most",
     "answer what lies in that zone from the file; can be given again"},
    {"offline", NULL, CLI_CHECK, set_offline, NULL,
     "with --zone: ask nobody; what lies elsewhere is not looked at"},
    {"authority", NULL, CLI_CHECK, set_authority, NULL,
     "ask the zone's own name servers, too: delegation, agreement, reach"},
    {"from-daemon", NULL, CLI_CHECK, set_from_daemon, NULL,
     "judge from the cache of a running jidnsd alone; without DOMAIN all that it has"},
    {"fail-on", "error|warning|notice", CLI_CHECK, set_fail_on, "error, warning or notice",
     "the least severe finding that makes the exit status 1 (default: warning)"},
    {"format", "text|json|tsv|nagios|html", CLI_CHECK, set_format, "text, json, tsv, nagios or html",
     "the form of the report (default: text)"},
    {"as", "PROGRAM|all|list", CLI_CHECK, set_as, "a program that --as list shows, or all",
     "show what that program asks, when, and where it connects; list: the programs"},
    {"against", "OLD.json", CLI_CHECK, set_against, "a file that jidns check --format json wrote",
     "say only what is new, gone, worse or better than in that report"},
    {"fix", "zone|nsupdate", CLI_CHECK, set_fix, "zone or nsupdate",
     "print only the lines to enter, in that form"},
    {"ignore", "CODE[:SUBJECT]", CLI_CHECK, set_ignore, "a code that jidns check --list shows; 256 at most",
     "say nothing of this finding; can be given again"},
    {"ignore-file", "FILE", CLI_CHECK, set_ignore_file,
     "a file of lines CODE[:SUBJECT] [until YYYY-MM-DD] [why]",
     "say nothing of the findings in FILE, a line each"},
    {"explain", "CODE", CLI_CHECK, set_explain, "a code that jidns check --list shows",
     "say what a finding means and what to do; asks nothing"},
    {"list", NULL, CLI_CHECK, set_list, NULL, "list all codes; asks nothing"},
    {"connect", NULL, CLI_CHECK, set_connect, NULL, "go to the targets, too: TCP, TLS, certificate, stream"},
    {"allow-private", NULL, CLI_CHECK, set_allow_private, NULL,
     "with --connect, --authority: private and local addresses, too"},
    {"tls-ca", "PATH", CLI_CHECK, set_tls_ca, "a file of certificates in PEM, or a folder of them",
     "with --connect: trust these instead of the system's"},
    {"verbose", NULL, CLI_CHECK, set_verbose, NULL,
     "say everything about each finding, and facts that are no faults"},
    {"quiet", NULL, CLI_CHECK, set_quiet, NULL, "leave the records out"},
    {"timeout", "MS", CLI_LOOKUP | CLI_QUERY | CLI_CHECK | CLI_HOST, set_timeout,
     "a number of milliseconds from 1 to 60000",
     "how long to wait for each answer, tries included (default: 4000)"},
    {"yes", NULL, CLI_HOST, set_yes, NULL, "make the change without a question"},
    {"name", "NAME", CLI_HOST, set_name, "a domain name, as in example.org",
     "ask jidnsd for NAME before the change is final"},
    {"root", "DIR", CLI_HOST, set_root, "a folder's path from / on",
     "the host's files lie below DIR; nothing is run"},
    {"tcp", NULL, CLI_LOOKUP | CLI_QUERY | CLI_CHECK, set_tcp, NULL,
     "ask over TCP (default: UDP, TCP for what is too large)"},
    {"dnssec", NULL, CLI_LOOKUP | CLI_QUERY, set_dnssec, NULL,
     "ask with DO and show what the server calls secure (AD)"},
    {"dane", NULL, CLI_LOOKUP, set_dane, NULL,
     "look for TLSA records, too, and say whether DANE can be done; it includes --dnssec"},
    {"all-records", NULL, CLI_LOOKUP, set_all, NULL,
     "look for obsolete records too: _xmppconnect TXT, _jabber SRV"},
    {"control", "PATH", CLI_CONTROL | CLI_CHECK | CLI_HOST | CLI_REPORT, set_control, "a socket's path",
     "the daemon's socket (default: $JIDNS_CONTROL, else " CONTROL_SOCKET ")"},
    {"all", NULL, CLI_FLUSH, set_flush_all, NULL, "remove all answers"},
    {"fleet", NULL, CLI_FLUSH, set_flush_fleet, NULL, "remove a name from the fleet's shared cache too"},
    {"below", NULL, CLI_NAMES, set_below, NULL, "take NAME and all names below it"},
    {"workers", NULL, CLI_STATS, set_workers, NULL, "show each worker's counters beside the sums"},
    {"once", NULL, CLI_TOP, set_once, NULL, "look for one second, print that, and end"},
    {"xmpp", NULL, CLI_TOP, set_xmpp, NULL,
     "show XMPP domains lately contacted: the way to each, how soon, failures"},
    {"hide-names", NULL, CLI_REPORT, set_hide_names, NULL,
     "say domain-1, domain-2 for the domains that settings name"},
    {"color", "auto|always|never", CLI_LOOKUP | CLI_QUERY | CLI_CHECK | CLI_CONTROL, set_color,
     "auto, always or never",
     "use colours; auto: on a terminal, unless NO_COLOR is set or TERM is dumb (default: auto)"},
    {"json", NULL, CLI_LOOKUP | CLI_QUERY | CLI_CONTROL, set_json, NULL, "print JSON"},
    {"help", NULL, CLI_LOOKUP | CLI_QUERY | CLI_CHECK | CLI_CONTROL | CLI_HOST | CLI_REPORT, set_help, NULL,
     "print this"},
};
enum { OPTION_COUNT = sizeof options / sizeof *options };

int cli_usage(const struct cli *c, const char *fmt, ...) {
  char *text = NULL;
  va_list args;
  va_start(args, fmt);
  int len = vasprintf(&text, fmt, args);
  va_end(args);
  fprintf(stderr, "jidns %s: ", c->command);
  if (len >= 0) shown_put(stderr, text, SAID_MAX); /* it may quote what somebody else wrote */
  fprintf(stderr, "\n");
  free(text);
  return CLI_USAGE;
}

static void make_long_options(struct option longs[OPTION_COUNT + 1], unsigned mask) {
  size_t n = 0;
  for (int i = 0; i < OPTION_COUNT; i++) {
    if (!(options[i].mask & mask)) continue;
    longs[n++] = (struct option){.name = options[i].name,
                                 .has_arg = options[i].argument ? required_argument : no_argument,
                                 .val = FIRST_OPTION + i};
  }
  longs[n] = (struct option){0};
}

/* What getopt refused: an option that is none, one without its value, or a switch with one. */
static void refuse_option(const struct cli *c, int code, char **argv) {
  char letter[] = {'-', (char)optopt, 0};
  const char *word = optopt > 0 && optopt < FIRST_OPTION ? letter : argv[optind - 1];
  const char *what = code == ':'              ? "needs a value"
                     : optopt >= FIRST_OPTION ? "takes no value"
                                              : "is no option";
  cli_usage(c, "%s %s; see jidns %s --help", word, what, c->command);
}

bool cli_read(struct cli *c, const char *command, unsigned mask, int argc, char **argv) {
  struct option longs[OPTION_COUNT + 1];
  int code;

  *c = (struct cli){.command = command,
                    .mask = mask,
                    .sides = LOOKUP_BOTH,
                    .ask.timeout_ms = ASK_TIMEOUT_MS,
                    .check.fail_on = SEVERITY_WARNING};
  make_long_options(longs, mask);
  opterr = 0;
  optind = 0;
  while ((code = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
    const struct cli_option *o = code < FIRST_OPTION ? NULL : &options[code - FIRST_OPTION];
    if (o && o->set(c, optarg)) continue;
    if (o) {
      cli_usage(c, "--%s %s: must be %s", o->name, optarg, o->right);
    } else {
      refuse_option(c, code, argv);
    }
    return false;
  }

  c->term = c->check.term = term_find(c->colours);
  c->words = argv + optind;
  c->words_count = argc - optind;
  if (!c->control) c->control = getenv("JIDNS_CONTROL");
  if (!c->control || !*c->control) c->control = CONTROL_SOCKET;
  if (!c->server_given && !c->help && mask & (CLI_LOOKUP | CLI_QUERY))
    nameserver_first(NAMESERVER_FILE, &c->ask.server, stderr);
  return true;
}

void cli_write_options(unsigned mask, const struct term *t, FILE *out) {
  enum { HELP_COLUMN = 26 };
  for (int i = 0; i < OPTION_COUNT; i++) {
    char left[60];
    if (!(options[i].mask & mask)) continue;
    snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].argument ? " " : "",
             options[i].argument ? options[i].argument : "");
    unsigned column = (unsigned)fprintf(out, "  %s", left);
    if (column >= HELP_COLUMN) {
      fputc('\n', out);
      column = 0;
    }
    fprintf(out, "%*s", (int)(HELP_COLUMN - column), "");
    term_wrap(t, out, HELP_COLUMN, HELP_COLUMN, options[i].help);
  }
}

/* ---- completion ---- */

/* Values that only the program knows. */
static bool add_known(struct completion_command *c, struct completion_option *to,
                      const struct cli_option *o) {
  if (o->set == set_as) {
    completion_add_word(c, &to->words, "all", 3);
    completion_add_word(c, &to->words, "list", 4);
    for (unsigned i = 0; i < PROGRAM_COUNT; i++)
      completion_add_word(c, &to->words, programs[i].name, strlen(programs[i].name));
  } else if (o->set == set_explain || o->set == set_ignore) {
    for (unsigned i = 0; i < RULE_COUNT; i++)
      completion_add_word(c, &to->words, report_rules[i].code, strlen(report_rules[i].code));
  } else {
    return false;
  }
  return true;
}

static enum completion_value value_of(struct completion_command *c, struct completion_option *to,
                                      const struct cli_option *o) {
  if (!o->argument) return COMPLETION_NONE;
  if (strcmp(o->argument, "NAME=FILE") == 0) return COMPLETION_NAME_FILE;
  if (strstr(o->argument, "FILE") || strcmp(o->argument, "PATH") == 0 || strstr(o->argument, ".json"))
    return COMPLETION_FILE;
  if (!add_known(c, to, o))
    completion_add_alternatives(c, &to->words, strchr(o->argument, '|') ? o->argument : "");
  return to->words ? COMPLETION_ONE_OF : COMPLETION_ANYTHING;
}

void cli_complete(unsigned mask, struct completion_command *out) {
  for (int i = 0; i < OPTION_COUNT && out->option_count < COMPLETION_OPTIONS; i++) {
    if (!(options[i].mask & mask)) continue;
    struct completion_option *o = &out->options[out->option_count++];
    *o = (struct completion_option){.name = options[i].name, .help = options[i].help};
    o->value = value_of(out, o, &options[i]);
  }
}
