/* Inside the page: its form, and what fills it. */
#ifndef JIDNS_DAEMON_PAGE_PRIV_H
#define JIDNS_DAEMON_PAGE_PRIV_H
#include "base/counter.h"
#include "base/htmlw.h"
#include "daemon/page.h"
#include "daemon/stats.h"

extern const char page_html[]; /* made from page.html */

/* One view: the daemon now, and its counters at an earlier view. */
struct page_view {
  struct daemon *daemon;
  struct htmlw w;
  const char *nonce;
  const struct counters *now, *before;
  uint64_t interval_ms; /* between them */
  bool since_start;     /* there was no earlier view */
  struct latency waited;
  struct cache_stats cache;
  struct stats stats;
};

/* page_tables.c: faults in force, if any; upstream servers; domains. */
void page_put_faults(struct page_view *v);
void page_put_upstreams(struct page_view *v);
void page_put_domains(struct page_view *v);

/* "1,234,567" and "3 d 4 h". Return text. */
enum { PAGE_NUMBER = 40 };
const char *page_number(uint64_t n, char text[PAGE_NUMBER]);
const char *page_duration(uint64_t ms, char text[PAGE_NUMBER]);
#endif
