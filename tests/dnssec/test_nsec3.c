/* test_nsec3.c: what NSEC3 records prove, and what they don't. The first zone is that of RFC 5155 appendix A,
 * with its hashes, and the answers of its appendix B. */
#include "dnssec/denial_kit.h"

static struct denial *d;

static void begin(void) { d = denial_new("example"); }
static void end(void) { denial_free(d); }
TestSuite(nsec3, .init = begin, .fini = end);

enum { OPTS_OUT = 1, RFC_ITERATIONS = 12 };
static const struct denial_types host = {{TYPE_A, TYPE_RRSIG}};
static const struct denial_types apex = {{TYPE_NS, TYPE_SOA, TYPE_RRSIG, TYPE_DNSKEY, 51}};

static const struct rfc_record {
  const char *owner, *name;
  struct denial_types types;
} rfc_zone[] = {
    {"0p9mhaveqvm6t7vbl5lop2u3t2rp3tom",
     "example",
     {{TYPE_MX, TYPE_DNSKEY, TYPE_NS, TYPE_SOA, TYPE_RRSIG, 51}}},
    {"2t7b4g4vsa5smi47k61mv5bv1a22bojr", "ns1.example", {{TYPE_A, TYPE_RRSIG}}},
    {"2vptu5timamqttgl4luu9kg21e0aor3s", "x.y.w.example", {{TYPE_MX, TYPE_RRSIG}}},
    {"35mthgpgcu1qg68fab165klnsnk3dpvl", "a.example", {{TYPE_NS, TYPE_DS, TYPE_RRSIG}}},
    {"b4um86eghhds6nea196smvmlo4ors995", "x.w.example", {{TYPE_MX, TYPE_RRSIG}}},
    {"gjeqe526plbf1g8mklp59enfd789njgi", "ai.example", {{TYPE_A, 13, TYPE_AAAA, TYPE_RRSIG}}},
    {"ji6neoaepv8b5o6k4ev33abha8ht9fgc", "y.w.example", {{0}}},
    {"k8udemvp1j2f7eg6jebps17vp3n8i58h", "w.example", {{0}}},
    {"kohar7mbb8dc2ce8a9qvl8hon4k53uhi", "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example", {{TYPE_A, TYPE_RRSIG}}},
    {"q04jkcevqvmu85r014c7dkba38o0ji5r", "ns2.example", {{TYPE_A, TYPE_RRSIG}}},
    {"r53bq7cc2uvmubfu5ocmm6pers9tk9en", "*.w.example", {{TYPE_MX, TYPE_RRSIG}}},
    {"t644ebqk9bibcna874givr6joj62mlhv", "xx.example", {{13, TYPE_A, TYPE_AAAA, TYPE_RRSIG}}},
};
enum { RFC_RECORDS = sizeof rfc_zone / sizeof *rfc_zone };

/* Its salt is aabbccdd: the kit's octets are put right in the message. */
static void add_rfc_zone(unsigned flags) {
  for (unsigned i = 0; i < RFC_RECORDS; i++) {
    size_t from = d->msg.len;
    denial_nsec3(d, (struct denial_nsec3){.owner = rfc_zone[i].owner,
                                          .next = rfc_zone[(i + 1) % RFC_RECORDS].owner,
                                          .flags = flags,
                                          .iterations = RFC_ITERATIONS,
                                          .salt_len = 4,
                                          .types = rfc_zone[i].types});
    uint8_t *salt = memmem(d->msg.octets + from, d->msg.len - from, "\xab\xab\xab\xab", 4);
    cr_assert(salt);
    memcpy(salt, "\xaa\xbb\xcc\xdd", 4);
  }
  denial_done(d);
}

Test(nsec3, a_name_is_found_by_its_hash) {
  add_rfc_zone(0);
  for (unsigned i = 0; i < RFC_RECORDS; i++) {
    d->budget = dnssec_budget();
    bool is_cut = strcmp(rfc_zone[i].name, "a.example") == 0;
    cr_expect_eq(denial_nodata(d, rfc_zone[i].name, TYPE_SRV), is_cut ? PROOF_NONE : PROOF_SECURE, "%s",
                 rfc_zone[i].name);
    cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS - (RFC_ITERATIONS + 1));
  }
}

/* RFC 5155 appendix B.1 */
Test(nsec3, a_closest_encloser_and_two_gaps_deny_a_name) {
  add_rfc_zone(0);
  cr_expect_eq(denial_nxdomain(d, "a.c.x.w.example"), PROOF_SECURE);
}

