/* test_nsec.c: what NSEC records prove, and what they don't. */
#include "dnssec/denial_kit.h"

static struct denial *d;

static void begin(void) { d = denial_new("example"); }
static void end(void) { denial_free(d); }
TestSuite(nsec, .init = begin, .fini = end);

static const struct denial_types host = {{TYPE_A, TYPE_RRSIG, TYPE_NSEC}};
static const struct denial_types apex = {{TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_NSEC, TYPE_DNSKEY}};
static const struct denial_types delegation = {{TYPE_NS, TYPE_RRSIG, TYPE_NSEC}};

/* A zone as it should be: the apex, b, empty non-terminal c with d below, delegations, a wildcard below w. */
static void whole_zone(void) {
  denial_nsec(d, "example", "b.example", apex);
  denial_nsec(d, "b.example", "d.c.example", host);
  denial_nsec(d, "d.c.example", "del.example", host);
  denial_nsec(d, "del.example", "dname.example", delegation);
  denial_nsec(d, "dname.example", "sec.example", TYPES(TYPE_DNAME, TYPE_RRSIG, TYPE_NSEC));
  denial_nsec(d, "sec.example", "*.w.example", TYPES(TYPE_NS, TYPE_DS, TYPE_RRSIG, TYPE_NSEC));
  denial_nsec(d, "*.w.example", "x.w.example", host);
  denial_nsec(d, "x.w.example", "z.example", TYPES(TYPE_CNAME, TYPE_RRSIG, TYPE_NSEC));
  denial_nsec(d, "z.example", "example", host);
  denial_done(d);
}

Test(nsec, a_gap_and_the_apex_prove_that_a_name_is_not_there) {
  whole_zone();
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "deep.down.a.example"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "q.b.example"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "q.c.example"), PROOF_SECURE);
}

Test(nsec, the_last_gap_of_a_zone_leads_back_to_its_apex) {
  whole_zone();
  cr_expect_eq(denial_nxdomain(d, "zz.example"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "q.z.example"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "other"), PROOF_NONE);
  cr_expect_eq(denial_nxdomain(d, "z.org"), PROOF_NONE);
}

Test(nsec, the_only_record_of_a_zone_denies_all_below_its_apex) {
  denial_nsec(d, "example", "example", apex);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "example", TYPE_SOA), PROOF_NONE);
}

Test(nsec, a_name_that_is_there_is_not_denied) {
  whole_zone();
  static const char *const there[] = {"example",   "b.example",   "c.example", "d.c.example", "del.example",
                                      "w.example", "x.w.example", "z.example", "*.w.example"};
  for (unsigned i = 0; i < sizeof there / sizeof *there; i++)
    cr_expect_eq(denial_nxdomain(d, there[i]), PROOF_NONE, "%s", there[i]);
}

Test(nsec, without_the_wildcards_denial_a_name_may_be_there) {
  denial_nsec(d, "b.example", "d.example", host);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "c.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_A), PROOF_NONE);
}

Test(nsec, a_name_that_a_wildcard_makes_is_not_denied) {
  whole_zone();
  cr_expect_eq(denial_nxdomain(d, "made.w.example"), PROOF_NONE);
  cr_expect_eq(denial_nxdomain(d, "q.made.w.example"), PROOF_NONE);
}

Test(nsec, a_wildcard_that_is_an_empty_non_terminal_makes_nodata) {
  denial_nsec(d, "w.example", "a.*.w.example", host);
  denial_nsec(d, "a.*.w.example", "z.example", host);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "q.w.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "q.w.example", TYPE_A), PROOF_SECURE);
}

Test(nsec, a_record_at_the_name_denies_the_types_it_does_not_list) {
  whole_zone();
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_SRV), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "b.example", 65280), PROOF_SECURE);
}

Test(nsec, types_of_high_windows_are_seen) {
  denial_nsec(d, "b.example", "d.example", TYPES(TYPE_A, TYPE_NSEC, TYPE_RRSIG, 256, 65280));
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "b.example", 256), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "b.example", 65280), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "b.example", 257), PROOF_SECURE);
}

Test(nsec, an_alias_at_the_name_is_no_nodata) {
  whole_zone();
  cr_expect_eq(denial_nodata(d, "x.w.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "x.w.example", TYPE_CNAME), PROOF_NONE);
}

Test(nsec, any_is_denied_only_where_there_is_nothing) {
  denial_nsec(d, "b.example", "c.example", host);
  denial_nsec(d, "c.example", "x.e.example", TYPES(TYPE_RRSIG, TYPE_NSEC));
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_ANY), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_MAILA), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_MAILB), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_ANY), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "e.example", TYPE_ANY), PROOF_SECURE);
}

