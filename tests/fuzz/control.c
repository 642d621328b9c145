/* control.c: fuzz target: a client of the control socket, its requests cut anywhere, its answers taken
 * slowly, broken off.
 *
 * Input: an octet of how, the number of steps, the steps (an octet each, see step), the stream of requests,
 * in which an octet of 0xf0 and more stands for many of the one before. However it is cut and however slowly
 * the answers are taken: each whole request gets the one answer that is due, in order. The commands are the
 * target's own, or the daemon's. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "fuzz/control.h"
#include "fuzz/fake_uv.h"
#include "fuzz/fuzz.h"

enum {
  HOW_EOF = 1,
  HOW_SLOW = 2,
  HOW_REAL = 4,
  HOW_STUCK = 16,
  HOW_CLOSE = 8 | 32 /* both: it takes long to start anew */
};
enum { OP_OTHERS = 244 };
enum {
  OWN_DOOR = 1 << 21,
  REAL_DOOR,
  START_MS = 1000000000,
  SWEEP_MS = 1000,
  TURNS = 1 << 10,
  OTHERS_MAX = 64,
  REPEAT = 128
};

struct state {
  uv_loop_t loop;
  struct control *own;
  struct commands *real;
  uint8_t how;
  unsigned streams; /* of long answers, not ended */
  size_t long_left; /* octets that `long` may still send */
  bool disturbed;   /* the connection's end came early, or may have */
  uint64_t passed_ms;
  unsigned others; /* connections besides */
  struct wire stream;
  uint8_t room[STREAM_MAX];
};

/* ---- the target's commands ---- */

struct counted {
  struct state *state;
  unsigned total, left, octets;
};

static void run_say(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  (void)ctx;
  struct jsonw *j = control_json(r);
  jsonw_open(j, "words", '[');
  for (unsigned i = 1; i < argc; i++) jsonw_string(j, NULL, argv[i]);
  jsonw_close(j, ']');
}

static void run_fail(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  (void)ctx;
  (void)argv;
  jsonw_uint(control_json(r), "half", 1);
  control_fail(r, "no \"%u\"", argc);
}

/* A row without octets is none, as when a dump passes over an answer. */
static bool long_next(void *state, struct jsonw *j) {
  static uint8_t octets[LONG_OCTETS_MAX];
  struct counted *c = state;
  if (c->left == 0) return false;
  c->left--;
  if (!c->octets) return true;
  if (!*octets) memset(octets, 0xaa, sizeof octets);
  jsonw_open(j, NULL, '{');
  jsonw_hex(j, "x", octets, c->octets);
  jsonw_close(j, '}');
  jsonw_line(j);
  return true;
}

static void long_end(void *state, struct jsonw *j) {
  struct counted *c = state;
  must(c->state->streams == 1 && (!j || !c->left));
  if (j) jsonw_uint(j, "lines", c->total);
  c->state->streams--;
  free(c);
}

static void run_long(void *ctx, struct control_reply *r, unsigned argc, char *const *argv) {
  struct state *s = ctx;
  unsigned n, octets;
  if (!long_read(argc, argv, &s->long_left, &n, &octets)) {
    control_fail(r, "needs N OCTETS, not too many");
    return;
  }
  struct counted *c = must_zalloc(sizeof *c);
  *c = (struct counted){.state = s, .total = n, .left = n, .octets = octets};
  s->streams++;
  control_send(r, &(struct control_stream){.next = long_next, .end = long_end, .state = c});
}

static const struct control_command commands[] = {{"say", "WORD...", "Says it.", run_say},
                                                  {"fail", "", "Fails.", run_fail},
                                                  {"long", "N OCTETS", "Sends lines.", run_long}};

/* ---- the client ---- */

/* NULL: its connection is closed, or about to be. */
static struct fake_stream *client(void) {
  struct fake_stream *f = fake_stream(0);
  return f && !f->closing ? f : NULL;
}

static void connect_another(struct state *s) {
  unsigned open = 0;
  fake_accept(s->how & HOW_REAL ? REAL_DOOR : OWN_DOOR);
  for (unsigned i = 0; i < fake_streams(); i++) open += fake_stream(i) && !fake_stream(i)->closing;
  must(open >= 1 && open <= CONTROL_CONNECTIONS);
}

static void arrive(struct state *s, size_t n) {
  size_t len;
  struct fake_stream *f = client();
  const uint8_t *octets = feed_octets(&s->stream, n, &len);
  if (f) fake_arrive(f, octets, len);
}

static void pass(struct state *s, uint64_t ms) {
  fake_pass_ms(ms);
  s->passed_ms += ms;
  if (s->passed_ms >= CONTROL_STUCK_MS) s->disturbed = true;
}