Test(nsec3, in_an_opt_out_span_the_denial_is_not_secure) {
  add_rfc_zone(OPTS_OUT);
  cr_expect_eq(denial_nxdomain(d, "a.c.x.w.example"), PROOF_OPT_OUT);
}

/* Appendices B.2, B.2.1 */
Test(nsec3, a_record_at_the_name_denies_the_types_it_does_not_list) {
  add_rfc_zone(OPTS_OUT);
  cr_expect_eq(denial_nodata(d, "ns1.example", TYPE_MX), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "ns1.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "ns1.example", TYPE_ANY), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "y.w.example", TYPE_A), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "y.w.example", TYPE_ANY), PROOF_SECURE);
}

/* Appendix B.3 */
Test(nsec3, a_delegation_that_an_opt_out_span_hides_is_insecure) {
  add_rfc_zone(OPTS_OUT);
  cr_expect_eq(denial_no_ds(d, "c.example"), CUT_INSECURE);
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_DS), PROOF_OPT_OUT);
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_A), PROOF_OPT_OUT);
}

Test(nsec3, without_opt_out_a_name_without_a_record_is_no_delegation) {
  add_rfc_zone(0);
  cr_expect_eq(denial_no_ds(d, "c.example"), CUT_NO_NAME);
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_DS), PROOF_NONE);
  d->budget = dnssec_budget();
  cr_expect_eq(denial_no_ds(d, "ns1.example"), CUT_NONE);
  cr_expect_eq(denial_no_ds(d, "w.example"), CUT_NONE);
  cr_expect_eq(denial_no_ds(d, "a.example"), CUT_UNPROVEN);
  cr_expect_eq(denial_no_ds(d, "q.w.example"), CUT_NONE);
}

/* Appendices B.4, B.5 */
Test(nsec3, a_wildcards_answer_needs_the_gap_around_the_next_closer_name) {
  add_rfc_zone(0);
  cr_expect_eq(denial_wildcard_answer(d, "a.z.w.example", 2), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "a.z.w.example", TYPE_AAAA), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "a.z.w.example", TYPE_MX), PROOF_NONE);
  cr_expect_eq(denial_nxdomain(d, "a.z.w.example"), PROOF_NONE);
}

Test(nsec3, a_closer_name_takes_a_wildcards_answer_away) {
  add_rfc_zone(0);
  cr_expect_eq(denial_wildcard_answer(d, "q.y.w.example", 2), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "a.z.w.example", 1), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "a.z.w.example", 0), PROOF_NONE);
  cr_expect_eq(denial_wildcard_answer(d, "a.z.w.example", 4), PROOF_NONE);
}

Test(nsec3, a_wildcards_answer_in_an_opt_out_span_is_not_secure) {
  add_rfc_zone(OPTS_OUT);
  cr_expect_eq(denial_wildcard_answer(d, "a.z.w.example", 2), PROOF_OPT_OUT);
  cr_expect_eq(denial_nodata(d, "a.z.w.example", TYPE_AAAA), PROOF_OPT_OUT);
}

/* Appendix B.6 */
Test(nsec3, the_childs_apex_does_not_deny_ds) {
  add_rfc_zone(OPTS_OUT);
  cr_expect_eq(denial_nodata(d, "example", TYPE_DS), PROOF_NONE);
  cr_expect_eq(denial_no_ds(d, "example"), CUT_UNPROVEN);
  cr_expect_eq(denial_nodata(d, "example", TYPE_TXT), PROOF_SECURE);
}

Test(nsec3, the_parents_side_of_a_cut_says_nothing_but_of_ds) {
  add_rfc_zone(0);
  cr_expect_eq(denial_nodata(d, "a.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_nxdomain(d, "q.a.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "q.a.example", TYPE_A), PROOF_NONE);
  d->budget = dnssec_budget();
  cr_expect_eq(denial_no_ds(d, "q.a.example"), CUT_UNPROVEN);
}

/* A proof by hand: the encloser's record, the gaps around its child and its wildcard. */
static void closest_encloser(struct denial_types encloser, unsigned flags) {
  denial_nsec3_at(d, "c.example", flags, encloser);
  denial_nsec3_around(d, "b.c.example", flags);
  denial_nsec3_around(d, "*.c.example", flags);
}

Test(nsec3, each_of_a_proofs_three_records_is_needed) {
  closest_encloser(host, 0);
  denial_done(d);
  cr_assert_eq(d->rrsets.count, 3);
  cr_expect_eq(denial_nxdomain(d, "a.b.c.example"), PROOF_SECURE);
  for (unsigned i = 0; i < 3; i++) {
    d->budget = dnssec_budget();
    d->good[i] = false;
    cr_expect_eq(denial_nxdomain(d, "a.b.c.example"), PROOF_NONE, "%u", i);
    d->good[i] = true;
  }
}