Test(nsec, signatures_and_the_record_itself_are_there_where_their_bits_are) {
  whole_zone();
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_RRSIG), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_NSEC), PROOF_NONE);
}

Test(nsec, an_empty_non_terminal_has_no_record_of_any_type) {
  whole_zone();
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_A), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_DS), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "w.example", TYPE_CNAME), PROOF_SECURE);
}

Test(nsec, a_wildcard_without_the_type_makes_nodata) {
  whole_zone();
  cr_expect_eq(denial_nodata(d, "made.w.example", TYPE_AAAA), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "made.w.example", TYPE_A), PROOF_NONE);
}

Test(nsec, a_wildcards_record_alone_does_not_say_that_the_name_is_made_from_it) {
  denial_nsec(d, "*.w.example", "a.w.example", host);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "made.w.example", TYPE_AAAA), PROOF_NONE);
}

Test(nsec, an_alias_as_wildcard_is_no_nodata) {
  denial_nsec(d, "*.w.example", "x.w.example", TYPES(TYPE_CNAME, TYPE_RRSIG, TYPE_NSEC));
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "made.w.example", TYPE_AAAA), PROOF_NONE);
}

Test(nsec, an_answer_from_a_wildcard_needs_the_gap_around_the_name) {
  whole_zone();
  cr_expect_eq(denial_wildcard_answer(d, "made.w.example", 2), PROOF_SECURE);
  cr_expect_eq(denial_wildcard_answer(d, "q.made.w.example", 2), PROOF_SECURE);
  cr_expect_eq(denial_wildcard_answer(d, "x.w.example", 2), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "c.example", 1), PROOF_NONE);
}

Test(nsec, a_closer_name_takes_a_wildcards_answer_away) {
  whole_zone();
  cr_expect_eq(denial_wildcard_answer(d, "made.w.example", 1), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "q.x.w.example", 2), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "q.x.w.example", 3), PROOF_SECURE);
  cr_expect_eq(denial_wildcard_answer(d, "made.w.example", 0), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "made.w.example", 3), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "made.w.example", 200), PROOF_NONE);
}

Test(nsec, the_parents_side_of_a_cut_says_nothing_but_of_ds) {
  whole_zone();
  cr_expect_eq(denial_nodata(d, "del.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "del.example", TYPE_SRV), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "del.example", TYPE_DS), PROOF_SECURE);
}

Test(nsec, a_name_below_a_cut_is_not_the_parents_to_deny) {
  whole_zone();
  static const char *const below[] = {"q.del.example", "q.sec.example", "deep.q.sec.example"};
  for (unsigned i = 0; i < 3; i++) {
    cr_expect_eq(denial_nxdomain(d, below[i]), PROOF_NONE, "%s", below[i]);
    cr_expect_eq(denial_nodata(d, below[i], TYPE_A), PROOF_NONE, "%s", below[i]);
    cr_expect_eq(denial_wildcard_answer(d, below[i], 1), PROOF_NONE, "%s", below[i]);
    cr_expect_eq(denial_no_ds(d, below[i]), CUT_UNPROVEN, "%s", below[i]);
  }
}

Test(nsec, a_name_below_a_dname_is_not_denied) {
  whole_zone();
  cr_expect_eq(denial_nxdomain(d, "q.dname.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "q.dname.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "dname.example", TYPE_A), PROOF_SECURE);
}

Test(nsec, the_childs_apex_does_not_deny_ds) {
  denial_nsec(d, "example", "b.example", apex);
  denial_nsec(d, "odd.example", "p.example", apex);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "example", TYPE_DS), PROOF_NONE);
  cr_expect_eq(denial_no_ds(d, "example"), CUT_UNPROVEN);
  cr_expect_eq(denial_nodata(d, "odd.example", TYPE_DS), PROOF_NONE);
  cr_expect_eq(denial_no_ds(d, "odd.example"), CUT_UNPROVEN);
}

Test(nsec, the_want_of_ds_says_which_names_are_cuts) {
  whole_zone();
  cr_expect_eq(denial_no_ds(d, "del.example"), CUT_INSECURE);
  cr_expect_eq(denial_no_ds(d, "sec.example"), CUT_UNPROVEN);
  cr_expect_eq(denial_no_ds(d, "b.example"), CUT_NONE);
  cr_expect_eq(denial_no_ds(d, "x.w.example"), CUT_NONE);
  cr_expect_eq(denial_no_ds(d, "c.example"), CUT_NONE);
  cr_expect_eq(denial_no_ds(d, "made.w.example"), CUT_NONE);
  cr_expect_eq(denial_no_ds(d, "a.example"), CUT_NO_NAME);
  cr_expect_eq(denial_no_ds(d, "other"), CUT_UNPROVEN);
}

