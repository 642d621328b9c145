/* check.c: checks domains, one or many, and says so in the form asked for. Exports check_run. */
#include "tool/check.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/must.h"
#include "tool/cached.h"
#include "tool/check_as.h"
#include "tool/cli.h"
#include "tool/domain.h"
#include "tool/nameserver.h"
#include "tool/pipeline.h"

enum {
  LINE_MAX = 4096 /* octets of a line of a file */
};

/* ---- checking ---- */

/* What all domains are judged with. */
struct judge {
  const struct cli *cli;
  struct sources *sources;
  const struct old_reports *old; /* NULL: nothing to compare with */
  const struct cached *cached;   /* NULL: not from a daemon's cache */
};

/* A domain whose questions are all answered. */
static void judge_one(const struct judge *j, struct checked *x) {
  if (j->cli->check.connector) x->facts->connections = connect_all(j->cli->check.connector, x->facts);
  x->report = report_new(x->facts);
  check_apply_ignores(&j->cli->check, x->report);
  if (j->old) x->differences = differences_new(j->old, x->report);
}

static void checked_free(struct checked *x) {
  differences_free(x->differences);
  report_free(x->report);
  facts_free(x->facts);
  *x = (struct checked){.ms = 0};
}

/* No answer at all: there is nothing to judge. */
static bool is_silent(const struct facts *f) {
  unsigned asked, silent;
  facts_count(f, &asked, &silent);
  return asked == silent;
}

/* What decides the status; false: nothing. */
static bool worst_of(const struct checked *x, enum severity *out) {
  if (!x->differences) return report_worst(x->report, out);
  const struct difference *worst = differences_worst(x->differences);
  if (worst) *out = worst->is->severity;
  return worst != NULL;
}

static int status_of(const struct cli *c, const struct checked *x) {
  enum severity worst;
  bool any = worst_of(x, &worst);
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
  if (o->fix != CHECK_FIX_NONE) check_write_fix(x->report, o->fix, stdout);
  else if (o->format == CHECK_TSV) (x->differences ? check_write_against_tsv : check_write_tsv)(x, stdout);
  else if (o->format == CHECK_HTML) check_html_add(o->html, x, o);
  else if (o->format == CHECK_JSON && !check_write_json(x, o, many, stdout)) return CLI_TROUBLE;
  else if (o->format == CHECK_TEXT && many && !o->verbose)
    (x->differences ? check_write_against_summary : check_write_summary)(x, stdout);
  else if (o->format == CHECK_TEXT) (x->differences ? check_write_against : check_write_text)(x, o, stdout);
  return status_of(c, x);
}

/* ---- domains, from words and files ---- */

struct domains {
  const struct judge *judge;
  struct pipeline *pipeline;
  bool many;
  int status;
  struct checked kept[CHECK_NAGIOS_MAX]; /* for the one line about all of them */
  size_t kept_count;
  size_t done, with_error, with_warning, silent;
  unsigned begun_ms, shown_ms;
};

enum { PROGRESS_MS = 100 };

static void count_domain(struct domains *d, const struct checked *x) {
  enum severity worst = SEVERITY_INFO;
  bool any = report_worst(x->report, &worst);
  d->done++;
  if (is_silent(x->facts)) d->silent++;
  else if (any && worst == SEVERITY_ERROR) d->with_error++;
  else if (any && worst == SEVERITY_WARNING) d->with_warning++;
}

static void show_progress(struct domains *d) {
  unsigned now_ms = check_now_ms(), ms = now_ms - d->begun_ms;
  if (!d->many || !isatty(STDERR_FILENO) || now_ms - d->shown_ms < PROGRESS_MS) return;
  d->shown_ms = now_ms;
  fprintf(stderr, "\r %zu domains, %zu with errors, %zu with warnings, %.1f a second ", d->done,
          d->with_error, d->with_warning, ms ? (double)d->done * 1000 / ms : 0.0);
}

static void show_sum(const struct domains *d) {
  if (!d->judge->cli->check.file || d->done == 0) return;
  fprintf(stderr,
          "%sjidns check: %zu domain%s: %zu with errors, %zu with warnings, %zu without either, %zu without "
          "an answer\n",
          isatty(STDERR_FILENO) ? "\r\n" : "", d->done, d->done == 1 ? "" : "s", d->with_error,
          d->with_warning, d->done - d->with_error - d->with_warning - d->silent, d->silent);
}

