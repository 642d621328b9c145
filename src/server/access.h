/* Who may ask, and how often. */
#ifndef JIDNS_SERVER_ACCESS_H
#define JIDNS_SERVER_ACCESS_H
#include <stdio.h>

#include "base/prefix.h"

enum { ACCESS_PREFIXES = 64, ACCESS_RATE_MAX = 1000000 };

struct access_policy {
  struct prefix allow[ACCESS_PREFIXES];
  unsigned allow_count;
  bool chosen;       /* by the operator; else they are the networks of the addresses listened on */
  unsigned left_out; /* such networks that may not ask: public ones that came while running, and more than
                        ACCESS_PREFIXES */
  bool silent;       /* the rest gets no answer; else REFUSED */
  uint32_t rate; /* queries a second of one host (IPv6: of one /64) that each worker answers; 0: any number */
};

enum access_verdict {
  ACCESS_GRANTED,
  ACCESS_DENIED, /* not from there */
  ACCESS_LIMITED /* not so many */
};

struct access;

/* One a worker; options are copied. NULL when memory is out. */
struct access *access_new(const struct access_policy *options);
void access_free(struct access *a);

/* `before` has held until now: how much its hosts have asked stands. It may only be freed after this. */
void access_inherit(struct access *a, struct access *before);

/* Do those who may not ask get no answer at all? NULL: there are none such. */
bool access_is_silent(const struct access *a);

/* What was handed to access_new; borrowed. */
const struct access_policy *access_policy(const struct access *a);

/* Is it this machine itself: loopback, or what comes from the address it was sent to? */
bool access_is_here(const union addr *peer, const union addr *local);

/* May this host ask? This machine itself always may: loopback, and what comes from the address it was sent
 * to. */
bool access_may(const struct access *a, const union addr *peer, const union addr *local);

/* Takes a query from it. One whose sender is `proven` to be there (TCP, a valid cookie) is limited apart from
 * those that may be forged. This machine itself is never limited. */
enum access_verdict access_check(struct access *a, const union addr *peer, const union addr *local,
                                 bool proven, uint64_t now_ms);

/* What holds without `allow`: fills in the networks that the addresses listened on lie in. False, and said in
 * one line on err, when one of them can be reached from everywhere: then somebody has to say who may ask.
 * Where the kernel lists no networks only this machine may ask, and err hears so. */
bool access_find_networks(struct access_policy *options, const union addr *listen, unsigned n, FILE *err);

/* The same while running, when addresses have come or gone: public ones are left out, and err hears of them
 * when more are than before. True when who may ask has changed. */
bool access_follow_networks(struct access_policy *options, const union addr *listen, unsigned n, FILE *err);

/* Can the address be reached from all of the internet? Not so: private, link-local, shared, loopback,
 * documentation. */
bool access_is_public(const union addr *a);
#endif
