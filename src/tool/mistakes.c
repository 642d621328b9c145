/* mistakes.c: what a lookup says is wrong: findings of the rules that check has, as far as a lookup's answers
 * show them. Exports mistakes_find, mistakes_free. */
#include "tool/mistakes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "tool/report.h"

/* What keeps programs from connecting, or leads them elsewhere than the records say. The rest is check's. */
static bool is_told(enum rule_id rule) {
  static const enum rule_id told[] = {RULE_IDNA_INVALID,       RULE_IDNA_VERSIONS,
                                      RULE_DOMAIN_MISSING,     RULE_NOTHING,
                                      RULE_NONE_WITH_VALUES,   RULE_NONE_AMONG_OTHERS,
                                      RULE_SRV_MALFORMED,      RULE_SRV_ALIAS_WITHOUT_SRV,
                                      RULE_TARGET_MISSING,     RULE_TARGET_WITHOUT_ADDRESS,
                                      RULE_TARGET_ALIAS,       RULE_TARGET_IS_ADDRESS,
                                      RULE_MISSING_DOT,        RULE_TARGET_SINGLE_LABEL,
                                      RULE_TARGET_LOCALHOST,   RULE_TARGET_BELOW_LAME,
                                      RULE_TARGET_DOMAIN_GONE, RULE_TOO_MANY_TARGETS,
                                      RULE_PORT_ZERO,          RULE_AAAA_SILENT,
                                      RULE_ADDRESS_FAILED,     RULE_SRV_FAILED,
                                      RULE_SRV_SILENT,         RULE_NO_TCP,
                                      RULE_ANSWER_STALE,       RULE_OBSOLETE_XMPPCONNECT,
                                      RULE_OBSOLETE_JABBER,    RULE_JABBER_ONLY,
                                      RULE_TARGET_SPECIAL,     RULE_TARGET_ONION};
  for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
    if (told[i] == rule) return true;
  }

  return false;
}

void mistakes_find(struct lookup *l, struct mistakes *out) {
  struct facts *f = facts_of_lookup(l);
  struct report *r = report_new(f);
  out->count = 0;
  for (size_t i = 0; i < r->count && out->count < MISTAKES_MAX; i++) {
    if (!is_told(r->list[i].rule)) continue;
    struct mistake *m = &out->list[out->count++];
    m->word = report_rules[r->list[i].rule].code;
    must(asprintf(&m->text, "%s.", r->list[i].text) >= 0);
  }
  report_free(r);
  facts_free(f);
}

void mistakes_free(struct mistakes *m) {
  for (size_t i = 0; i < m->count; i++) free(m->list[i].text);
  m->count = 0;
}
