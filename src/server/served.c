/* served.c: the query log's words for how a query was answered. Exports served_text. */
#include "server/served.h"

const char *served_text(enum served how) {
  static const char *const words[] = {[SERVED_HIT] = "hit",
                                      [SERVED_STALE] = "stale",
                                      [SERVED_ZONE] = "zone",
                                      [SERVED_MISS] = "miss",
                                      [SERVED_REJECTED] = "failed",
                                      [SERVED_STALE_INSTEAD] = "stale",
                                      [SERVED_MALFORMED] = "malformed",
                                      [SERVED_REFUSED] = "refused",
                                      [SERVED_IGNORED] = "ignored",
                                      [SERVED_ELSEWHERE] = "elsewhere"};
  return words[how];
}