Test(nsec3, an_encloser_that_is_a_delegation_proves_nothing) {
  closest_encloser(TYPES(TYPE_NS), OPTS_OUT);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "a.b.c.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "a.b.c.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_no_ds(d, "b.c.example"), CUT_UNPROVEN);
  cr_expect_eq(denial_no_ds(d, "c.example"), CUT_INSECURE);
}

Test(nsec3, an_encloser_with_a_dname_proves_nothing) {
  closest_encloser(TYPES(TYPE_DNAME, TYPE_RRSIG), 0);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "a.b.c.example"), PROOF_NONE);
}

Test(nsec3, an_alias_at_the_name_or_as_wildcard_is_no_nodata) {
  denial_nsec3_at(d, "c.example", 0, TYPES(TYPE_CNAME, TYPE_RRSIG));
  denial_nsec3_at(d, "e.example", 0, host);
  denial_nsec3_around(d, "q.e.example", 0);
  denial_nsec3_at(d, "*.e.example", 0, TYPES(TYPE_CNAME, TYPE_RRSIG));
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "c.example", TYPE_A), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "q.e.example", TYPE_A), PROOF_NONE);
}

static void whole_of_an_empty_zone(struct denial_nsec3 how) {
  char hash[DENIAL_HASH_TEXT];
  denial_hash(d, "example", 0, hash);
  how.owner = how.next = hash;
  how.types = apex;
  denial_nsec3(d, how);
  denial_done(d);
}

Test(nsec3, the_only_record_of_a_zone_denies_all_below_its_apex) {
  whole_of_an_empty_zone((struct denial_nsec3){0});
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_SECURE);
  cr_expect_eq(denial_nxdomain(d, "example"), PROOF_NONE);
}

Test(nsec3, a_long_name_in_an_empty_part_costs_three_hashes) {
  whole_of_an_empty_zone((struct denial_nsec3){0});
  cr_expect_eq(denial_nxdomain(d, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z.example"),
               PROOF_SECURE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS - 3);
}

Test(nsec3, many_iterations_are_not_done_at_all) {
  whole_of_an_empty_zone((struct denial_nsec3){.iterations = DNSSEC_NSEC3_ITERATIONS + 1});
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_COSTLY);
  cr_expect_eq(denial_nodata(d, "a.example", TYPE_A), PROOF_COSTLY);
  cr_expect_eq(denial_wildcard_answer(d, "a.example", 1), PROOF_COSTLY);
  cr_expect_eq(denial_no_ds(d, "a.example"), CUT_COSTLY);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
}

Test(nsec3, a_long_salt_is_not_hashed_at_all) {
  whole_of_an_empty_zone((struct denial_nsec3){.salt_len = DNSSEC_NSEC3_SALT + 1});
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_COSTLY);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
}

Test(nsec3, the_longest_salt_and_the_most_iterations_are_still_done) {
  denial_nsec3(d, (struct denial_nsec3){.owner = "00000000000000000000000000000000",
                                        .next = "00000000000000000000000000000001",
                                        .iterations = DNSSEC_NSEC3_ITERATIONS,
                                        .salt_len = DNSSEC_NSEC3_SALT});
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_NONE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS - 1 - DNSSEC_NSEC3_ITERATIONS);
}

Test(nsec3, records_of_two_chains_prove_nothing) {
  whole_of_an_empty_zone((struct denial_nsec3){0});
  denial_nsec3(d, (struct denial_nsec3){.owner = "00000000000000000000000000000000",
                                        .next = "00000000000000000000000000000001",
                                        .iterations = 1});
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_NONE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
}

Test(nsec3, records_with_two_salts_prove_nothing) {
  whole_of_an_empty_zone((struct denial_nsec3){0});
  denial_nsec3(d, (struct denial_nsec3){.owner = "00000000000000000000000000000000",
                                        .next = "00000000000000000000000000000001",
                                        .salt_len = 1});
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_NONE);
}

/* CVE-2023-50868 */
static const char deep[] = "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.example";

Test(nsec3, a_deep_name_uses_up_the_budget_and_no_more) {
  denial_nsec3(d, (struct denial_nsec3){.owner = "00000000000000000000000000000000",
                                        .next = "00000000000000000000000000000001",
                                        .iterations = DNSSEC_NSEC3_ITERATIONS});
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, deep), PROOF_EXHAUSTED);
  cr_expect_eq(d->budget.digests, 0);
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_EXHAUSTED);
  cr_expect_eq(denial_wildcard_answer(d, deep, 1), PROOF_EXHAUSTED);
  cr_expect_eq(denial_no_ds(d, deep), CUT_EXHAUSTED);
}