/* One step of the input. */
static void step(struct state *s, uint8_t op) {
  struct fake_stream *f = client();
  if (op < 128) {
    arrive(s, op + 1u);
  } else if (op < 160) {
    arrive(s, 64u * (op - 127u));
  } else if (op < 176) {
    if (f && f->window != SIZE_MAX) f->window += (size_t)1 << (op - 160);
  } else if (op < 192) {
    pass(s, 10u << (op - 176));
  } else if (op < 194 && f) {
    s->disturbed = true;
    if (op == 192) f->end = UV_ECONNRESET;
    else f->broken = UV_EPIPE;
  } else if (op >= OP_OTHERS) {
    for (unsigned i = OP_OTHERS; i <= op && s->others < OTHERS_MAX; i++, s->others++) connect_another(s);
    if (s->others >= CONTROL_CONNECTIONS) s->disturbed = true; /* the client may have been the idlest */
  }

  fake_turn();
}

/* An answer that is not read: the connection ends. */
static void wait_stuck(struct state *s) {
  fake_turn();
  struct fake_stream *f = client();
  bool stuck = f && !f->reading;
  pass(s, CONTROL_STUCK_MS + SWEEP_MS);
  fake_turn();
  must(!stuck || !client());
}

/* Everything that is under way comes to its end. */
static void drain(struct state *s) {
  struct fake_stream *f = client();
  if (f) f->window = SIZE_MAX;
  arrive(s, feed_left(&s->stream));
  if (f && s->how & HOW_EOF && !f->end) f->end = UV_EOF;
  for (unsigned i = 0; i < TURNS; i++) {
    fake_turn();
    f = fake_stream(0);
    if (!f || (f->reading && !f->in_len && !f->end)) return;
  }
  must(!"it never ends");
}

/* ---- a run ---- */

static void start(struct state *s) {
  struct control_socket door = {.fd = OWN_DOOR};
  fake_start(START_MS);
  s->own = control_new(&s->loop, &door, commands, sizeof commands / sizeof *commands, s);
  s->real = stub_start(REAL_DOOR);
  must(s->own && s->real && door.fd == -1);
  log_set_level(LOG_ERROR);
}

static void stop(struct state *s) {
  control_close(s->own);
  stub_stop(s->real);
  s->own = NULL;
  s->real = NULL;
  s->disturbed = true;
  fake_turn();
  must(fake_handles() == 0 && s->streams == 0);
}

/* The stream that the octets stand for. */
static void spread(struct state *s, const uint8_t *octets, size_t len) {
  size_t n = 0;
  unsigned lines = s->how & HOW_REAL ? REAL_LINES_MAX : LINES_MAX;
  uint8_t before = 'x';
  for (size_t i = 0; i < len && lines; i++) {
    size_t times = octets[i] < 0xf0 ? 1 : REPEAT * (octets[i] % 16u + 1);
    if (octets[i] < 0xf0) before = octets[i];
    for (; times && n < sizeof s->room && lines; times--) {
      lines -= before == '\n';
      s->room[n++] = before;
    }
  }
  s->stream = wire_read(s->room, n);
}

static void begin(struct state *s, const uint8_t *octets, size_t len) {
  if (!s->own) start(s);
  fake_start(START_MS);
  s->long_left = LONG_OCTETS_MAX;
  s->disturbed = false;
  s->passed_ms = s->others = 0;
  if (s->how & HOW_REAL) stub_begin();
  spread(s, octets, len);
  expect(s->room, s->stream.len, s->how & HOW_EOF, s->how & HOW_REAL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct state s;
  struct wire in = feed(data, size);
  size_t steps, octets;

  s.how = feed_u8(&in);
  const uint8_t *ops = feed_octets(&in, feed_u8(&in), &steps);
  const uint8_t *stream = feed_octets(&in, feed_left(&in), &octets);
  begin(&s, stream, octets);
  unsigned handles = fake_handles();
  connect_another(&s);
  struct fake_stream *f = fake_stream(0);
  must(f);
  if (s.how & HOW_SLOW) f->window = 0;
  for (size_t i = 0; i < steps; i++) step(&s, ops[i]);
  if (s.how & HOW_STUCK) wait_stuck(&s);
  bool closes = (s.how & HOW_CLOSE) == HOW_CLOSE;
  if (closes) stop(&s);
  else drain(&s);
  expect_heard(f->out, f->out_len, !s.disturbed); /* what it wrote stays readable when it is closed */
  if (closes) return 0;

  /* who says nothing is sent away; the daemon looks at domains no longer */
  pass(&s, CONTROL_IDLE_MS + SWEEP_MS);
  fake_turn();
  must(fake_handles() == handles && s.streams == 0);
  return 0;
}