Test(nsec, a_next_name_outside_the_zone_makes_a_record_worthless) {
  denial_nsec(d, "example", "a.other", apex);
  denial_nsec(d, "b.example", "z.org", host);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "c.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_SRV), PROOF_NONE);
}

Test(nsec, a_record_that_leads_backwards_but_to_the_apex_proves_nothing) {
  denial_nsec(d, "example", "b.example", apex);
  denial_nsec(d, "p.example", "c.example", host);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "q.example"), PROOF_NONE);
}

Test(nsec, a_record_outside_the_zone_proves_nothing) {
  denial_record(d, "a.other", TYPE_NSEC, rd_nsec("b.example", host), "example", 2);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "a.other", TYPE_SRV), PROOF_NONE);
}

Test(nsec, a_record_made_from_a_wildcard_proves_nothing) {
  denial_record(d, "a.w.example", TYPE_NSEC, rd_nsec("z.example", host), "example", 2);
  denial_nsec(d, "example", "w.example", apex);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "a.w.example", TYPE_SRV), PROOF_NONE);
  cr_expect_eq(denial_nxdomain(d, "b.w.example"), PROOF_NONE);
}

Test(nsec, a_record_of_another_signer_proves_nothing) {
  denial_record(d, "b.example", TYPE_NSEC, rd_nsec("d.example", host), "b.example", 2);
  denial_record(d, "f.example", TYPE_NSEC, rd_nsec("g.example", host), ".", 2);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_SRV), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "f.example", TYPE_SRV), PROOF_NONE);
}

Test(nsec, a_record_whose_signature_is_not_good_proves_nothing) {
  whole_zone();
  for (unsigned i = 0; i < d->rrsets.count; i++) {
    d->good[i] = false;
    bool is_needed = denial_nxdomain(d, "a.example") == PROOF_NONE;
    cr_expect_eq(is_needed,
                 name_equal(d->rrsets.sets[i].owner, d->rrsets.sets[i].owner_len, d->zone, d->of.zone_len));
    d->good[i] = true;
  }
}

Test(nsec, two_records_at_one_name_prove_nothing) {
  denial_nsec(d, "b.example", "c.example", host);
  denial_nsec(d, "b.example", "d.example", host);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "b.example", TYPE_SRV), PROOF_NONE);
}

/* RFC 9824 */
Test(nsec, a_name_that_is_there_for_its_denial_alone_is_denied) {
  denial_nsec(d, "q.example", "\\000.q.example", TYPES(TYPE_RRSIG, TYPE_NSEC, TYPE_NXNAME));
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "q.example", TYPE_A), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "q.example", TYPE_ANY), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "q.example"), PROOF_SECURE);
  cr_expect_eq(denial_no_ds(d, "q.example"), CUT_NO_NAME);
  cr_expect_eq(denial_nxdomain(d, "p.example"), PROOF_NONE);
}

Test(nsec, a_name_with_other_types_is_there_whatever_else_is_said) {
  denial_nsec(d, "q.example", "\\000.q.example", TYPES(TYPE_A, TYPE_RRSIG, TYPE_NSEC, TYPE_NXNAME));
  denial_nsec(d, "r.example", "\\000.r.example", TYPES(TYPE_RRSIG, TYPE_NSEC));
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "q.example"), PROOF_NONE);
  cr_expect_eq(denial_no_ds(d, "q.example"), CUT_NONE);
  cr_expect_eq(denial_nxdomain(d, "r.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "r.example", TYPE_A), PROOF_SECURE);
}

/* RFC 4470 */
Test(nsec, gaps_made_to_measure_prove_as_others_do) {
  denial_nsec(d, "p\\255.example", "q\\000.example", TYPES(TYPE_RRSIG, TYPE_NSEC));
  denial_nsec(d, ")\\255.example", "+.example", TYPES(TYPE_RRSIG, TYPE_NSEC));
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "q.example"), PROOF_SECURE);
}

Test(nsec, the_root_denies_its_own_ds_and_top_level_names) {
  struct denial *root = denial_new(".");
  denial_nsec(root, ".", "com", apex);
  denial_nsec(root, "com", "org", TYPES(TYPE_NS, TYPE_DS, TYPE_RRSIG, TYPE_NSEC));
  denial_done(root);
  cr_expect_eq(denial_nodata(root, ".", TYPE_DS), PROOF_SECURE);
  cr_expect_eq(denial_nodata(root, ".", TYPE_SRV), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(root, "home"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(root, "a.home"), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(root, "a.com"), PROOF_NONE);
  cr_expect_eq(denial_no_ds(root, "home"), CUT_NO_NAME);
  denial_free(root);
}
