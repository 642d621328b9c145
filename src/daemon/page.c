/* page.c: fills the form of the live page. Exports page_*. */
#include "daemon/page.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/random.h"
#include "config.h"
#include "daemon/page_priv.h"

enum {
  INTERVAL_MIN_MS = 1500, /* rates are of so long at least, so that two who look don't make them jump */
  NONCE = 16              /* octets */
};

struct page {
  char nonce[2 * NONCE + 1], policy[400];
  uint64_t ms[2]; /* when these were: [0] earlier than [1] */
  struct counters counters[2];
};

/* ---- numbers ---- */

const char *page_number(uint64_t n, char text[PAGE_NUMBER]) {
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
  char *at = text;
  for (int i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0) *at++ = ',';
    *at++ = digits[i];
  }
  *at = 0;
  return text;
}

const char *page_duration(uint64_t ms, char text[PAGE_NUMBER]) {
  static const struct {
    unsigned s;
    const char *name;
  } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
  unsigned long long s = ms / 1000;
  size_t i = 0;
  while (i < 3 && s < units[i].s) i++;
  size_t n = (size_t)snprintf(text, PAGE_NUMBER, "%llu %s", s / units[i].s, units[i].name);
  if (i < 3)
    snprintf(text + n, PAGE_NUMBER - n, " %llu %s", s % units[i].s / units[i + 1].s, units[i + 1].name);
  return text;
}

static double grown(const struct page_view *v, unsigned counter) {
  return (double)(counter_at(v->now, counter) - counter_at(v->before, counter));
}

/* A counter by its field's name; what page.html names is there. */
static unsigned counter_of(const char *name) {
  unsigned i = 0;
  while (i < COUNTER_COUNT && strcmp(counter_infos[i].field, name) != 0) i++;
  must(i < COUNTER_COUNT);
  return i;
}

/* ---- what stands between {{ }} ---- */

static void put_nonce(struct page_view *v) { htmlw_raw(&v->w, v->nonce); }
static void put_version(struct page_view *v) { htmlw_text(&v->w, PACKAGE_VERSION); }
static void put_pid(struct page_view *v) { htmlw_textf(&v->w, "%ld", (long)getpid()); }

static void put_uptime(struct page_view *v) {
  char text[PAGE_NUMBER];
  htmlw_text(&v->w, page_duration(clock_ms() - v->daemon->started_ms, text));
}

static void put_interval(struct page_view *v) {
  if (v->since_start) htmlw_text(&v->w, "all the time since the start");
  else htmlw_textf(&v->w, "the last %.0f s", (double)v->interval_ms / 1000);
}

static void put_ratio(struct page_view *v, double hits, double misses) {
  if (hits + misses > 0) htmlw_textf(&v->w, "%.1f %%", 100 * hits / (hits + misses));
  else htmlw_text(&v->w, "-");
}

static void put_hit_ratio(struct page_view *v) {
  put_ratio(v, grown(v, counter_of("hit")), grown(v, counter_of("miss")));
}

static void put_hit_ratio_since(struct page_view *v) {
  put_ratio(v, (double)v->now->hit, (double)v->now->miss);
}

/* "under 50 ms": the bound below which this part of all waits since the start lies. */
static void put_wait(struct page_view *v, double part) {
  double all = 0, sum = 0;
  for (unsigned i = 0; i <= LATENCY_BOUNDS; i++) all += (double)v->waited.counts[i];
  for (unsigned i = 0; i < LATENCY_BOUNDS && all > 0; i++) {
    sum += (double)v->waited.counts[i];
    if (sum < all * part) continue;
    htmlw_textf(&v->w, "under %u ms", latency_bounds_ms[i]);
    return;
  }
  htmlw_text(&v->w, all > 0 ? "longer" : "-");
}

static void put_wait_half(struct page_view *v) { put_wait(v, 0.5); }
static void put_wait_most(struct page_view *v) { put_wait(v, 0.95); }

static void put_cache_answers(struct page_view *v) {
  char text[PAGE_NUMBER];
  htmlw_text(&v->w, page_number(v->cache.entries, text));
}

static void put_cache_size(struct page_view *v) {
  htmlw_textf(&v->w, "%.1f of %.0f MiB", (double)v->cache.octets / (1 << 20),
              (double)v->cache.limit / (1 << 20));
}

static void put_cache_share(struct page_view *v) {
  htmlw_textf(&v->w, "%.0f", v->cache.limit ? 100 * (double)v->cache.octets / (double)v->cache.limit : 0);
}

