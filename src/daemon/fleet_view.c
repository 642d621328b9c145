/* fleet_view.c: what is known of the fleet's engine. Exports fleet_view_*. */
#include "daemon/fleet_view.h"

#include "base/clock.h"
#include "forward/fetch.h"

struct fleet_facts {
  unsigned in[LINE_STATES]; /* workers in that state */
  char why[LINE_WHY], write_trouble[SHARE_WHY];
  uint64_t connects, lost;
};

static void gather(struct worker *w, void *arg) {
  struct fleet_facts *all = arg;
  const struct member_thread *t = worker_member(w);
  const struct line_facts *f = line_look(t->link);
  const char *trouble = share_write_trouble(t->share);
  all->in[f->state]++;
  all->connects += f->connects;
  all->lost += f->lost;
  if (*f->why) snprintf(all->why, sizeof all->why, "%s", f->why);
  if (*trouble) snprintf(all->write_trouble, sizeof all->write_trouble, "%s", trouble);
}

void fleet_view_write(struct daemon *d, struct jsonw *j) {
  const struct share_policy *p = &d->settings.share;
  struct fleet_facts f = {.connects = 0};
  char text[LINE_TARGET_TEXT];
  if (!d->member) {
    jsonw_string(j, "fleet", NULL);
    return;
  }

  workers_each(&d->workers, gather, &f);
  bool is_up = f.in[LINE_UP] > 0, is_trying = f.in[LINE_CONNECTS] + f.in[LINE_FINDS] > 0 && !*f.why;
  jsonw_open(j, "fleet", '{');
  jsonw_string(j, "server", line_target_format(member_target(d->member), text));
  jsonw_string(j, "namespace", p->space);
  jsonw_string(j, "role", p->role == SHARE_READER ? "reader" : "member");
  jsonw_string(j, "state", is_up ? "connected" : is_trying ? "connecting" : "resting");
  jsonw_uint(j, "connected", f.in[LINE_UP]);
  jsonw_string(j, "why", *f.why ? f.why : NULL);
  jsonw_string(j, "writes_refused", *f.write_trouble ? f.write_trouble : NULL);
  jsonw_uint(j, "connects", f.connects);
  jsonw_uint(j, "lost", f.lost);
  jsonw_close(j, '}');
}

bool fleet_view_is_up(struct daemon *d) {
  struct fleet_facts f = {.connects = 0};
  workers_each(&d->workers, gather, &f);
  return f.in[LINE_UP] > 0;
}

struct fleet_flush {
  const uint8_t *name;
  size_t len;
  bool is_done;
};

/* One connection is enough. */
static void flush(struct worker *w, void *arg) {
  struct fleet_flush *f = arg;
  struct member_thread *t = worker_member(w);
  const struct forward_options *o = worker_forward_options(w);
  struct question q;
  if (f->is_done) return;
  question_make(&q, f->name, f->len, TYPE_A, 1, 0, 0);
  uint64_t view = fetch_view(o->routes, &o->policy, &q);
  f->is_done = share_flush(t->share, f->name, f->len, &view, 1, clock_ms());
  line_flush(t->link, clock_ms());
}

bool fleet_view_flush(struct daemon *d, const uint8_t *name, size_t len, const char **why) {
  struct fleet_flush f = {.name = name, .len = len};
  *why = "there is no fleet; see --shared";
  if (!d->member) return false;
  *why = "this member is a reader; flush on one that writes";
  if (d->settings.share.role == SHARE_READER) return false;
  *why = "the fleet's server can't be asked now; see jidns status";
  workers_each(&d->workers, flush, &f);
  return f.is_done;
}
