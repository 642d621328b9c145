/* client_tcp.c: fuzz target: a client's TCP connection, cut anywhere, through serve_conn's framing.
 *
 * Input: an octet of how, the number of steps, the steps (an octet each, see step), the stream of framed
 * queries. However it is cut and however slowly the answers are taken: the client must get the answers that
 * serve_query gives to its queries. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "dns/frame.h"
#include "fuzz/fake_uv.h"
#include "fuzz/fuzz.h"
#include "fuzz/resolver.h"
#include "server/serve_tcp.h"

enum { HOW_EOF = 1, HOW_SLOW = 2, HOW_STOP = 4, TURNS = 1 << 14, LISTENER = 1 << 21 };

struct state {
  uv_loop_t loop;
  struct resolver *resolver;
  struct query_service serve;
  struct serve_tcp *tcp;
  uint64_t expected, heard; /* sums over frames: late answers may come in any order */
  bool disturbed;           /* time has passed or an end has failed: answers may differ or be lost */
  bool later;               /* time has passed: the cache is not what it was */
  struct wire stream;
};

static uint64_t frame_sum(const uint8_t *msg, size_t len) { return hash_bytes(msg, len, 1) | 1; }

static void note_expected(const struct client *c, const uint8_t *msg, size_t len) {
  struct state *s = c->owner;
  s->expected += frame_sum(msg, len);
}

/* What serve_query says to each whole frame. */
static void expect(struct state *s, const uint8_t *stream, size_t len) {
  static uint8_t out[DNS_MSG_MAX];
  size_t msg_len;
  struct client client = {.deliver = note_expected, .owner = s, .transport = TRANSPORT_TCP};
  must(addr_parse("127.0.0.1", 1, &client.peer) && addr_parse("192.0.2.1", 53, &client.local));
  for (size_t at = 0, took; (took = frame_next(stream + at, len - at, &msg_len)); at += took) {
    int n = serve_query(&s->serve, stream + at + FRAME_HEAD, msg_len, &client, clock_ms(), out);
    if (n > 0) s->expected += frame_sum(out, (size_t)n);
  }
  resolver_refuse_all(s->resolver, clock_ms());
  must(forward_in_flight(s->resolver->forward) == 0);
}

static void turn(struct state *s) {
  timers_run(&s->resolver->timers, clock_ms());
  serve_tcp_flush(s->tcp);
  fake_turn();
  serve_tcp_flush(s->tcp);
}

static void arrive(struct state *s, struct fake_stream *f, size_t n) {
  size_t len;
  const uint8_t *octets = feed_octets(&s->stream, n, &len);
  if (f && !f->closing) fake_arrive(f, octets, len);
}

/* One step of the input. */
static void step(struct state *s, uint8_t op) {
  struct fake_stream *f = fake_stream(0);
  if (op < 128) {
    arrive(s, f, op + 1u);
  } else if (op < 160) {
    arrive(s, f, 64u * (op - 127u));
  } else if (op < 176) {
    if (f && f->window != SIZE_MAX) f->window += (size_t)1 << (op - 160);
  } else if (op < 184) {
    s->disturbed = s->later = true;
    fake_pass_ms(10u << (op - 176));
  } else if (op < 192) {
    resolver_refuse(s->resolver, clock_ms());
  } else if (op < 194 && f) {
    s->disturbed = true;
    if (op == 192) f->end = UV_ECONNRESET;
    else f->broken = UV_EPIPE;
  }

  turn(s);
}

/* Everything that is under way comes to its end. */
static void drain(struct state *s, uint8_t how) {
  struct fake_stream *f = fake_stream(0);
  if (f) f->window = SIZE_MAX;
  arrive(s, f, feed_left(&s->stream));
  if (f && how & HOW_EOF && !f->end) f->end = UV_EOF;
  for (unsigned i = 0; i < TURNS; i++) {
    turn(s);
    f = fake_stream(0);
    if (!f) return;
    bool done = !f->in_len && !resolver_first(s->resolver);
    resolver_refuse_all(s->resolver, clock_ms());
    turn(s);
    if (done && !(how & HOW_EOF)) return;
  }
  must(!"it never ends");
}

static void hear(struct state *s, const struct fake_stream *f) {
  size_t at = 0, msg_len;
  for (size_t took; f->out_len && (took = frame_next(f->out + at, f->out_len - at, &msg_len)); at += took) {
    s->heard += frame_sum(f->out + at + FRAME_HEAD, msg_len);
  }
  must(s->disturbed || at == f->out_len);
}

static struct state *start(void) {
  struct state *s = must_zalloc(sizeof *s);
  struct listener l = {.udp = -1, .tcp = LISTENER};
  must(addr_parse("192.0.2.1", 53, &l.addr));
  s->tcp = serve_tcp_new(&s->loop, &s->serve, &SERVE_TCP_DEFAULTS);
  must(s->tcp && serve_tcp_add(s->tcp, &l) == 0);
  return s;
}

static void begin(struct state *s) {
  const struct resolver_options o = {.xmpp = {.prefetch = true}};
  if (!s->resolver) {
    s->resolver = resolver_new(&o);
    warm_up(s->resolver->cache);
    s->serve = s->resolver->serve;
  }
  s->expected = s->heard = 0;
  s->disturbed = s->later = false;
  fake_start(RESOLVER_START_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct state *s;
  if (!s) s = start();
  struct wire in = feed(data, size);
  size_t steps, octets;
  uint8_t how = feed_u8(&in);
  const uint8_t *ops = feed_octets(&in, feed_u8(&in), &steps);
  const uint8_t *stream = feed_octets(&in, feed_left(&in), &octets);
  begin(s);
  s->stream = wire_read(stream, octets);
  expect(s, stream, octets);
  fake_accept(LISTENER);
  struct fake_stream *f = fake_stream(0);
  must(f && serve_tcp_connections(s->tcp) == 1);
  if (how & HOW_SLOW) f->window = 0;
  for (size_t i = 0; i < steps; i++) step(s, ops[i]);
  drain(s, how);
  hear(s, f); /* what it wrote stays readable when it is closed */
  must(s->disturbed || s->heard == s->expected);
  for (unsigned i = 0; i < TURNS && (f = fake_stream(0)); i++) {
    f->end = UV_ECONNRESET;
    turn(s);
    resolver_refuse_all(s->resolver, clock_ms());
  }

  must(!fake_stream(0));
  must(serve_tcp_connections(s->tcp) == 0);
  for (unsigned i = 0; i < TURNS && forward_in_flight(s->resolver->forward); i++) {
    resolver_refuse_all(s->resolver, clock_ms());
    timers_run(&s->resolver->timers, timers_next_ms(&s->resolver->timers));
  }

  must(forward_in_flight(s->resolver->forward) == 0);
  if (!s->later) return 0;
  resolver_free(s->resolver);
  s->resolver = NULL;
  return 0;
}
