/* check.c: checks domains, one or many, and says so in the form asked for. Exports check_run. */
#include "tool/check.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"
#include "tool/cached.h"
#include "tool/check_as.h"
#include "tool/cli.h"
#include "tool/domain.h"
#include "tool/nameserver.h"

enum {
  BATCH = 32,      /* domains whose stages go together */
  LINE_MOST = 4096 /* octets of a line of a file */
};

/* ---- checking ---- */

static unsigned now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (unsigned)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* What all domains are judged with. */
struct judge {
  const struct cli *cli;
  struct sources *sources;
  const struct old_reports *old; /* NULL: nothing to compare with */
  const struct cached *cached;   /* NULL: not from a daemon's cache */
};

/* A stage of all domains goes out at once. */
static void run_batch(const struct judge *j, struct checked *batch, size_t n) {
  struct ask_list list = {.count = 0};
  unsigned begun_ms = now_ms();

  unsigned stages = facts_stages(batch[0].facts);
  for (unsigned stage = 0; stage < stages; stage++) {
    list.count = 0;
    for (size_t i = 0; i < n; i++) facts_questions(batch[i].facts, stage, &list);
    sources_ask(j->sources, list.list, list.count);
    for (size_t i = 0; i < n; i++) facts_read(batch[i].facts, stage);
  }
  for (size_t i = 0; i < n; i++) {
    batch[i].ms = now_ms() - begun_ms;
    batch[i].report = report_new(batch[i].facts);
    check_apply_ignores(&j->cli->check, batch[i].report);
    if (j->old) batch[i].differences = differences_new(j->old, batch[i].report);
  }
  ask_list_free(&list);
}

static void batch_free(struct checked *batch, size_t n) {
  for (size_t i = 0; i < n; i++) {
    differences_free(batch[i].differences);
    report_free(batch[i].report);
    facts_free(batch[i].facts);
  }
}

/* No answer at all: there is nothing to judge. */
static bool is_silent(const struct facts *f) {
  unsigned asked, silent;
  facts_count(f, &asked, &silent);
  return asked == silent;
}

static int status_of(const struct cli *c, const struct checked *x) {
  enum severity worst;
  bool any = x->differences ? differences_worst(x->differences, &worst) : report_worst(x->report, &worst);
  if (any && worst >= c->check.fail_on) return CLI_NOT_FOUND;
  bool unknown = x->report->verdicts[0] == VERDICT_UNKNOWN || x->report->verdicts[1] == VERDICT_UNKNOWN;
  return unknown ? CLI_NO_ANSWER : CLI_FOUND;
}

static void complain_silence(const struct cli *c, const struct checked *x) {
  char domain[NAME_TEXT], server[ADDR_TEXT];
  const char *why = asked_text(x->facts->domain->domain->asked[0].outcome);
  lookup_host_text(x->facts->domain->domain, domain);
  if (x->facts->from_cache) {
    why = "the cache of jidnsd has nothing of it";
    fprintf(stderr, "jidns check: %s: %s\n", domain, why);
  } else {
    fprintf(stderr, "jidns check: %s: %s: %s\n", domain, addr_format(&c->ask.server, server), why);
  }
  if (c->check.html) check_html_add_silent(c->check.html, domain, why);
}

/* Of many domains a finding counts before a want of answers, and that before nothing. */
static int worse(int a, int b) {
  static const int rank[] = {
      [CLI_FOUND] = 0, [CLI_NOT_FOUND] = 2, [CLI_USAGE] = 3, [CLI_NO_ANSWER] = 1, [CLI_TROUBLE] = 4};
  return rank[a] > rank[b] ? a : b;
}

static int show_one(const struct cli *c, const struct checked *x, bool many) {
  const struct check_options *o = &c->check;
  if (o->fix != CHECK_FIX_NONE)
    check_write_fix(x->report, o->fix, stdout);
  else if (o->format == CHECK_TSV)
    (x->differences ? check_write_against_tsv : check_write_tsv)(x, stdout);
  else if (o->format == CHECK_HTML)
    check_html_add(o->html, x, o);
  else if (o->format == CHECK_JSON && !check_write_json(x, o, many, stdout))
    return CLI_TROUBLE;
  else if (o->format == CHECK_TEXT && many && !o->verbose)
    (x->differences ? check_write_against_summary : check_write_summary)(x, stdout);
  else if (o->format == CHECK_TEXT)
    (x->differences ? check_write_against : check_write_text)(x, o, stdout);
  return status_of(c, x);
}

/* The batch is run, shown and freed; *silent counts domains without any answer. */
static int finish_batch(const struct judge *j, struct checked *batch, size_t n, bool many) {
  const struct cli *c = j->cli;
  int status = CLI_FOUND;
  run_batch(j, batch, n);
  for (size_t i = 0; i < n; i++) {
    if (is_silent(batch[i].facts)) {
      complain_silence(c, &batch[i]);
      status = worse(status, CLI_NO_ANSWER);
    } else {
      if (many && i > 0 && c->check.format == CHECK_TEXT && c->check.verbose) fputc('\n', stdout);
      status = worse(status, show_one(c, &batch[i], many));
    }
  }
  fflush(stdout);
  return status;
}

