/* test_contacts.c: what became of the walks to each domain. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/made.h"
#include "xmpp/contacts.h"

static struct walked walk_to(unsigned domain, enum family_role role, enum walk_end end) {
  struct walked w = {.role = role, .end = end, .answers = 5, .waited = 2, .saved = 1, .stale = 1};
  char name[40];
  snprintf(name, sizeof name, "d%u.lab", domain);
  w.domain_len = (uint8_t)name_parse(name, w.domain);
  if (end == WALK_REACHED) {
    w.reached_after_ms = 40 + domain;
    w.way = (struct walk_way){
        .by_srv = true, .port = 5269, .target_len = (uint8_t)name_parse("x.lab", w.way.target)};
    name_parse("x.lab", w.way.target);
  }
  return w;
}

static void note(struct contacts *c, unsigned domain, enum family_role role, enum walk_end end,
                 uint64_t at_ms) {
  struct walked w = walk_to(domain, role, end);
  w.why = ERR_TIMEOUT;
  if (end == WALK_FAILED) question_of(&w.failed_question, "_xmpp-server._tcp.d1.lab", TYPE_SRV);
  contacts_note(c, &w, at_ms);
}

static const struct contact *find(const struct contacts *c, unsigned domain) {
  struct walked w = walk_to(domain, FAMILY_S2S, WALK_NOT_TRIED);
  return contacts_find(c, w.domain, w.domain_len);
}

Test(contacts, add_up_the_walks_to_a_domain_and_keep_the_last_way_and_failure) {
  struct contacts *c = calloc(1, sizeof *c);
  char why[CONTACT_WHY];
  note(c, 1, FAMILY_S2S, WALK_REACHED, 1000);
  note(c, 1, FAMILY_S2S, WALK_FAILED, 2000);
  note(c, 1, FAMILY_C2S, WALK_NOT_TRIED, 3000);

  const struct contact *one = find(c, 1);
  cr_assert_not_null(one);
  cr_expect(one->walks == 3 && one->reached == 1 && one->first_ms == 41 && one->first_sum_ms == 41);
  cr_expect(one->answers == 15 && one->waited == 6 && one->saved == 3 && one->stale == 3);
  cr_expect(one->by_role[FAMILY_S2S].end == WALK_FAILED && one->by_role[FAMILY_S2S].way.port == 5269);
  cr_expect(one->by_role[FAMILY_C2S].ended_ms == 3000 && !one->by_role[FAMILY_C2S].way.target_len);
  cr_expect(one->failed_ms == 2000 && one->failed_role == FAMILY_S2S);
  cr_expect_str_eq(contact_why_format(one, why), "SRV: no upstream answered in time");
  free(c);
}

Test(contacts, of_many_domains_the_latest_stay) {
  struct contacts *c = calloc(1, sizeof *c);
  for (unsigned i = 0; i < 5000; i++) note(c, i, FAMILY_S2S, WALK_REACHED, 1000 + i);
  cr_expect_null(find(c, 5000 - CONTACTS_MAX - 1));
  for (unsigned i = 5000 - CONTACTS_MAX; i < 5000; i++) cr_expect_not_null(find(c, i));
  contacts_sort(c);
  cr_expect_eq(c->list[0].last_ms, 5999u);
  cr_expect_eq(c->list[CONTACTS_MAX - 1].last_ms, 5999u - CONTACTS_MAX + 1);
  free(c);
}
