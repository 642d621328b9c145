/* upstream_tcp.c: fuzz target: a server's TCP connections, its replies cut anywhere, through up_tcp's
 * framing.
 *
 * Input: an octet of how, the number of steps, the steps (an octet each, see step), the stream of framed
 * replies. An exchange ends at most once each time it is asked, with a whole frame of the stream that is its
 * reply or with an error. */
#include <stdlib.h>

#include "base/clock.h"
#include "dns/frame.h"
#include "fuzz/fake_uv.h"
#include "fuzz/fuzz.h"
#include "kit/made.h"
#include "upstream/up_tcp.h"

enum { EXCHANGES = 8, NAMES = 4, STEPS = 160, PIECES = STEPS + 1 };
enum { HOW_ASK_AGAIN = 1, HOW_DROP_NEXT = 2, HOW_NOT_YET = 4 /* connected */ };

/* Octets of the input that came on one connection. */
struct piece {
  unsigned stream;
  size_t at, len;
};

struct state {
  uv_loop_t loop;
  struct counters counters;
  struct random random;
  struct channel *channel;
  struct question questions[NAMES];
  struct exchange exchanges[EXCHANGES];
  uint8_t how;
  struct wire stream;
  struct piece pieces[PIECES]; /* as they came */
  unsigned piece_count;
  unsigned back; /* so many open connections are newer than the one that the server turns to */
  unsigned asks;
};

static struct state state;

static void ask(struct state *s, unsigned i) {
  uint8_t msg[EXCHANGE_QUERY_MAX];
  struct exchange *x = &s->exchanges[i];
  if (x->channel || s->asks >= STEPS) return;
  s->asks++;
  x->question = &s->questions[i % NAMES];
  x->query_opts = (struct exchange_opts){.edns = i & 4, .transport = TRANSPORT_TCP};
  size_t len = exchange_write(x->question, &x->query_opts, msg);
  channel_ask(s->channel, x, msg, len, clock_ms());
}

/* What came on one connection, to be freed. */
static uint8_t *received(const struct state *s, unsigned stream, size_t *len) {
  uint8_t *all = malloc(s->stream.at + 1);
  must(all);
  *len = 0;
  for (const struct piece *p = s->pieces; p < s->pieces + s->piece_count; p++) {
    if (p->stream != stream) continue;
    memcpy(all + *len, s->stream.msg + p->at, p->len);
    *len += p->len;
  }
  return all;
}

static bool is_frame_of(const struct state *s, unsigned stream, const uint8_t *msg, size_t len) {
  size_t all_len, msg_len;
  bool found = false;
  uint8_t *all = received(s, stream, &all_len);
  for (size_t at = 0, took; !found && (took = frame_next(all + at, all_len - at, &msg_len)); at += took) {
    found = msg_len == len && memcmp(all + at + FRAME_HEAD, msg, len) == 0;
  }
  free(all);
  return found;
}

static void done(struct exchange *x, enum err outcome, const uint8_t *msg, size_t len, uint64_t now_ms) {
  struct state *s = &state;
  unsigned i = (unsigned)(x - s->exchanges);
  must(!x->channel && now_ms == clock_ms());
  must((outcome == ERR_NONE) == (msg != NULL));
  if (outcome != ERR_NONE) must(outcome == ERR_TCP);
  else must(exchange_judge(x, msg, len) == REPLY_RIGHT);
  bool found = outcome != ERR_NONE;
  for (unsigned k = 0; k < fake_streams() && !found; k++) found = is_frame_of(s, k, msg, len);
  must(found);
  if (s->how & HOW_DROP_NEXT) channel_drop(&s->exchanges[(i + 1) % EXCHANGES]);
  if (s->how & HOW_ASK_AGAIN) ask(s, i);
}

static void turn(struct state *s) {
  s->channel->ops->flush(s->channel, clock_ms());
  fake_turn();
}

