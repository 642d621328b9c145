/* domain_view.c: busy domains and what became of their services, side by side. Exports domain_view_*. */
#include "daemon/domain_view.h"

#include <stdlib.h>

struct domain_view {
  struct busy busy;
  struct domains domains;
};

static void add_domains(struct worker *w, void *arg) {
  const struct domains *from = worker_domains(w);
  if (from) domains_add(arg, from);
}

struct domain_view *domain_view_new(struct daemon *d) {
  struct domain_view *v = calloc(1, sizeof *v);
  if (!v) return NULL;
  domain_watch_sum(&d->domain_watch, &v->busy);
  workers_each(&d->workers, add_domains, &v->domains);
  busy_sort(&v->busy);
  domains_sort(&v->domains);
  return v;
}

void domain_view_free(struct domain_view *v) { free(v); }

static bool is_busy(const struct busy *b, const struct domain_outcomes *o) {
  for (unsigned i = 0; i < BUSY_DOMAINS; i++) {
    const struct busy_domain *d = &b->domains[i];
    if (name_equal(d->name, d->name_len, o->name, o->name_len)) return true;
  }
  return false;
}

unsigned domain_view_rows(const struct domain_view *v, struct domain_row rows[DOMAIN_ROWS]) {
  unsigned n = 0;
  for (unsigned i = 0; i < BUSY_DOMAINS && v->busy.domains[i].name_len; i++) {
    const struct busy_domain *d = &v->busy.domains[i];
    rows[n++] = (struct domain_row){.name = d->name,
                                    .name_len = d->name_len,
                                    .busy = d,
                                    .outcomes = domains_find(&v->domains, d->name, d->name_len)};
  }

  for (unsigned i = 0; i < DOMAINS_MAX && v->domains.list[i].name_len; i++) {
    const struct domain_outcomes *o = &v->domains.list[i];
    if (!is_busy(&v->busy, o))
      rows[n++] = (struct domain_row){.name = o->name, .name_len = o->name_len, .outcomes = o};
  }
  return n;
}
