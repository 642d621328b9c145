/* check_text.c: a checked domain for people, as wide as their terminal. Exports check_write_text,
 * check_write_summary, check_write_rule(s), check_write_head, check_write_finding, check_write_fix,
 * check_verdict_text, check_short_change. */
#include <stdlib.h>

#include "base/must.h"
#include "tool/check.h"
#include "tool/domain.h"

enum {
  INDENT = 9,      /* of what stands below a finding's severity */
  END_COLUMN = 33, /* of the first end in the verdict */
  ADDRESS_COLUMN = 53,
  CHANGE_TTL = 3600
};

static void write_block(const struct term *t, FILE *out, const char *text) {
  fprintf(out, "%*s", INDENT, "");
  term_wrap(t, out, INDENT, INDENT, text);
}

const char *check_verdict_text(enum verdict v) {
  return v == VERDICT_PARTLY ? "in part" : v == VERDICT_NOT_OFFERED ? "not offered" : report_verdict_word(v);
}

/* ---- changes ---- */

static void shorten(const struct facts *f, const char *name, char text[NAME_TEXT]) {
  uint8_t octets[NAME_MAX_LEN];
  size_t len = name_parse(name, octets);
  if (len > 0) facts_short_name(f, octets, len, text);
  else snprintf(text, NAME_TEXT, "%s", name);
}

char *check_short_change(const struct facts *f, const struct change *c) {
  char owner[NAME_TEXT], target[NAME_TEXT], *text = NULL;
  const char *last = strrchr(c->rdata, ' ');
  shorten(f, c->owner, owner);
  if (strcmp(c->type, "SRV") != 0 || !last) {
    must(asprintf(&text, "%-19s %s %s", owner, c->type, c->rdata) >= 0);
    return text;
  }
  shorten(f, last + 1, target);
  must(asprintf(&text, "%-19s SRV %.*s %s", owner, (int)(last - c->rdata), c->rdata, target) >= 0);
  return text;
}

static void write_changes(const struct facts *f, const struct finding *x, FILE *out) {
  for (unsigned i = 0; i < x->change_count; i++) {
    char *line = check_short_change(f, &x->changes[i]);
    fprintf(out, "%*s%c %s\n", INDENT, "", x->changes[i].add ? '+' : '-', line);
    free(line);
  }
}

void check_write_fix(const struct report *r, enum check_fix fix, FILE *out) {
  for (size_t i = 0; i < r->count; i++) {
    const struct finding *x = &r->list[i];
    for (unsigned k = 0; k < x->change_count && !x->ignored; k++) {
      const struct change *c = &x->changes[k];
      if (fix == CHECK_FIX_NSUPDATE && c->add)
        fprintf(out, "update add %s. %d %s %s\n", c->owner, CHANGE_TTL, c->type, c->rdata);
      else if (fix == CHECK_FIX_NSUPDATE)
        fprintf(out, "update delete %s. %s %s\n", c->owner, c->type, c->rdata);
      else
        fprintf(out, "%s%s. %d IN %s %s\n", c->add ? "" : "; delete: ", c->owner, CHANGE_TTL, c->type,
                c->rdata);
    }
  }
  if (fix == CHECK_FIX_NSUPDATE) fputs("send\n", out);
}

/* ---- the parts ---- */

void check_write_head(const struct checked *c, const struct check_options *o, FILE *out) {
  char domain[NAME_TEXT], server[ADDR_TEXT], right[ADDR_TEXT + 64];
  lookup_host_text(c->facts->domain->domain, domain);
  if (c->facts->offline)
    snprintf(right, sizeof right, c->facts->from_cache ? "from the cache of jidnsd" : "from a zone file");
  else
    snprintf(right, sizeof right, "asked %s%s, %u ms", addr_format(&c->server, server),
             c->facts->other_count ? " and others" : "", c->ms);
  size_t used = strlen(domain) + strlen(right), width = term_width(&o->term);
  bool fits = used + 2 <= width;
  term_put(&o->term, out, STYLE_HEAD, domain);
  fprintf(out, "%s%*s%s\n", fits ? "" : "\n", fits ? (int)(width - used) : 2, "", right);
  if (c->facts->typed.taken_from) fprintf(out, "  (the domain of %s)\n", c->facts->typed.taken_from);
}

static enum term_style style_of_verdict(enum verdict v) {
  return v == VERDICT_YES           ? STYLE_GOOD
         : v == VERDICT_NO          ? STYLE_BAD
         : v == VERDICT_NOT_OFFERED ? STYLE_PLAIN
                                    : STYLE_WARN;
}