/* The next domain in the order of the list is through: it is judged, shown and freed. */
static void on_answered(void *context, struct checked *x) {
  struct domains *d = context;
  const struct cli *c = d->judge->cli;

  judge_one(d->judge, x);
  if (c->check.format == CHECK_NAGIOS) {
    d->kept[d->kept_count++] = *x;
    return;
  }

  count_domain(d, x);
  if (is_silent(x->facts)) {
    complain_silence(c, x);
    d->status = worse(d->status, CLI_NO_ANSWER);
  } else {
    if (d->many && d->done > 1 && c->check.format == CHECK_TEXT && c->check.verbose) fputc('\n', stdout);
    d->status = worse(d->status, show_one(c, x, d->many));
  }

  fflush(stdout);
  checked_free(x);
  show_progress(d);
}

static void finish_all(struct domains *d) {
  pipeline_drain(d->pipeline);
  if (d->judge->cli->check.format == CHECK_NAGIOS)
    d->status = (d->judge->old ? check_write_against_nagios : check_write_nagios)(d->kept, d->kept_count,
                                                                                  stdout);
  show_sum(d);
}

static void want_more(const struct check_options *o, struct facts *f, const union addr *server,
                      bool from_zone) {
  f->offline = from_zone;
  f->asked_server = *server;
  if (o->authority) facts_want_authority(f, o->connect_options.allow_private);
  for (size_t i = 0; i < o->server_count; i++) facts_want_server(f, &o->servers[i]);
  if (f->offline) return;
  char search[NAMESERVER_SEARCH_MAX][NAMESERVER_NAME];
  size_t n = nameserver_search(NAMESERVER_FILE, search);
  for (size_t i = 0; i < n; i++) facts_want_search(f, search[i]);
}

/* Of a cache that has only one side of a domain, that side is judged. */
static enum lookup_side sides_in(const struct cached *cached, const struct typed_domain *typed,
                                 enum lookup_side wanted) {
  unsigned sides = 0;
  for (unsigned i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service_kind *k = &lookup_kinds[i];
    struct asked a = {.name_len = 0};
    uint8_t name[NAME_MAX_LEN];
    ask_make(&a, name, domain_below(k->labels, typed->name, typed->len, name), TYPE_SRV);
    cached_answer(cached, &a);
    if (a.outcome == ASKED_ANSWERED && !k->obsolete) sides |= k->side;
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
  pipeline_add(d->pipeline, &(struct checked){.facts = f, .server = j->cli->ask.server});
  /* connections take long: no questions are under way then */
  if (d->judge->cli->check.connect) pipeline_drain(d->pipeline);
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
  if (count > CACHED_DOMAINS_MAX)
    fprintf(stderr, "jidns check: the cache has %zu XMPP domains; the first %d are judged\n", count,
            CACHED_DOMAINS_MAX);
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
    cli_usage(d->judge->cli, "%s\"%s\" lies in none of the zones of --zone, and --offline asks nobody", where,
              word);
    return false;
  }

  put_domain(d, &typed);
  return true;
}

static bool add_file(struct domains *d, const char *path) {
  char line[LINE_MAX], where[LINE_MAX];
  bool from_stdin = strcmp(path, "-") == 0, good = true;

  FILE *file = from_stdin ? stdin : fopen(path, "re");
  if (!file) {
    fprintf(stderr, "jidns check: --file %s: %m\n", path);
    return false;
  }

  for (unsigned n = 1; good && fgets(line, sizeof line, file); n++) {
    char *text = line + strspn(line, " \t\r\n");
    snprintf(where, sizeof where, "%.200s:%u: ", path, n);
    if (strlen(line) + 1 == sizeof line) {
      cli_usage(d->judge->cli, "%sthe line is too long", where);
      good = false;
      break;
    }
    text[strcspn(text, " \t\r\n#")] = 0;
    if (*text) good = add_domain(d, text, where);
  }

  if (!from_stdin) fclose(file);
  return good;
}