/* "rate FIELD" and "count FIELD": a counter's growth a second, and the counter, which tests find by its id.
 */
static void put_rate(struct page_view *v, const char *field) {
  double rate = grown(v, counter_of(field)) * 1000 / (double)v->interval_ms;
  htmlw_textf(&v->w, rate < 100 ? "%.1f" : "%.0f", rate);
}

static void put_count(struct page_view *v, const char *field) {
  char text[PAGE_NUMBER];
  htmlw_open(&v->w, "span");
  htmlw_attr(&v->w, "id", field);
  htmlw_text(&v->w, page_number(counter_at(v->now, counter_of(field)), text));
  htmlw_close(&v->w);
}

static const struct {
  const char *name;
  void (*put)(struct page_view *v);
} places[] = {{"nonce", put_nonce},
              {"version", put_version},
              {"pid", put_pid},
              {"uptime", put_uptime},
              {"interval", put_interval},
              {"hit_ratio", put_hit_ratio},
              {"hit_ratio_since", put_hit_ratio_since},
              {"wait_half", put_wait_half},
              {"wait_most", put_wait_most},
              {"cache_answers", put_cache_answers},
              {"cache_size", put_cache_size},
              {"cache_share", put_cache_share},
              {"faults", page_put_faults},
              {"upstreams", page_put_upstreams},
              {"domains", page_put_domains}};

static void put_place(struct page_view *v, const char *name) {
  if (strncmp(name, "rate ", 5) == 0) {
    put_rate(v, name + 5);
  } else if (strncmp(name, "count ", 6) == 0) {
    put_count(v, name + 6);
  } else {
    size_t i = 0;
    while (i < sizeof places / sizeof *places && strcmp(places[i].name, name) != 0) i++;
    must(i < sizeof places / sizeof *places);
    places[i].put(v);
  }
}

/* ---- a view ---- */

static void fill_form(struct page_view *v) {
  char name[40];
  for (const char *at = page_html;;) {
    const char *place = strstr(at, "{{");
    if (!place) {
      fputs(at, v->w.out);
      return;
    }
    fwrite(at, 1, (size_t)(place - at), v->w.out);
    const char *end = strstr(place, "}}");
    must(end && (size_t)(end - place) < sizeof name);
    snprintf(name, sizeof name, "%.*s", (int)(end - place - 2), place + 2);
    put_place(v, name);
    at = end + 2;
  }
}

/* The style and the script of this view run, and no other that somebody might have got into it. */
static void make_policy(struct page *p) {
  uint8_t octets[NONCE];
  random_octets(octets, sizeof octets);
  for (unsigned i = 0; i < NONCE; i++) snprintf(p->nonce + 2 * i, 3, "%02x", octets[i]);
  snprintf(p->policy, sizeof p->policy,
           "default-src 'none'; style-src 'nonce-%s'; script-src 'nonce-%s'; img-src data:; connect-src "
           "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
           p->nonce, p->nonce);
}

/* Looks at the counters; the ones of the last view are kept for rates once they are old enough. */
static void look(struct page *p, struct daemon *d, uint64_t now_ms, struct counters *now) {
  daemon_counters(d, now);
  if (!p->ms[1] || now_ms - p->ms[1] >= INTERVAL_MIN_MS) {
    p->ms[0] = p->ms[1] ? p->ms[1] : d->started_ms;
    p->counters[0] = p->counters[1];
    p->ms[1] = now_ms;
    p->counters[1] = *now;
  }
}

bool page_write(struct page **kept, struct daemon *d, FILE *out) {
  struct counters now;
  uint64_t now_ms = clock_ms();
  if (!*kept) *kept = calloc(1, sizeof **kept);
  struct page *p = *kept;
  struct page_view *v = calloc(1, sizeof *v);
  if (!p || !v) {
    free(v);
    return false;
  }

  make_policy(p);
  look(p, d, now_ms, &now);
  domain_watch_look(&d->domain_watch, &d->workers, DOMAIN_WATCH_WALKS);
  v->daemon = d;
  v->w.out = out;
  v->nonce = p->nonce;
  v->now = &now;
  v->before = &p->counters[0];
  v->interval_ms = now_ms > p->ms[0] ? now_ms - p->ms[0] : 1;
  v->since_start = p->ms[0] == d->started_ms;
  workers_waited(&d->workers, &v->waited);
  cache_stats(d->cache, &v->cache);
  stats_gather(d, &v->stats);
  fill_form(v);
  free(v);
  return true;
}

const char *page_policy(const struct page *p) { return p->policy; }

void page_free(struct page *p) { free(p); }
