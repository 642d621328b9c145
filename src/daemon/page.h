/* The live page of the metrics listener: how the daemon is, for people with a browser. Read only: it has no
 * button. page.html is its form; what stands between {{ }} there is filled in here. */
#ifndef JIDNS_DAEMON_PAGE_H
#define JIDNS_DAEMON_PAGE_H
#include <stdio.h>

#include "daemon/daemon.h"

/* What is kept between two views: the counters of an earlier one, for rates. */
struct page;

/* Writes it; *p is made at the first view. False when memory is out. */
bool page_write(struct page **p, struct daemon *d, FILE *out);

/* The Content-Security-Policy that the page just written needs: nothing but its own style and script. */
const char *page_policy(const struct page *p);

void page_free(struct page *p);
#endif