static void write_verdict(const struct checked *c, const struct check_options *o, enum lookup_side side,
                          FILE *out) {
  enum verdict v = c->report->verdicts[facts_side_index(side)];
  char host[NAME_TEXT], end[NAME_TEXT + 40];
  if (v == VERDICT_UNASKED) return;
  const struct plan *tls = c->facts->plans[facts_side_index(side)][1],
                    *starttls = c->facts->plans[facts_side_index(side)][0];
  const struct plan *p = tls->count > 0 ? tls : starttls;
  int used = fprintf(out, "  %s reach it: ", side == LOOKUP_C2S ? "clients" : "servers");
  term_put(&o->term, out, style_of_verdict(v), check_verdict_text(v));
  used += (int)strlen(check_verdict_text(v));
  if (p->count == 0 || v == VERDICT_UNKNOWN) {
    fputc('\n', out);
    return;
  }

  const struct plan_step *s = &p->steps[0];
  snprintf(end, sizeof end, "%s %u %s", plan_step_host(s, host), s->port, plan_tls(s->direct_tls));
  bool aligns = used < END_COLUMN && END_COLUMN + strlen(end) <= term_width(&o->term);
  unsigned column = aligns ? END_COLUMN : (unsigned)used + 2;
  fprintf(out, "%*s", (int)column - used, "");
  term_wrap(&o->term, out, column, 4, end);
}

static enum term_style style_of(enum severity s) {
  return s == SEVERITY_ERROR ? STYLE_BAD : s == SEVERITY_WARNING ? STYLE_WARN : STYLE_PLAIN;
}

void check_write_finding(const struct facts *f, const struct finding *x, const struct check_options *o,
                         FILE *out) {
  const struct term *t = &o->term;
  const struct rule *rule = &report_rules[x->rule];
  char line[1200], code[80];

  term_put(t, out, style_of(x->severity), report_severity_word(x->severity));
  fprintf(out, "%*s", INDENT - (int)strlen(report_severity_word(x->severity)), "");
  if (x->severity <= SEVERITY_NOTICE && !o->verbose) {
    snprintf(line, sizeof line, "%s [%s]", x->text, rule->code);
    term_wrap(t, out, INDENT, INDENT, line);
    return;
  }

  term_wrap(t, out, INDENT, INDENT, x->text);
  write_block(t, out, rule->why);
  if (!x->sure) write_block(t, out, "This can't be told for sure from the DNS alone.");
  if (*rule->hurts) {
    snprintf(line, sizeof line, "Hurts: %s.", rule->hurts);
    write_block(t, out, line);
  }

  write_changes(f, x, out);
  if (x->change_count == 0 || o->verbose) write_block(t, out, rule->mend);
  snprintf(code, sizeof code, "[%s]", rule->code);
  write_block(t, out, code);
}

static void write_findings(const struct checked *c, const struct check_options *o, FILE *out) {
  enum severity before = SEVERITY_ERROR;
  for (size_t i = 0; i < c->report->count; i++) {
    const struct finding *x = &c->report->list[i];
    if (x->ignored || (x->severity == SEVERITY_INFO && !o->verbose)) continue;
    bool whole = x->severity > SEVERITY_NOTICE || o->verbose;
    if (whole || before > SEVERITY_NOTICE) fputc('\n', out);
    before = x->severity;
    check_write_finding(c->facts, x, o, out);
  }
}

const char *check_no_address_text(const struct host *h) {
  bool failed = !lookup_is_answered(&h->asked[0]) || !lookup_is_answered(&h->asked[1]);
  return host_is_left_out(h) ? "not looked at" : failed ? "no answer" : "no address";
}

/* Where the addresses of a host begin, so that the longest fits. */
static unsigned address_column(const struct term *t, const struct host *h) {
  char address[ADDRESS_TEXT];
  size_t longest = 0, width = term_width(t);
  for (size_t i = 0; i < h->address_count; i++) {
    size_t len = strlen(lookup_address_text(&h->addresses[i], address));
    if (len > longest) longest = len;
  }
  if (ADDRESS_COLUMN + longest <= width) return ADDRESS_COLUMN;
  return longest < width ? (unsigned)(width - longest) : 0;
}

