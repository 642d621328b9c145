/* `jidns check`: what is right and wrong with the DNS of XMPP domains, for people and for programs. */
#ifndef JIDNS_TOOL_CHECK_H
#define JIDNS_TOOL_CHECK_H
#include <stdio.h>

#include "tool/against.h"
#include "tool/connect.h"
#include "tool/report.h"
#include "tool/sources.h"
#include "tool/term.h"

enum check_format { CHECK_TEXT, CHECK_JSON, CHECK_TSV, CHECK_NAGIOS, CHECK_HTML };
enum check_fix { CHECK_FIX_NONE, CHECK_FIX_ZONE, CHECK_FIX_NSUPDATE };

enum {
  CHECK_COMPONENTS_MAX = 16,
  CHECK_IGNORES_MAX = 256,
  CHECK_NAGIOS_MAX = 32 /* domains */
};

/* A finding that is known and accepted. */
struct check_ignore {
  enum rule_id rule;
  char *subject; /* owned; NULL: any */
};

struct check_options {
  enum check_format format;
  enum check_fix fix;
  enum severity fail_on;
  bool verbose, quiet, list, connect;
  struct connect_options connect_options;
  struct connector *connector; /* with connect; owned by check_run */
  const char *components[CHECK_COMPONENTS_MAX];
  size_t component_count;
  struct check_ignore ignores[CHECK_IGNORES_MAX];
  size_t ignore_count;
  const char *file, *explain, *against, *as; /* borrowed; NULL: not given */
  const char *zones[SOURCES_ZONES_MAX];      /* "NAME=FILE"; borrowed */
  size_t zone_count;
  bool offline;                          /* nobody is asked */
  struct check_html *html;               /* with CHECK_HTML: what is put together; owned by check_run */
  bool from_daemon;                      /* answers come from the cache of a running jidnsd */
  bool authority;                        /* the zone's own servers are asked, too */
  union addr servers[FACTS_SERVERS_MAX]; /* beside the first */
  size_t server_count;
  struct term term; /* where it is shown */
};

/* One domain, checked. */
struct checked {
  struct facts *facts;
  struct report *report;
  struct differences *differences; /* from an older report; NULL: not asked for */
  union addr server;
  unsigned ms; /* it took */
};

struct cli;
/* The command; returns its status. */
int check_run(struct cli *c);

/* Reads "CODE" or "CODE:SUBJECT" into the options. False: no such code, or too many. */
bool check_add_ignore(struct check_options *o, const char *text);
/* Reads a file of them, one a line: CODE[:SUBJECT] [until YYYY-MM-DD] [why]; "#" begins a comment; one whose
 * day is over does not count. `today`: "2026-01-31". False after a line on err that names file and line. */
bool check_read_ignores(struct check_options *o, const char *path, const char *today, FILE *err);
/* Marks what is ignored. */
void check_apply_ignores(const struct check_options *o, struct report *r);

/* The changes in the form of a zone file's lines, or as commands of nsupdate. */
void check_write_fix(const struct report *r, enum check_fix fix, FILE *out);

/* ---- how it is shown: check_text.c, check_connections.c, check_lines.c, check_html.c, check_json.c ---- */

void check_write_text(const struct checked *c, const struct check_options *o, FILE *out);
/* Its parts: who was asked; a finding. */
void check_write_head(const struct checked *c, const struct check_options *o, FILE *out);
void check_write_finding(const struct facts *f, const struct finding *x, const struct check_options *o,
                         FILE *out);
/* A line a domain of many: "example.org   clients yes   servers in part   E port-zero". */
void check_write_summary(const struct checked *c, FILE *out);
void check_write_tsv_head(const struct check_options *o, FILE *out);
void check_write_tsv(const struct checked *c, FILE *out);
/* One line for all of them; returns the status that Nagios wants. */
int check_write_nagios(const struct checked *list, size_t n, FILE *out);
/* ": TEXT [CODE]". Behind a '|' Nagios reads numbers, and names come from strangers: it becomes a '/'. */
void check_put_nagios(const char *text, const char *code, FILE *out);
/* The same of what differs from an older report. */
void check_write_against(const struct checked *c, const struct check_options *o, FILE *out);
void check_write_against_summary(const struct checked *c, FILE *out);
void check_write_against_tsv(const struct checked *c, FILE *out);
int check_write_against_nagios(const struct checked *list, size_t n, FILE *out);
void check_write_rules(const struct check_options *o, FILE *out);
void check_write_rule(enum rule_id rule, const struct check_options *o, FILE *out);
bool check_has_json(void);
/* One object on one line if `compact`, else indented. False when memory is out. */
bool check_write_json(const struct checked *c, const struct check_options *o, bool compact, FILE *out);

/* A report in HTML, put together domain by domain: one file that loads nothing and runs nothing. */
struct check_html;
struct check_html *check_html_new(void);
void check_html_free(struct check_html *h);
void check_html_add(struct check_html *h, const struct checked *c, const struct check_options *o);
/* A domain without any answer; both texts are copied. */
void check_html_add_silent(struct check_html *h, const char *domain, const char *why);
/* Writes all of it, once. False when it could not be written. */
bool check_html_write(struct check_html *h, FILE *out);

/* Milliseconds of a clock that only goes forward. */
unsigned check_now_ms(void);

/* The connections as lines of a table for people. */
void check_write_connections(const struct facts *f, const struct check_options *o, FILE *out);

/* "in part": a verdict for people. */
const char *check_verdict_text(enum verdict v);

/* Why a host has no address to show: "no address", "no answer", "not looked at". Static. */
const char *check_no_address_text(const struct host *h);
/* What was not looked at, in a sentence; false: nothing was left out. */
enum { CHECK_LEFT_OUT_TEXT = 100 };
bool check_left_out_text(const struct facts *f, char text[CHECK_LEFT_OUT_TEXT]);
/* A change as it stands in a zone file of the domain: "@  SRV 5 0 5222 xmpp". To be freed. */
char *check_short_change(const struct facts *f, const struct change *c);
#endif
