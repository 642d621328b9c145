/* check_against.c: what differs from an older report, in each form but JSON. Exports check_write_against*. */
#include "tool/check.h"
#include "tool/domain.h"

enum { INDENT = 9, TEXT_MAX = 1200 };

static void write_new(const struct checked *c, const struct difference *x, const struct check_options *o,
                      FILE *out) {
  fputc('\n', out);
  if (x->kind == DIFFERENCE_WORSE)
    fprintf(out, "worse    It was only %s %s:\n", x->was->severity == SEVERITY_ERROR ? "an" : "a",
            report_severity_word(x->was->severity));
  check_write_finding(c->facts, x->is, o, out);
}

static void write_short(const struct difference *x, const struct check_options *o, FILE *out) {
  char line[TEXT_MAX];
  fprintf(out, "%-*s", INDENT, difference_word(x->kind));
  if (x->kind == DIFFERENCE_BETTER)
    snprintf(line, sizeof line, "%.900s: was %s, is %s [%s]", x->is->text,
             report_severity_word(x->was->severity), report_severity_word(x->is->severity),
             difference_code(x));
  else snprintf(line, sizeof line, "%.900s [%.80s]", x->was->text, x->was->code);
  term_wrap(&o->term, out, INDENT, INDENT, line);
}

static void write_counts(const struct differences *d, FILE *out) {
  for (unsigned kind = 0; kind < DIFFERENCE_KINDS; kind++)
    fprintf(out, "%s%u %s", kind ? ", " : "", differences_count(d, (enum difference_kind)kind),
            difference_word((enum difference_kind)kind));
  fprintf(out, ", %u as before", d->same);
  if (d->unseen) fprintf(out, ", %u not looked at this time", d->unseen);
  fputs(".\n", out);
}

void check_write_against(const struct checked *c, const struct check_options *o, FILE *out) {
  const struct differences *d = c->differences;
  bool is_first_short = true;

  check_write_head(c, o, out);
  if (d->old) fprintf(out, "  compared with %.40s\n", *d->old->time ? d->old->time : "an older report");
  else fputs("  not in the older report: all is new\n", out);

  for (size_t i = 0; i < d->count; i++) {
    const struct difference *x = &d->list[i];
    if (x->kind <= DIFFERENCE_WORSE) {
      write_new(c, x, o, out);
      continue;
    }
    if (is_first_short) fputc('\n', out);
    is_first_short = false;
    write_short(x, o, out);
  }

  fputc('\n', out);
  write_counts(d, out);
}

void check_write_against_summary(const struct checked *c, FILE *out) {
  const struct differences *d = c->differences;
  char domain[NAME_TEXT];
  fprintf(out, "%-27s ", lookup_host_text(c->facts->domain->domain, domain));
  for (unsigned kind = 0; kind < DIFFERENCE_KINDS; kind++)
    fprintf(out, "%u %-7s", differences_count(d, (enum difference_kind)kind),
            difference_word((enum difference_kind)kind));
  const struct difference *worst = differences_worst(d);
  if (worst)
    fprintf(out, "%c %s\n", report_severity_word(worst->is->severity)[0] - 'a' + 'A', difference_code(worst));
  else fputs("-\n", out);
}

void check_write_against_tsv(const struct checked *c, FILE *out) {
  char domain[NAME_TEXT];
  lookup_host_text(c->facts->domain->domain, domain);
  for (size_t i = 0; i < c->differences->count; i++) {
    const struct difference *x = &c->differences->list[i];
    fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", domain, difference_word(x->kind),
            report_severity_word(difference_severity(x)), difference_code(x), difference_side(x),
            difference_subject(x), difference_text(x));
  }
}

int check_write_against_nagios(const struct checked *list, size_t n, FILE *out) {
  enum { OK, WARNING, CRITICAL, UNKNOWN };
  static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  unsigned counts[DIFFERENCE_KINDS] = {0};
  enum severity worst = SEVERITY_INFO;
  const struct difference *first = NULL;
  bool unknown = false;

  for (size_t i = 0; i < n; i++) {
    const struct differences *d = list[i].differences;
    const struct difference *x = differences_worst(d);
    unknown |= list[i].report->verdicts[0] == VERDICT_UNKNOWN ||
               list[i].report->verdicts[1] == VERDICT_UNKNOWN;
    for (unsigned kind = 0; kind < DIFFERENCE_KINDS; kind++)
      counts[kind] += differences_count(d, (enum difference_kind)kind);
    if (!x || x->is->severity <= worst) continue;
    worst = x->is->severity;
    first = x;
  }

  int status = n == 0 || (unknown && worst < SEVERITY_ERROR) ? UNKNOWN
               : worst == SEVERITY_ERROR                     ? CRITICAL
               : worst == SEVERITY_WARNING                   ? WARNING
                                                             : OK;
  fprintf(out, "XMPP DNS %s - %zu domain%s, %u new, %u worse, %u better, %u gone", words[status], n,
          n == 1 ? "" : "s", counts[0], counts[1], counts[2], counts[3]);
  if (first && worst >= SEVERITY_WARNING)
    check_put_nagios(difference_text(first), difference_code(first), out);
  fprintf(out, " | new=%u worse=%u better=%u gone=%u\n", counts[0], counts[1], counts[2], counts[3]);
  return status;
}