/* ---- domains, from words and files ---- */

struct domains {
  const struct judge *judge;
  bool many;
  int status;
  struct checked batch[BATCH];
  size_t count, done;
  unsigned begun_ms;
};

static void show_progress(const struct domains *d) {
  unsigned ms = now_ms() - d->begun_ms;
  if (!d->many || !isatty(STDERR_FILENO)) return;
  fprintf(stderr, "\r %zu domains, %.1f a second ", d->done, ms ? (double)d->done * 1000 / ms : 0.0);
}

static void flush_batch(struct domains *d) {
  if (d->count == 0) return;
  if (d->judge->cli->check.format == CHECK_NAGIOS) {
    run_batch(d->judge, d->batch, d->count);
    d->status = (d->judge->old ? check_write_against_nagios : check_write_nagios)(d->batch, d->count, stdout);
  } else {
    d->status = worse(d->status, finish_batch(d->judge, d->batch, d->count, d->many));
  }
  batch_free(d->batch, d->count);
  d->done += d->count;
  d->count = 0;
  show_progress(d);
}

static void want_more(const struct check_options *o, struct facts *f, const union addr *server, bool from_zone) {
  f->offline = from_zone;
  f->asked_server = *server;
  if (o->authority) facts_want_authority(f);
  for (size_t i = 0; i < o->server_count; i++) facts_want_server(f, &o->servers[i]);
  if (f->offline) return;
  char search[NAMESERVER_SEARCH_MOST][NAMESERVER_NAME];
  size_t n = nameserver_search(NAMESERVER_FILE, search);
  for (size_t i = 0; i < n; i++) facts_want_search(f, search[i]);
}

/* Of a cache that has only one side of a domain, that side is judged. */
static enum lookup_side sides_in(const struct cached *cached, const struct typed_domain *typed, enum lookup_side wanted) {
  static const char *const services[] = {"_xmpp-client._tcp", "_xmpps-client._tcp", "_xmpp-server._tcp", "_xmpps-server._tcp"};
  unsigned sides = 0;
  for (unsigned i = 0; i < 4; i++) {
    struct asked a = {.name_len = 0};
    uint8_t name[NAME_MAX_LEN];
    ask_make(&a, name, domain_below(services[i], typed->name, typed->len, name), TYPE_SRV);
    cached_answer(cached, &a);
    if (a.outcome == ASKED_ANSWERED) sides |= i < 2 ? LOOKUP_C2S : LOOKUP_S2S;
    asked_free(&a);
  }
  return sides & wanted ? (enum lookup_side)(sides & wanted) : wanted;
}

static void put_domain(struct domains *d, const struct typed_domain *typed) {
  const struct judge *j = d->judge;
  const struct check_options *o = &j->cli->check;
  bool from_zone = sources_hold(j->sources, typed->name, typed->len);
  enum lookup_side sides = j->cached ? sides_in(j->cached, typed, j->cli->sides) : j->cli->sides;
  struct facts *f = facts_new(typed, sides, o->components, o->component_count);
  want_more(o, f, &j->cli->ask.server, from_zone || j->cached);
  f->from_cache = j->cached;
  d->batch[d->count] = (struct checked){.facts = f, .server = j->cli->ask.server};
  if (++d->count == BATCH && o->format != CHECK_NAGIOS) flush_batch(d);
}

static bool put_cached_domain(void *context, const uint8_t *name, size_t len) {
  struct domains *d = context;
  struct typed_domain typed;
  char text[NAME_TEXT];
  if (!domain_read_jid(domain_text(name, len, text), &typed)) put_domain(d, &typed);
  return true;
}

static bool add_cached_domains(struct domains *d) {
  size_t count = cached_each_domain(d->judge->cached, put_cached_domain, d);
  if (count == 0) fprintf(stderr, "jidns check: the cache of jidnsd has no XMPP domain\n");
  if (count > CACHED_DOMAINS_MOST)
    fprintf(stderr, "jidns check: the cache has %zu XMPP domains; the first %d are judged\n", count, CACHED_DOMAINS_MOST);
  return true;
}

static bool add_domain(struct domains *d, const char *word, const char *where) {
  struct typed_domain typed;
  const char *why = domain_read_jid(word, &typed);
  if (why) {
    cli_usage(d->judge->cli, "%s\"%s\" is not a domain or JID: %s", where, word, why);
    return false;
  }
  const struct check_options *o = &d->judge->cli->check;
  bool from_zone = sources_hold(d->judge->sources, typed.name, typed.len);
  if (o->offline && !from_zone) {
    cli_usage(d->judge->cli, "%s\"%s\" lies in none of the zones of --zone, and --offline asks nobody", where, word);
    return false;
  }
  put_domain(d, &typed);
  return true;
}