/* The open connection that the server turns to; the oldest when there are not so many. */
static struct fake_stream *turned_to(const struct state *s, unsigned *number) {
  struct fake_stream *found = NULL;
  unsigned newer = 0;
  for (unsigned i = fake_streams(); i > 0 && newer <= s->back; i--) {
    struct fake_stream *f = fake_stream(i - 1);
    if (!f || f->closing) continue;
    found = f;
    *number = i - 1;
    newer++;
  }
  return found;
}

static void arrive(struct state *s, size_t n) {
  unsigned i;
  size_t len, at = s->stream.at;
  struct fake_stream *f = turned_to(s, &i);
  const uint8_t *octets = feed_octets(&s->stream, n, &len);
  if (!f || f->connecting) return;
  must(s->piece_count < PIECES);
  s->pieces[s->piece_count++] = (struct piece){i, at, len};
  fake_arrive(f, octets, len);
  while (!f->closing && f->in_len && f->reading) turn(s);
}

static void step(struct state *s, uint8_t op) {
  unsigned i;
  struct fake_stream *f = turned_to(s, &i);

  if (op < 64) {
    arrive(s, op + 1u);
  } else if (op < 96) {
    arrive(s, 64u * (op - 63u));
  } else if (op < 112) {
    ask(s, op % EXCHANGES);
  } else if (op < 128) {
    channel_drop(&s->exchanges[op % EXCHANGES]);
  } else if (op < 136) {
    fake_pass_ms(1000u * (op - 127u));
  } else if (op >= 232) {
    s->back = op % 8;
  } else if (op >= 216) {
    fake_pass_ms(100u * (op - 215u));
  } else if (f) {
    if (op < 160) fake_connect(f, 0);
    else if (op < 176) fake_connect(f, UV_ECONNREFUSED);
    else if (op < 192) f->end = UV_EOF;
    else if (op < 200) f->end = UV_ECONNRESET;
    else if (op < 208) f->broken = UV_EPIPE;
    else f->window = op - 208u;
  }

  turn(s);
}

static void start(struct state *s, uint8_t how) {
  static const char *const names[NAMES] = {"a.", "b.lab.", "_xmpp-server._tcp.lab.", "."};
  union addr addr;
  uint16_t id = 0;
  *s = (struct state){.how = how};
  fake_start(1000000);
  for (unsigned i = 0; i < NAMES; i++) question_of(&s->questions[i], names[i], i == 2 ? TYPE_SRV : TYPE_A);

  /* ids are 0, 1, 2 ... */
  for (s->random.left = sizeof s->random.pool; id < sizeof s->random.pool / 2; id++) {
    memcpy(s->random.pool + sizeof s->random.pool - 2u * (id + 1u), &id, 2);
  }

  for (unsigned i = 0; i < EXCHANGES; i++) {
    s->exchanges[i].done = done;
    list_init(&s->exchanges[i].link);
  }

  must(addr_parse("192.0.2.53", 53, &addr));
  s->channel = up_tcp_new(&s->loop, &addr, &s->counters, &s->random);
  must(s->channel);
  for (unsigned i = 0; i < NAMES; i++) ask(s, i);
  unsigned i;
  if (!(how & HOW_NOT_YET)) fake_connect(turned_to(s, &i), 0);
  turn(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct state *s = &state;
  struct wire in = feed(data, size);
  size_t steps, octets;
  start(s, feed_u8(&in));
  const uint8_t *ops = feed_octets(&in, feed_u8(&in), &steps);
  const uint8_t *stream = feed_octets(&in, feed_left(&in), &octets);
  s->stream = wire_read(stream, octets);
  for (size_t i = 0; i < steps && i < STEPS; i++) step(s, ops[i]);
  arrive(s, feed_left(&s->stream));
  for (unsigned i = 0; i < EXCHANGES; i++) channel_drop(&s->exchanges[i]);
  s->channel->ops->close(s->channel);
  fake_turn();
  must(fake_handles() == 0);
  return 0;
}
