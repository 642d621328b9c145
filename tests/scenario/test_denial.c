/* test_denial.c: NXDOMAIN and what is below it (RFC 8020), by setting. */
#include <criterion/criterion.h>

#include "scenario/kit.h"

static struct world *world_that_cuts(bool cuts) {
  struct world *w = world_new(&(struct world_options){.forward.nxdomain_cut = cuts});
  zone_add(&w->zone, "a.lab.", TYPE_A, 300, rd_a("192.0.2.9"));
  client_ask_and_wait(w, "no.lab.", TYPE_A, HOW_PLAIN);
  return w;
}

static void check_denied_at_once(struct world *w, const char *name, uint16_t type) {
  struct heard *h = client_ask(w, name, type, HOW_EDNS);
  cr_assert(is_answered(h), "%s", name);
  cr_expect_eq(heard_rcode(h), RCODE_NXDOMAIN);
  cr_expect_eq(heard_count(h, SECTION_ANSWER), 0);
  cr_expect_eq(heard_typed(h, SECTION_AUTHORITY, TYPE_SOA), 1);
}

static void check_asked(struct world *w, const char *name, uint16_t type, unsigned how) {
  unsigned before = upstream_asked(w, "", 0);
  client_ask_and_wait(w, name, type, how);
  cr_expect_eq(upstream_asked(w, "", 0), before + 1, "%s", name);
}

Test(denial, covers_the_name_for_every_type_and_all_below) {
  struct world *w = world_that_cuts(true);
  check_denied_at_once(w, "no.lab.", TYPE_SRV);
  check_denied_at_once(w, "_xmpp-client._tcp.no.lab.", TYPE_SRV);
  check_denied_at_once(w, "a.B.c.nO.lab.", TYPE_TXT);
  cr_expect_eq(upstream_asked(w, "", 0), 1);
  world_free(w);
}

Test(denial, covers_nothing_beside_or_above) {
  struct world *w = world_that_cuts(true);
  check_asked(w, "a.lab.", TYPE_A, HOW_PLAIN);
  check_asked(w, "xno.lab.", TYPE_A, HOW_PLAIN);
  check_asked(w, "lab.", TYPE_A, HOW_PLAIN);
  world_free(w);
}

Test(denial, ends_with_its_ttl) {
  struct world *w = world_that_cuts(true);
  uint32_t left = heard_ttl(client_ask(w, "x.no.lab.", TYPE_A, HOW_PLAIN), SECTION_AUTHORITY, "lab.",
                            TYPE_SOA);
  world_run_ms(w, 1000);
  cr_expect_eq(heard_ttl(client_ask(w, "x.no.lab.", TYPE_A, HOW_PLAIN), SECTION_AUTHORITY, "lab.", TYPE_SOA),
               left - 1);
  world_run_ms(w, left * 1000);
  check_asked(w, "x.no.lab.", TYPE_A, HOW_PLAIN);
  world_free(w);
}

Test(denial, is_not_for_who_wants_proof) {
  struct world *w = world_that_cuts(true);
  check_asked(w, "x.no.lab.", TYPE_A, HOW_DO);
  world_free(w);
}

Test(denial, of_an_empty_answer_is_none) {
  struct world *w = world_that_cuts(true);
  check_asked(w, "a.lab.", TYPE_AAAA, HOW_PLAIN);
  check_asked(w, "x.a.lab.", TYPE_A, HOW_PLAIN);
  world_free(w);
}

Test(denial, covers_nothing_below_unless_set) {
  struct world *w = world_that_cuts(false);
  check_asked(w, "x.no.lab.", TYPE_A, HOW_PLAIN);
  check_asked(w, "no.lab.", TYPE_SRV, HOW_PLAIN);
  world_free(w);
}