/* As in the reverse zone of an IPv6 network, whose names are full of empty non-terminals. */
Test(nsec3, a_deep_name_is_proven_where_names_are_hashed_once) {
  denial_nsec3_at(d, deep, 0, TYPES(TYPE_PTR));
  denial_nsec3_around(d, "x.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.example", 0);
  denial_nsec3_around(d, "*.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.example", 0);
  denial_done(d);
  cr_expect_eq(denial_nxdomain(d, "x.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.example"), PROOF_SECURE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS - 23);
}

Test(nsec3, a_name_is_hashed_once_in_a_proof) {
  add_rfc_zone(0);
  cr_expect_eq(denial_nodata(d, "q.w.example", TYPE_A), PROOF_SECURE);
  /* itself, example, w.example, the wildcard; q.w.example is its own next closer name */
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS - 4 * (RFC_ITERATIONS + 1));
}

Test(nsec3, other_hashes_and_flags_that_are_not_known_are_passed_over) {
  whole_of_an_empty_zone((struct denial_nsec3){.algorithm = 2});
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_NONE);
  struct denial *other = d;
  d = denial_new("example");
  whole_of_an_empty_zone((struct denial_nsec3){.flags = 2});
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_NONE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
  denial_free(other);
}

static void encloser_at(const char *before, const char *behind) {
  char hash[DENIAL_HASH_TEXT], name[NAME_TEXT];
  denial_hash(d, "example", 0, hash);
  snprintf(name, sizeof name, "%s%s%s", before, *behind ? hash : "", behind);
  denial_nsec3(d, (struct denial_nsec3){.owner = name, .next = hash, .types = apex});
  denial_done(d);
}

Test(nsec3, an_owner_below_a_deeper_name_is_no_hash_of_the_zone) {
  encloser_at("", ".sub.example");
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_NONE);
}

Test(nsec3, an_owner_of_another_zone_is_no_hash_of_the_zone) {
  encloser_at("", ".another");
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_NONE);
}

Test(nsec3, an_owner_of_another_length_is_no_hash) {
  encloser_at("0", ".example");
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_NONE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
}

Test(nsec3, an_owner_that_is_not_base32hex_is_no_hash) {
  encloser_at("wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww.example", "");
  cr_expect_eq(denial_nxdomain(d, "a.example"), PROOF_NONE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
}

Test(nsec3, a_record_that_a_child_zone_named_like_a_hash_signed_proves_nothing) {
  char hash[DENIAL_HASH_TEXT], name[NAME_TEXT];
  denial_hash(d, "example", 0, hash);
  (void)snprintf(name, sizeof name, "%s.example", hash);
  denial_nsec3(d, (struct denial_nsec3){.owner = hash, .next = hash, .types = apex});
  struct denial *child = d;
  d = denial_new("example");
  const struct msg *m = &child->msg;
  struct rdata rd = {0};
  denial_done(child);
  rd = rd_octets(m->octets + child->rrsets.records[0].rdata_at, child->rrsets.records[0].rdlen);
  denial_record(d, name, TYPE_NSEC3, rd, name, 2);
  denial_done(d);
  cr_expect_eq(denial_nodata(child, "example", TYPE_A), PROOF_SECURE);
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_NONE);
  denial_free(child);
}

Test(nsec3, a_record_made_from_a_wildcard_proves_nothing) {
  char hash[DENIAL_HASH_TEXT], name[NAME_TEXT];
  denial_hash(d, "example", 0, hash);
  (void)snprintf(name, sizeof name, "%s.example", hash);
  uint8_t octets[64] = {1, 0, 0, 0, 0, 20};
  denial_record(d, name, TYPE_NSEC3, rd_octets(octets, 26), "example", 1);
  denial_done(d);
  cr_expect_eq(denial_nodata(d, "example", TYPE_A), PROOF_NONE);
}

Test(nsec3, a_name_outside_the_zone_costs_no_hash) {
  add_rfc_zone(0);
  cr_expect_eq(denial_nxdomain(d, "a.other"), PROOF_NONE);
  cr_expect_eq(denial_nodata(d, "other", TYPE_A), PROOF_NONE);
  cr_expect_eq(d->budget.digests, DNSSEC_NSEC3_DIGESTS);
}
