/* What is said of a domain: findings, one for each time that a row of rules.def applies, and a verdict for
 * each side. */
#ifndef JIDNS_TOOL_REPORT_H
#define JIDNS_TOOL_REPORT_H
#include "tool/facts.h"

enum severity { SEVERITY_INFO, SEVERITY_NOTICE, SEVERITY_WARNING, SEVERITY_ERROR, SEVERITY_COUNT };

enum rule_id {
#define RULE(symbol, code, group, severity, why, hurts, mend, refs) RULE_##symbol,
#include "tool/rules.def"
#undef RULE
  RULE_COUNT
};

/* A row of rules.def. */
struct rule {
  const char *code;
  char group;
  enum severity severity;
  const char *why, *hurts, *mend, *refs;
};

extern const struct rule report_rules[RULE_COUNT];

enum { REPORT_CHANGES = 8, REPORT_DATA = 4 };

/* A line of the zone to take out or put in. */
struct change {
  bool add;
  char *owner, *type, *rdata; /* owner and names in rdata are absolute, with their final dots */
};

struct finding {
  enum rule_id rule;
  enum severity severity;
  enum lookup_side side; /* whom it concerns; LOOKUP_BOTH: both, or the domain as a whole */
  bool sure;             /* false: only a connection could tell */
  bool ignored;
  bool of_component; /* whose way is its own: the domain may well be reached */
  char *subject;     /* the name, address or service that is wrong: whole, without a final dot */
  char *text;        /* one sentence without its full stop, for people */
  struct {
    const char *key;
    unsigned long value;
  } data[REPORT_DATA]; /* numbers in the text, for programs; key NULL: no more */
  struct change changes[REPORT_CHANGES];
  unsigned change_count;
};

enum verdict {
  VERDICT_YES,
  VERDICT_PARTLY,
  VERDICT_NO,
  VERDICT_NOT_OFFERED,
  VERDICT_UNKNOWN,
  VERDICT_UNASKED
};

struct report {
  const struct facts *facts; /* borrowed */
  struct finding *list;      /* worst first; NULL until it is settled */
  size_t count;
  struct finding **made; /* as the rules make them; each stays where it is until it is settled */
  size_t made_count, made_room;
  bool silenced[RULE_COUNT];
  bool by_wildcard[LOOKUP_SERVICES]; /* the service's records are a wildcard's: that is said once */
  enum verdict verdicts[2];          /* by facts_side_index */
};

/* A report with all that the rules find, sorted. Freed with report_free. */
struct report *report_new(const struct facts *f);
void report_free(struct report *r);

/* Findings of that severity that are not ignored. */
unsigned report_count(const struct report *r, enum severity s);
unsigned report_ignored(const struct report *r);
/* The worst that is not ignored; false: there is none. */
bool report_worst(const struct report *r, enum severity *out);

/* "error", "yes", "c2s", "dns". Static. */
const char *report_severity_word(enum severity s);
const char *report_verdict_word(enum verdict v);
bool report_severity_parse(const char *word, enum severity *out);
const char *report_side_word(enum lookup_side side); /* "c2s", "s2s", "both" */

/* Only connections can show it. */
bool report_needs_connections(enum rule_id rule);

/* RULE_COUNT when there is no such code. */
enum rule_id report_rule_of(const char *code);

/* ---- for rules_*.c, which make findings ---- */

/* A new finding; it is never NULL, and good until report_new returns. subject: copied. */
struct finding *report_add(struct report *r, enum rule_id rule, enum lookup_side side, const char *subject,
                           const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void finding_data(struct finding *f, const char *key, unsigned long value);
/* "- OWNER TYPE RDATA" and "+ ...": owner without a final dot, rdata as in a zone file with absolute names.
 */
void finding_change(struct finding *f, bool add, const char *owner, const char *type, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* The same for an SRV record of a service: as it is, or as it should be. */
void finding_change_srv(struct finding *f, bool add, const struct report *r, const char *labels,
                        const struct srv *srv);
/* Findings of the rule are taken back: another one is their cause. */
void report_silence(struct report *r, enum rule_id rule);
void report_silence_group(struct report *r, const char *groups);

/* "_xmpp-client._tcp.example.org", a service of the domain. Returns text. */
const char *report_service_name(const struct report *r, const char *labels, char text[NAME_TEXT]);

void rules_of_domain(struct report *r);
void rules_of_services(struct report *r);
void rules_of_targets(struct report *r);
void rules_of_ports(struct report *r);
void rules_of_addresses(struct report *r);
void rules_of_answers(struct report *r);
void rules_of_authority(struct report *r);
void rules_of_other_servers(struct report *r);
void rules_of_dane(struct report *r);
void rules_of_signatures(struct report *r);
void rules_of_components(struct report *r);
void rules_of_old_records(struct report *r);
void rules_of_connections(struct report *r);
void rules_of_unlike(struct report *r);
void rules_of_caa(struct report *r);
void rules_of_web(struct report *r);
#endif
