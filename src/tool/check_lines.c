/* check_lines.c: checked domains for scripts and for Nagios. Exports check_write_tsv(_head),
 * check_put_nagios, check_write_nagios. */
#include "tool/check.h"

void check_write_tsv_head(const struct check_options *o, FILE *out) {
  fprintf(out, "domain\t%sseverity\tcode\tside\tsubject\ttext\n", o->against ? "change\t" : "");
}

void check_write_tsv(const struct checked *c, FILE *out) {
  char domain[NAME_TEXT];
  lookup_host_text(c->facts->domain->domain, domain);
  for (size_t i = 0; i < c->report->count; i++) {
    const struct finding *x = &c->report->list[i];
    if (x->ignored) continue;
    fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", domain, report_severity_word(x->severity),
            report_rules[x->rule].code, report_side_word(x->side), x->subject, x->text);
  }
}

void check_put_nagios(const char *text, const char *code, FILE *out) {
  fputs(": ", out);
  for (; *text; text++) fputc(*text == '|' ? '/' : *text, out);
  fprintf(out, " [%s]", code);
}

int check_write_nagios(const struct checked *list, size_t n, FILE *out) {
  enum { OK, WARNING, CRITICAL, UNKNOWN };
  static const char *const words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  unsigned errors = 0, warnings = 0, notices = 0;
  bool unknown = false;
  const struct finding *worst = NULL;

  for (size_t i = 0; i < n; i++) {
    const struct report *r = list[i].report;
    errors += report_count(r, SEVERITY_ERROR);
    warnings += report_count(r, SEVERITY_WARNING);
    notices += report_count(r, SEVERITY_NOTICE);
    unknown |= r->verdicts[0] == VERDICT_UNKNOWN || r->verdicts[1] == VERDICT_UNKNOWN;
    for (size_t k = 0; k < r->count; k++) {
      if (!r->list[k].ignored && (!worst || r->list[k].severity > worst->severity)) worst = &r->list[k];
    }
  }

  int status = n == 0 || (unknown && errors == 0) ? UNKNOWN : errors ? CRITICAL : warnings ? WARNING : OK;
  fprintf(out, "XMPP DNS %s - %zu domain%s, %u errors, %u warnings", words[status], n, n == 1 ? "" : "s",
          errors, warnings);
  if (worst && worst->severity >= SEVERITY_WARNING)
    check_put_nagios(worst->text, report_rules[worst->rule].code, out);
  fprintf(out, " | errors=%u;;0 warnings=%u;0 notices=%u\n", errors, warnings, notices);
  return status;
}
