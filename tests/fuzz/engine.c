/* engine.c: fuzz target: what a fleet's engine sends, cut anywhere, through hiredis and the line's reading.
 *
 * Input: an octet of how, the number of steps, the steps (an octet each, see step), the engine's octets. Each
 * request ends once, with all its replies in their order or the loss of the rest; what can't be read closes
 * the connection; memory is bounded whatever comes. */
#include <malloc.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fuzz/fake_uv.h"
#include "fuzz/fuzz.h"
#include "share/line.h"

enum { REQUESTS = 4, STEPS = 120, MEMORY_MAX = 8 * RESP_UNREAD_MAX };
enum { HOW_PASSWORD = 1, HOW_DB = 2, HOW_NOT_YET = 4 /* connected */, HOW_REFUSE = 8 /* numbers */ };

struct wish {
  struct engine_request request;
  unsigned count, heard; /* of its replies */
  bool is_lost;
};

struct state {
  uv_loop_t loop;
  struct timers timers;
  struct random random;
  struct line_target target;
  struct line *line;
  struct wish wishes[REQUESTS];
  uint8_t how;
  struct wire stream;
  size_t memory; /* at the start */
};

static struct state state;

/* 0 where a sanitizer has the allocator's place. */
static size_t memory_now(void) { return mallinfo2().uordblks + mallinfo2().hblkhd; }

static bool is_pending(const struct wish *w) { return w->heard < w->count; }

static void done(struct engine_request *r, unsigned nth, const struct engine_reply *reply, uint64_t now_ms) {
  struct wish *w = container(r, struct wish, request);
  struct engine *e = line_engine(state.line);
  must(is_pending(w) && nth == w->heard++ && r->count == w->count);
  must(reply->kind == ENGINE_LOST || !w->is_lost);
  w->is_lost = reply->kind == ENGINE_LOST;
  if (reply->kind == ENGINE_TEXT || reply->kind == ENGINE_ERROR)
    must(reply->len <= RESP_TEXT_MAX && reply->octets[reply->len] == 0);
  if (reply->kind == ENGINE_NUMBER && state.how & HOW_REFUSE) e->ops->refuse(e, "a number", now_ms);
}

static void up(void *ctx, uint64_t now_ms) {
  struct state *s = ctx;
  must(line_look(s->line)->state == LINE_UP &&
       line_engine(s->line)->ops->is_ready(line_engine(s->line), now_ms));
}

static struct fake_stream *newest(void) {
  struct fake_stream *f = fake_streams() ? fake_stream(fake_streams() - 1) : NULL;
  return f && !f->closing ? f : NULL;
}

static void turn(struct state *s) {
  line_flush(s->line, clock_ms());
  fake_turn();
  timers_run(&s->timers, clock_ms());

  enum line_state is = line_look(s->line)->state;
  for (struct wish *w = s->wishes; w < s->wishes + REQUESTS; w++) must(is == LINE_UP || !is_pending(w));
  must(is != LINE_RESTS || !newest());
  must(memory_now() <= s->memory + MEMORY_MAX);
}

static void ask(struct state *s, uint8_t op) {
  static const struct engine_command list[ENGINE_COMMANDS] = {
      {2, {{"PTTL", 4}, {"k", 1}}}, {2, {{"GET", 3}, {"k", 1}}}, {1, {{"TIME", 4}}}};
  struct wish *w = &s->wishes[op % REQUESTS];
  struct engine *e = line_engine(s->line);
  if (is_pending(w)) return;
  *w = (struct wish){.request.done = done, .count = op / REQUESTS % ENGINE_COMMANDS + 1u};
  bool is_up = line_look(s->line)->state == LINE_UP;
  if (e->ops->send(e, &w->request, list, w->count, clock_ms())) must(is_up);
  else w->count = 0;
}

static void arrive(struct state *s, size_t n) {
  size_t len;
  struct fake_stream *f = newest();
  const uint8_t *octets = feed_octets(&s->stream, n, &len);
  if (!f || f->connecting) return;
  fake_arrive(f, octets, len);
  while (newest() == f && f->in_len && f->reading) turn(s);
}

static void step(struct state *s, uint8_t op) {
  struct fake_stream *f = newest();
  if (op < 64) {
    arrive(s, op + 1u);
  } else if (op < 96) {
    arrive(s, 1024u * (op - 63u));
  } else if (op < 144) {
    ask(s, op);
  } else if (op < 152) {
    fake_pass_ms(10u * (op - 143u));
  } else if (op < 160) {
    fake_pass_ms(1000u * (op - 151u));
  } else if (f) {
    if (op < 176) fake_connect(f, 0);
    else if (op < 184) fake_connect(f, UV_ECONNREFUSED);
    else if (op < 192) f->end = UV_EOF;
    else if (op < 200) f->end = UV_ECONNRESET;
    else if (op < 208) f->broken = UV_EPIPE;
    else f->window = op - 208u;
  }
  turn(s);
}

static void start(struct state *s, const struct resp_library *library, uint8_t how) {
  const char *why;
  *s = (struct state){.how = how, .memory = memory_now()};
  fake_start(1000000);
  timers_init(&s->timers);
  must(line_target_parse(how & HOW_DB ? "redis://192.0.2.10/3" : "redis://192.0.2.10", &s->target, &why));
  struct line_options options = {.hiredis = library,
                                 .target = &s->target,
                                 .user = "jidns",
                                 .password = how & HOW_PASSWORD ? "secret" : "",
                                 .loop = &s->loop,
                                 .timers = &s->timers,
                                 .random = &s->random};
  s->line = line_new(&options);
  must(s->line);
  line_engine(s->line)->up = up;
  line_engine(s->line)->ctx = s;
  line_start(s->line, clock_ms());
  if (!(how & HOW_NOT_YET)) fake_connect(newest(), 0);
  turn(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct resp_library *library;
  struct state *s = &state;
  struct wire in = feed(data, size);
  size_t steps, octets;
  if (!library) must(library = resp_load(stderr));

  start(s, library, feed_u8(&in));
  const uint8_t *ops = feed_octets(&in, feed_u8(&in), &steps);
  const uint8_t *stream = feed_octets(&in, feed_left(&in), &octets);
  s->stream = wire_read(stream, octets);
  for (size_t i = 0; i < steps && i < STEPS; i++) step(s, ops[i]);
  arrive(s, feed_left(&s->stream));

  line_stop(s->line, clock_ms());
  for (struct wish *w = s->wishes; w < s->wishes + REQUESTS; w++) must(!is_pending(w));
  fake_turn();
  fake_turn();
  line_free(s->line);
  timers_close(&s->timers);
  must(fake_handles() == 0);
  return 0;
}
