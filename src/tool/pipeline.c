/* pipeline.c: domains on their way through the stages of facts. Exports pipeline_*, check_now_ms. */
#include "tool/pipeline.h"

#include <stdlib.h>
#include <time.h>

#include "base/must.h"

struct running {
  struct checked checked;
  struct ask_list list;
  struct sources_round round;
  unsigned stage, open; /* open: questions of the stage without an outcome */
  bool asking, through;
  unsigned begun_ms;
};

struct pipeline {
  struct sources *sources;
  struct asker *asker;
  void (*answered)(void *context, struct checked *x);
  void *context;
  struct running ring[PIPELINE_DOMAINS];
  size_t oldest, count;
};

unsigned check_now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (unsigned)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

struct pipeline *pipeline_new(struct sources *sources, void (*answered)(void *context, struct checked *x),
                              void *context) {
  struct pipeline *p = must_zalloc(sizeof *p);
  p->sources = sources;
  p->asker = sources_asker(sources);
  p->answered = answered;
  p->context = context;
  return p;
}

static void begin_stage(struct pipeline *p, struct running *r) {
  r->list.count = 0;
  facts_questions(r->checked.facts, r->stage, &r->list);
  sources_begin(p->sources, r->list.list, r->list.count, &r->round);
  r->asking = true;
  r->open = (unsigned)r->round.elsewhere.count;
  for (size_t i = 0; i < r->round.elsewhere.count; i++) {
    r->round.elsewhere.list[i]->open = &r->open;
    asker_add(p->asker, r->round.elsewhere.list[i]);
  }
}

static void end_stage(struct pipeline *p, struct running *r) {
  sources_end(p->sources, &r->round);
  r->asking = false;
  facts_read(r->checked.facts, r->stage++);
}

/* Goes on as far as there are answers. */
static void step(struct pipeline *p, struct running *r) {
  while (r->open == 0 && !r->through) {
    if (r->asking) end_stage(p, r);
    if (r->stage < facts_stages(r->checked.facts)) {
      begin_stage(p, r);
      continue;
    }
    r->through = true;
    r->checked.ms = check_now_ms() - r->begun_ms;
  }
}

static struct running *at(struct pipeline *p, size_t i) {
  return &p->ring[(p->oldest + i) % PIPELINE_DOMAINS];
}

static void hand_on(struct pipeline *p) {
  while (p->count > 0 && at(p, 0)->through) {
    struct running *r = at(p, 0);
    ask_list_free(&r->list);
    p->oldest = (p->oldest + 1) % PIPELINE_DOMAINS;
    p->count--;
    p->answered(p->context, &r->checked);
  }
}

static void work(struct pipeline *p) {
  asker_turn(p->asker);
  for (size_t i = 0; i < p->count; i++) step(p, at(p, i));
  hand_on(p);
}

void pipeline_add(struct pipeline *p, const struct checked *x) {
  while (p->count == PIPELINE_DOMAINS) work(p);
  struct running *r = at(p, p->count++);
  *r = (struct running){.checked = *x, .begun_ms = check_now_ms()};
  step(p, r);
  hand_on(p);
}

void pipeline_drain(struct pipeline *p) {
  while (p->count > 0) work(p);
}

void pipeline_free(struct pipeline *p) {
  if (!p) return;
  while (asker_turn(p->asker)) continue;
  for (size_t i = 0; i < p->count; i++) {
    struct running *r = at(p, i);
    if (r->asking) sources_end(p->sources, &r->round);
    ask_list_free(&r->list);
    facts_free(r->checked.facts);
  }
  asker_free(p->asker);
  free(p);
}
