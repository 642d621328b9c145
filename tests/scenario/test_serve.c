/* test_serve.c: the one hot call with packets of every kind, and its counters. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "kit/rng.h"
#include "scenario/kit.h"

static struct world *world_with_a(void) {
  struct world *w = world_new(&(struct world_options){
      .xmpp.prefetch = true, .xmpp.expand = XMPP_EXPAND_CACHED, .forward.max_stale_s = 60});
  zone_add(&w->zone, "a.lab.", TYPE_A, 5, rd_a("192.0.2.9"));
  zone_add_domain(&w->zone, 1, 5);
  return w;
}

Test(serve, a_client_that_wants_no_recursion_gets_what_is_here_and_no_more) {
  struct world *w = world_with_a();
  cr_expect_eq(heard_rcode(client_ask(w, "a.lab.", TYPE_A, HOW_NO_RD)), RCODE_REFUSED);
  cr_expect_eq(upstream_asked(w, "", 0), 0);
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_PLAIN);
  struct heard *h = client_ask(w, "a.lab.", TYPE_A, HOW_NO_RD);
  cr_expect(heard_truth(h));
  cr_expect_eq(w->counters.refused, 1);
  world_free(w);
}

Test(serve, transfers_and_other_classes_are_refused_without_asking) {
  static const uint16_t types[] = {TYPE_AXFR, TYPE_IXFR, TYPE_TKEY};
  struct world *w = world_with_a();
  for (unsigned i = 0; i < 3; i++)
    cr_expect_eq(heard_rcode(client_ask(w, "a.lab.", types[i], HOW_TCP)), RCODE_REFUSED);
  cr_expect_eq(upstream_asked(w, "", 0), 0);
  cr_expect_eq(w->counters.refused, 3);
  world_free(w);
}

Test(serve, the_counters_tell_hits_from_misses) {
  struct world *w = world_with_a();
  client_ask_and_wait(w, "a.lab.", TYPE_A, HOW_TCP);
  for (unsigned i = 0; i < 5; i++) client_ask(w, "a.lab.", TYPE_A, HOW_PLAIN);
  cr_expect(w->counters.queries == 6 && w->counters.queries_tcp == 1);
  cr_expect(w->counters.hit == 5 && w->counters.miss == 1 && w->counters.leader == 1 &&
            w->counters.answered == 1);
  cr_expect_eq(w->counters.stored, 1);
  world_free(w);
}

/* ---- hostile ---- */

static unsigned delivered;

static void deliver(const struct client *c, const uint8_t *msg, size_t len) {
  delivered++;
  cr_assert(len >= DNS_HEADER && msg[2] & DNS_QR);
  cr_assert_leq(len, c->transport == TRANSPORT_TCP ? DNS_MSG_MAX : DNS_UDP_MAX);
}

static void make_query(struct msg *m, struct rng *r) {
  static const char *const names[] = {"_xmpp-server._tcp.d1.lab.", "_xmpps-client._tcp.d1.lab.", "a.lab.",
                                      "h0.d1.lab.", "."};
  static const uint16_t types[] = {TYPE_SRV, TYPE_A, TYPE_AAAA, TYPE_ANY, TYPE_TLSA, TYPE_RRSIG, 65280};
  msg_query(m, names[rng_below(r, sizeof names / sizeof *names)],
            types[rng_below(r, sizeof types / sizeof *types)]);
  if (rng_below(r, 2))
    msg_opt(m, (uint16_t)rng_below(r, 5000), 0, rng_below(r, 2), "\0\3\0\2xx", rng_below(r, 2) * 6);
}

static void mutate(struct msg *m, struct rng *r) {
  for (uint64_t n = rng_below(r, 4); n > 0; n--) {
    size_t at = rng_below(r, m->len);
    switch (rng_below(r, 4)) {
    case 0: m->octets[at] = (uint8_t)rng_next(r); break;
    case 1: m->octets[at] ^= (uint8_t)(1u << rng_below(r, 8)); break;
    case 2: m->len = rng_below(r, 8) ? m->len : at + 1; break;
    default: msg_put(m, m->octets + at, rng_below(r, m->len - at));
    }
  }
}

Test(serve, a_hundred_thousand_mutated_packets_do_no_harm, .timeout = 120) {
  static struct msg m;
  struct world *w = world_with_a();
  struct rng r = {0x3f};
  unsigned waiting = 0, answered = 0, silent = 0;

  for (unsigned i = 0; i < 100000; i++) {
    struct client c = {.deliver = deliver,
                       .transport = rng_below(&r, 4) == 0 ? TRANSPORT_TCP : TRANSPORT_UDP};
    make_query(&m, &r);
    mutate(&m, &r);
    uint8_t *packet = exact(m.octets, m.len);
    int n = serve_query(&w->wiring.serve, packet, m.len, &c, w->now_ms, w->out);
    free(packet);
    waiting += n == SERVE_LATER;
    silent += n == 0;
    if (n > 0) {
      answered++;
      cr_assert(n >= DNS_HEADER && w->out[2] & DNS_QR && load_u16(w->out) == load_u16(m.octets));
      cr_assert_leq(n, c.transport == TRANSPORT_TCP ? DNS_MSG_MAX : DNS_UDP_MAX);
    }
    if (i % 4 == 0) world_run_ms(w, 1);
  }

  world_run_ms(w, 2 * LATE_MS);
  cr_expect_eq(delivered, waiting, "everyone who waits is told");
  cr_expect_eq(w->counters.queries, 100000);
  cr_expect(waiting > 100 && answered > 10000 && silent > 1000, "%u %u %u", waiting, answered, silent);
  world_free(w);
}
