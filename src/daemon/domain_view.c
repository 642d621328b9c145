/* domain_view.c: busy domains and what became of their services, side by side. Exports domain_view_*. */
#include "daemon/domain_view.h"

#include <stdlib.h>

#include "base/clock.h"
#include "dns/ttl.h"

struct domain_view {
  struct busy busy;
  struct domains domains;
  struct contacts contacts;
  struct domain_way_reader *ways;
};

static void add_domains(struct worker *w, void *arg) {
  const struct domains *from = worker_domains(w);
  if (from) domains_add(arg, from);
}

struct domain_view *domain_view_new(struct daemon *d) {
  struct domain_view *v = calloc(1, sizeof *v);
  if (v) v->ways = domain_way_new(d->cache, d->seed);
  if (!v || !v->ways) {
    free(v);
    return NULL;
  }

  domain_watch_sum(&d->domain_watch, &v->busy, &v->contacts);
  workers_each(&d->workers, add_domains, &v->domains);
  busy_sort(&v->busy);
  domains_sort(&v->domains);
  contacts_sort(&v->contacts);
  return v;
}

void domain_view_free(struct domain_view *v) {
  if (v) domain_way_free(v->ways);
  free(v);
}

static const struct busy_domain *find_busy(const struct busy *b, const uint8_t *name, size_t len) {
  for (unsigned i = 0; i < BUSY_DOMAINS; i++) {
    const struct busy_domain *d = &b->domains[i];
    if (name_equal(d->name, d->name_len, name, len)) return d;
  }
  return NULL;
}

/* Rows being put together: a domain comes in once, with all that is known of it. */
struct rows {
  const struct domain_view *view;
  struct domain_row *list;
  unsigned count;
};

static void add_row(struct rows *rows, const uint8_t *name, size_t len) {
  const struct domain_view *v = rows->view;
  for (unsigned i = 0; i < rows->count; i++) {
    if (name_equal(rows->list[i].name, rows->list[i].name_len, name, len)) return;
  }
  rows->list[rows->count++] = (struct domain_row){.name = name,
                                                  .name_len = len,
                                                  .busy = find_busy(&v->busy, name, len),
                                                  .outcomes = domains_find(&v->domains, name, len),
                                                  .contact = contacts_find(&v->contacts, name, len)};
}

static void add_contacts(struct rows *rows) {
  const struct contact *list = rows->view->contacts.list;
  for (unsigned i = 0; i < CONTACTS_MAX && list[i].domain_len; i++)
    add_row(rows, list[i].domain, list[i].domain_len);
}

unsigned domain_view_rows(const struct domain_view *v, enum domain_view_order order,
                          struct domain_row list[DOMAIN_ROWS]) {
  struct rows rows = {.view = v, .list = list};
  if (order == DOMAIN_VIEW_LATEST) add_contacts(&rows);
  for (unsigned i = 0; i < BUSY_DOMAINS && v->busy.domains[i].name_len; i++)
    add_row(&rows, v->busy.domains[i].name, v->busy.domains[i].name_len);
  for (unsigned i = 0; i < DOMAINS_MAX && v->domains.list[i].name_len; i++)
    add_row(&rows, v->domains.list[i].name, v->domains.list[i].name_len);
  if (order == DOMAIN_VIEW_BUSIEST) add_contacts(&rows);
  return rows.count;
}

bool domain_view_way(const struct domain_view *v, const struct domain_row *row, enum family_role role,
                     struct domain_row_way *out) {
  const struct contact_walk *last = row->contact ? &row->contact->by_role[role] : NULL;
  *out = (struct domain_row_way){0};
  out->known = domain_way_read(v->ways, row->name, row->name_len, role, tick_of_ms(clock_ms()), &out->way,
                               &out->is_stale);
  if (last) {
    out->ended_ms = last->ended_ms;
    out->end = last->end;
  }

  if (last && last->way.target_len) {
    out->is_walked = true;
    out->way = last->way;
    out->known = last->way.by_srv ? DOMAIN_WAY_SRV : DOMAIN_WAY_ADDRESSES;
  }
  return out->ended_ms || out->known != DOMAIN_WAY_UNKNOWN;
}