static int check_domains(const struct judge *j) {
  const struct cli *c = j->cli;
  struct domains *d = must_zalloc(sizeof *d);
  bool good = true, whole_cache = j->cached && c->words_count == 0 && !c->check.file;

  *d = (struct domains){
      .judge = j, .many = c->check.file || c->words_count > 1 || whole_cache, .begun_ms = check_now_ms()};
  d->pipeline = pipeline_new(j->sources, on_answered, d);

  if (c->check.format == CHECK_TSV) check_write_tsv_head(&c->check, stdout);
  for (int i = 0; i < c->words_count && good; i++) good = add_domain(d, c->words[i], "");
  if (whole_cache) good = add_cached_domains(d);
  if (good && c->check.file) good = add_file(d, c->check.file);
  if (good) finish_all(d);
  int status = good ? d->status : CLI_USAGE;
  for (size_t i = 0; i < d->kept_count; i++) checked_free(&d->kept[i]);
  pipeline_free(d->pipeline);
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

static int check_in_form(struct cli *c, const struct judge *j) {
  return c->check.format == CHECK_HTML && c->check.fix == CHECK_FIX_NONE ? check_to_html(c, j)
                                                                         : check_domains(j);
}

/* The same with what connections need, which is loaded for them alone. */
static int check_connecting(struct cli *c, const struct judge *j) {
  char *why = NULL;
  size_t len;

  FILE *err = open_memstream(&why, &len);
  must(err);
  c->check.connect_options.phase_ms = c->ask.timeout_ms;
  c->check.connect_options.ask = sources_ask;
  c->check.connect_options.ask_context = j->sources;
  c->check.connector = connect_open(&c->check.connect_options, err);
  fclose(err);
  if (!c->check.connector) fprintf(stderr, "jidns check: --connect: %s", why);
  free(why);
  if (!c->check.connector) return CLI_TROUBLE;

  int status = check_in_form(c, j);
  connect_close(c->check.connector);
  c->check.connector = NULL;
  return status;
}

/* Opens what the domains are judged with, judges them, and closes it. */
static int judge_domains(struct cli *c) {
  const struct check_options *o = &c->check;
  struct ask_options ask = c->ask;
  struct old_reports old = {.count = 0};
  int status = CLI_USAGE;

  ask.want_ad = true;
  if (!o->offline && !o->from_daemon && !c->server_given)
    nameserver_first(NAMESERVER_FILE, &ask.server, stderr);
  c->ask.server = ask.server;
  struct cached *cached = o->from_daemon ? cached_read(c) : NULL;
  if (o->from_daemon && !cached) return CLI_NO_ANSWER;
  struct sources *sources = cached ? sources_of_cache(cached)
                                   : sources_open(o->zones, o->zone_count, &ask, o->offline, stderr);
  if (sources && o->as) {
    status = check_as(c, sources);
  } else if (sources && (!o->against || against_read(&old, o->against, stderr))) {
    const struct judge j = {.cli = c, .sources = sources, .old = o->against ? &old : NULL, .cached = cached};
    status = o->connect ? check_connecting(c, &j) : check_in_form(c, &j);
  }

  against_free(&old);
  sources_close(sources);
  cached_free(cached);
  return status;
}

int check_run(struct cli *c) {
  const struct check_options *o = &c->check;
  if (o->list) {
    check_write_rules(o, stdout);
    return CLI_FOUND;
  }

  if (o->explain) {
    enum rule_id rule = report_rule_of(o->explain);
    if (rule == RULE_COUNT)
      return cli_usage(c, "--explain %s: no such code; jidns check --list shows all", o->explain);
    check_write_rule(rule, o, stdout);
    return CLI_FOUND;
  }

  if (o->as && strcmp(o->as, "list") == 0) {
    as_write_programs(&o->term, stdout);
    return CLI_FOUND;
  }

  if (c->words_count == 0 && !o->file && !o->from_daemon)
    return cli_usage(c, "needs a DOMAIN, JID or URL; see jidns check --help");
  if (o->format == CHECK_JSON && !check_has_json())
    return cli_usage(c, "--format json: this jidns was built without jansson");
  if (o->format == CHECK_NAGIOS && (o->file || c->words_count > CHECK_NAGIOS_MAX || c->words_count == 0))
    return cli_usage(c, "--format nagios is for %d domains at most, without --file", CHECK_NAGIOS_MAX);
  if (o->from_daemon && (o->zone_count > 0 || o->authority || c->server_given))
    return cli_usage(c, "--from-daemon asks nobody: leave --server, --authority and --zone out");
  if ((o->authority || o->server_count > 0) && o->zone_count > 0)
    return cli_usage(c, "--zone judges files: leave --authority and a second --server out");
  if (o->offline && o->zone_count == 0)
    return cli_usage(c, "--offline needs the zone files to judge: --zone NAME=FILE");
  if (o->as && (o->authority || o->server_count > 0))
    return cli_usage(
        c, "--as asks one server, as the program does: leave --authority and a second --server out");
  if (o->as && (o->file || o->against || o->fix != CHECK_FIX_NONE || o->format > CHECK_JSON))
    return cli_usage(c, "--as knows text and JSON, and goes without --file, --against and --fix");
  if (o->as && c->words_count == 0) return cli_usage(c, "--as needs a DOMAIN, with --from-daemon as well");
  if (o->against && o->fix != CHECK_FIX_NONE)
    return cli_usage(c, "--fix prints all lines to enter: leave --against out");
  if (o->against && o->format == CHECK_HTML) return cli_usage(c, "--format html has no form for --against");
  if (o->connect && (o->as || o->offline || o->from_daemon))
    return cli_usage(c, "--connect goes to the targets: leave --as, --offline and --from-daemon out");
  return judge_domains(c);
}