static void write_addresses(const struct term *t, const struct host *h, unsigned column, FILE *out) {
  char address[ADDRESS_TEXT], line[LOOKUP_ADDRESSES_MAX * ADDRESS_TEXT] = "";
  for (size_t i = 0; i < h->address_count; i++) {
    strcat(line, i ? " " : "");
    strcat(line, lookup_address_text(&h->addresses[i], address));
  }
  term_wrap(t, out, column, column, h->address_count > 0 ? line : check_no_address_text(h));
}

/* Pads to a column; a long name gets a line of its own. */
static unsigned to_column(unsigned column, unsigned wanted, FILE *out) {
  if (column + 1 > wanted) {
    fputc('\n', out);
    column = 0;
  }
  fprintf(out, "%*s", (int)(wanted - column), "");
  return wanted;
}

static const struct host *shown_before(const struct host *h, const struct host **shown, size_t *count,
                                       size_t room) {
  for (size_t i = 0; i < *count; i++) {
    if (shown[i] == h) return h;
  }
  if (*count < room) shown[(*count)++] = h;
  return NULL;
}

/* Hosts whose addresses stand further up. */
struct shown {
  const struct host *list[64];
  size_t count;
};

static void write_targets(const struct facts *f, const struct service *s, struct shown *shown,
                          const struct check_options *o, FILE *out) {
  enum { FEW = 12 };
  char name[NAME_TEXT];
  for (size_t i = 0; i < s->count; i++) {
    const struct srv *srv = &s->srv[i];
    if (i == FEW && !o->verbose) {
      fprintf(out, "%18s... and %zu more (--verbose)\n", "", s->count - i);
      return;
    }
    unsigned column = (unsigned)fprintf(
        out, "  %-15s%3u %3u %5u  %s", i == 0 ? strndupa(s->kind->labels, strcspn(s->kind->labels, ".")) : "",
        srv->priority, srv->weight, srv->port, facts_short_name(f, srv->target, srv->target_len, name));
    const struct host *h = s->hosts[i];
    column = to_column(column, h ? address_column(&o->term, h) : ADDRESS_COLUMN, out);
    if (!h) fputs("not asked for\n", out);
    else if (h->address_count > 0 && shown_before(h, shown->list, &shown->count, 64))
      fputs("as above\n", out);
    else write_addresses(&o->term, h, column, out);
  }
}

static void write_service(const struct facts *f, const struct service *s, struct shown *shown,
                          const struct check_options *o, FILE *out) {
  char word[PRINT_WORD];
  size_t len = strcspn(s->kind->labels, ".");

  if (s->state == SERVICE_OFFERED) {
    write_targets(f, s, shown, o, out);
  } else if (s->state == SERVICE_NOT_OFFERED) {
    fprintf(out, "  %-14.*s not offered: %u %u %u .\n", (int)len, s->kind->labels, s->srv[0].priority,
            s->srv[0].weight, s->srv[0].port);
  } else if (s->state == SERVICE_ABSENT) {
    fprintf(out, "  %-14.*s none\n", (int)len, s->kind->labels);
  } else if (s->asked.outcome == ASKED_LEFT_OUT) {
    fprintf(out, "  %-14.*s not looked at\n", (int)len, s->kind->labels);
  } else {
    const char *why = s->malformed ? "unreadable" : lookup_outcome_text(&s->asked, word);
    fprintf(out, "  %-14.*s failed: %s\n", (int)len, s->kind->labels, why);
  }
}

static void write_records(const struct checked *c, const struct check_options *o, FILE *out) {
  const struct facts *f = c->facts;
  struct shown shown = {.count = 0};

  fputc('\n', out);
  term_put(&o->term, out, STYLE_HEAD, "Records");
  fputc('\n', out);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    const struct service *s = &f->domain->services[i];
    if (s->state == SERVICE_UNASKED || (s->kind->obsolete && s->count == 0)) continue;
    write_service(f, s, &shown, o, out);
  }

  const struct host *own = f->domain->domain;
  unsigned column = address_column(&o->term, own);
  write_addresses(&o->term, own, to_column((unsigned)fprintf(out, "  domain itself"), column, out), out);
  for (size_t i = 0; i < f->component_count; i++) {
    const struct component *x = &f->components[i];
    char host[NAME_TEXT];
    if (!x->plan || (x->plan->count == 0 && !x->wanted)) continue;
    fprintf(out, "  %-15s", x->label);
    if (x->plan->count == 0) fputs("not reached\n", out);
    else
      fprintf(out, "servers go to %s %u\n", plan_step_host(&x->plan->steps[0], host), x->plan->steps[0].port);
  }
}

