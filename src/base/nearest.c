/* nearest.c: the nearest word in a list. Exports nearest_word. */
#include "base/nearest.h"

#include <string.h>

/* How many letters must be changed, added or left out (Levenshtein); words longer than any in a list are far
 * from all. */
static unsigned distance(const char *a, const char *b) {
  unsigned row[32];
  size_t n = strlen(b);

  if (n >= sizeof row / sizeof *row || strlen(a) >= sizeof row / sizeof *row) return 99;
  for (unsigned k = 0; k <= n; k++) row[k] = k;
  for (unsigned i = 0; a[i]; i++) {
    unsigned before = row[0];
    row[0] = i + 1;
    for (unsigned k = 0; k < n; k++) {
      unsigned here = row[k + 1], best = before + (a[i] != b[k]);
      if (here + 1 < best) best = here + 1;
      if (row[k] + 1 < best) best = row[k] + 1;
      before = here;
      row[k + 1] = best;
    }
  }

  return row[n];
}

const char *nearest_word(const char *word, const char *(*next)(unsigned i, const void *ctx),
                         const void *ctx) {
  const char *best = NULL, *candidate;
  size_t least = strlen(word) / 3 + 2; /* more mistakes than that, and it is another word */
  for (unsigned i = 0; (candidate = next(i, ctx)); i++) {
    unsigned d = distance(word, candidate);
    if (d >= least) continue;
    least = d;
    best = candidate;
  }
  return best;
}