static bool add_file(struct domains *d, const char *path) {
  char line[LINE_MOST], where[LINE_MOST];
  bool from_stdin = strcmp(path, "-") == 0, good = true;
  FILE *file = from_stdin ? stdin : fopen(path, "re");
  if (!file) {
    fprintf(stderr, "jidns check: --file %s: %m\n", path);
    return false;
  }
  for (unsigned n = 1; good && fgets(line, sizeof line, file); n++) {
    char *text = line + strspn(line, " \t\r\n");
    text[strcspn(text, " \t\r\n#")] = 0;
    snprintf(where, sizeof where, "%.200s:%u: ", path, n);
    if (*text) good = add_domain(d, text, where);
  }
  if (!from_stdin) fclose(file);
  return good;
}

static int check_domains(const struct judge *j) {
  const struct cli *c = j->cli;
  struct domains *d = must_zalloc(sizeof *d);
  bool good = true;
  *d = (struct domains){.judge = j, .many = c->check.file || c->words_count > 1 || (j->cached && c->words_count == 0), .begun_ms = now_ms()};

  if (c->check.format == CHECK_TSV) check_write_tsv_head(&c->check, stdout);
  for (int i = 0; i < c->words_count && good; i++) good = add_domain(d, c->words[i], "");
  if (j->cached && c->words_count == 0 && !c->check.file) good = add_cached_domains(d);
  if (good && c->check.file) good = add_file(d, c->check.file);
  if (good) flush_batch(d);
  int status = good ? d->status : CLI_USAGE;
  batch_free(d->batch, d->count);
  free(d);
  return status;
}

/* The page is written when all domains are on it. */
static int check_to_html(struct cli *c, const struct judge *j) {
  c->check.html = check_html_new();
  int status = check_domains(j);
  if (status != CLI_USAGE && !check_html_write(c->check.html, stdout)) status = CLI_TROUBLE;
  check_html_free(c->check.html);
  c->check.html = NULL;
  return status;
}

/* Opens what the domains are judged with, judges them, and closes it. */
static int judge_domains(struct cli *c) {
  const struct check_options *o = &c->check;
  struct ask_options ask = c->ask;
  struct old_reports old = {.count = 0};
  int status = CLI_USAGE;

  ask.want_ad = true;
  if (!o->offline && !o->from_daemon && !c->server_given) nameserver_first(NAMESERVER_FILE, &ask.server, stderr);
  c->ask.server = ask.server;
  struct cached *cached = o->from_daemon ? cached_read(c) : NULL;
  if (o->from_daemon && !cached) return CLI_NO_ANSWER;
  struct sources *sources = cached ? sources_of_cache(cached) : sources_open(o->zones, o->zone_count, &ask, o->offline, stderr);
  if (sources && o->as) {
    status = check_as(c, sources);
  } else if (sources && (!o->against || against_read(&old, o->against, stderr))) {
    const struct judge j = {.cli = c, .sources = sources, .old = o->against ? &old : NULL, .cached = cached};
    status = o->format == CHECK_HTML && o->fix == CHECK_FIX_NONE ? check_to_html(c, &j) : check_domains(&j);
  }
  against_free(&old);
  sources_close(sources);
  cached_free(cached);
  return status;
}

int check_run(struct cli *c) {
  const struct check_options *o = &c->check;
  if (o->list) {
    check_write_rules(o->format, stdout);
    return CLI_FOUND;
  }
  if (o->explain) {
    enum rule_id rule = report_rule_of(o->explain);
    if (rule == RULE_COUNT)
      return cli_usage(c, "--explain %s: no such code; jidns check --list shows all", o->explain);
    check_write_rule(rule, stdout);
    return CLI_FOUND;
  }
  if (o->as && strcmp(o->as, "list") == 0) {
    as_write_programs(stdout);
    return CLI_FOUND;
  }
  if (c->words_count == 0 && !o->file && !o->from_daemon)
    return cli_usage(c, "needs a DOMAIN, JID or URL; see jidns check --help");
  if (o->format == CHECK_JSON && !check_has_json())
    return cli_usage(c, "--format json: this jidns was built without jansson");
  if (o->format == CHECK_NAGIOS && (o->file || c->words_count > BATCH || c->words_count == 0))
    return cli_usage(c, "--format nagios is for %d domains at most, without --file", BATCH);
  if (o->from_daemon && (o->zone_count > 0 || o->authority || c->server_given))
    return cli_usage(c, "--from-daemon asks nobody: leave --server, --authority and --zone out");
  if ((o->authority || o->server_count > 0) && o->zone_count > 0)
    return cli_usage(c, "--zone judges files: leave --authority and a second --server out");
  if (o->offline && o->zone_count == 0)
    return cli_usage(c, "--offline needs the zone files to judge: --zone NAME=FILE");
  if (o->as && (o->file || o->against || o->fix != CHECK_FIX_NONE || o->format > CHECK_JSON))
    return cli_usage(c, "--as knows text and JSON, and goes without --file, --against and --fix");
  if (o->against && o->fix != CHECK_FIX_NONE)
    return cli_usage(c, "--fix prints all lines to enter: leave --against out");
  if (o->against && o->format == CHECK_HTML) return cli_usage(c, "--format html has no form for --against");
  return judge_domains(c);
}
