/* random.c: numbers an attacker can't foresee, from getrandom(2). Exports random_*. */
#include "base/random.h"

#include <string.h>
#include <sys/random.h>

#include "base/must.h"

void random_octets(void *out, size_t len) {
  /* Up to 256 octets getrandom neither blocks nor stops short once the kernel is seeded; at boot it waits. */
  for (uint8_t *p = out; len > 0;) {
    size_t want = len < 256 ? len : 256;
    ssize_t n = getrandom(p, want, 0);
    if (n < 0) continue; /* EINTR */
    p += n;
    len -= (size_t)n;
  }
}

static void take(struct random *r, void *out, size_t len) {
  if (r->left < len) {
    random_octets(r->pool, sizeof r->pool);
    r->left = sizeof r->pool;
  }
  r->left -= len;
  memcpy(out, r->pool + r->left, len);
  memset(r->pool + r->left, 0, len);
}

uint16_t random_u16(struct random *r) {
  uint16_t v;
  take(r, &v, sizeof v);
  return v;
}

uint64_t random_u64(struct random *r) {
  uint64_t v;
  take(r, &v, sizeof v);
  return v;
}

uint32_t random_below(struct random *r, uint32_t n) {
  must(n > 0);
  uint32_t v, limit = UINT32_MAX - UINT32_MAX % n;
  do take(r, &v, sizeof v);
  while (v >= limit);
  return v % n;
}

uint64_t random_seed(void) {
  uint64_t v;
  random_octets(&v, sizeof v);
  return v;
}