/* What was not asked for must not look like what is good. */
bool check_left_out_text(const struct facts *f, char text[CHECK_LEFT_OUT_TEXT]) {
  unsigned n = 0;
  if (f->from_cache) {
    snprintf(text, CHECK_LEFT_OUT_TEXT, "What the cache does not have was not looked at.");
    return true;
  }
  for (size_t i = 0; i < f->hosts->count; i++) n += host_is_left_out(f->hosts->list[i]);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) n += f->domain->services[i].asked.outcome == ASKED_LEFT_OUT;
  snprintf(text, CHECK_LEFT_OUT_TEXT, "Not looked at: %u name%s that lead%s out of the zone files.", n,
           n == 1 ? "" : "s", n == 1 ? "s" : "");
  return n > 0;
}

static void write_left_out(const struct facts *f, FILE *out) {
  char text[CHECK_LEFT_OUT_TEXT];
  if (check_left_out_text(f, text)) fprintf(out, "\n%s\n", text);
}

static void write_count(const struct report *r, FILE *out) {
  static const char *const many[] = {"infos", "notices", "warnings", "errors"};
  unsigned ignored = report_ignored(r), total = 0;
  fputc('\n', out);
  for (int s = SEVERITY_ERROR; s >= SEVERITY_NOTICE; s--) {
    unsigned n = report_count(r, (enum severity)s);
    if (n == 0) continue;
    fprintf(out, "%s%u %s", total ? ", " : "", n, n == 1 ? report_severity_word((enum severity)s) : many[s]);
    total += n;
  }
  if (total == 0) fputs("Nothing to complain of", out);
  if (ignored) fprintf(out, " (%u ignored)", ignored);
  fputs(".\n", out);
}

void check_write_text(const struct checked *c, const struct check_options *o, FILE *out) {
  check_write_head(c, o, out);
  write_verdict(c, o, LOOKUP_C2S, out);
  write_verdict(c, o, LOOKUP_S2S, out);
  write_findings(c, o, out);
  if (!o->quiet) write_records(c, o, out);
  if (!o->quiet) check_write_connections(c->facts, o, out);
  write_left_out(c->facts, out);
  write_count(c->report, out);
}

void check_write_summary(const struct checked *c, FILE *out) {
  char domain[NAME_TEXT], clients[32], servers[32];
  enum severity worst;
  snprintf(clients, sizeof clients, "clients %s", check_verdict_text(c->report->verdicts[0]));
  snprintf(servers, sizeof servers, "servers %s", check_verdict_text(c->report->verdicts[1]));
  fprintf(out, "%-27s %-16s %-16s ", lookup_host_text(c->facts->domain->domain, domain), clients, servers);
  for (size_t i = 0; i < c->report->count; i++) {
    const struct finding *x = &c->report->list[i];
    if (x->ignored || !report_worst(c->report, &worst) || worst < SEVERITY_WARNING) continue;
    fprintf(out, "%c %s\n", report_severity_word(x->severity)[0] - 'a' + 'A', report_rules[x->rule].code);
    return;
  }
  fputs("-\n", out);
}

/* ---- rules ---- */

void check_write_rule(enum rule_id id, const struct check_options *o, FILE *out) {
  const struct term *t = &o->term;
  const struct rule *r = &report_rules[id];
  fprintf(out, "%s (%s)\n\n", r->code, report_severity_word(r->severity));
  term_wrap(t, out, 0, 0, r->why);
  if (*r->hurts) {
    fputs("\nHurts: ", out);
    term_wrap(t, out, 7, 7, r->hurts);
  }
  fputs("\nWhat to do: ", out);
  term_wrap(t, out, 12, 12, r->mend);
  fprintf(out, "\nSee %s.\n", r->refs);
}

void check_write_rules(const struct check_options *o, FILE *out) {
  for (unsigned id = 0; id < RULE_COUNT; id++) {
    const struct rule *r = &report_rules[id];
    if (o->format == CHECK_TSV) {
      fprintf(out, "%s\t%c\t%s\t%s\t%s\t%s\t%s\n", r->code, r->group, report_severity_word(r->severity),
              r->why, r->hurts, r->mend, r->refs);
      continue;
    }
    int used = fprintf(out, "%-8s %-24s ", report_severity_word(r->severity), r->code);
    term_wrap(&o->term, out, (unsigned)used, (unsigned)used, r->why);
  }
}
