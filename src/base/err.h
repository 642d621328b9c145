/* The named ways a question can fail: one table (err.def) feeds log, counter, test and EDE. */
#ifndef JIDNS_BASE_ERR_H
#define JIDNS_BASE_ERR_H
#include <stdbool.h>
#include <stdint.h>

enum err {
#define ERR(sym, word, ede, text) ERR_##sym,
#include "base/err.def"
#undef ERR
  ERR_COUNT
};

const char *err_word(enum err e); /* "timeout": for the log */
const char *err_text(enum err e); /* "no upstream answered in time" */
uint16_t err_ede(enum err e);     /* info code, RFC 8914 section 4 */

/* The server can't be reached as it should be, or has not proven who it is: nothing of the question itself.
 */
static inline bool err_is_of_connection(enum err e) {
  return e == ERR_UNREACHABLE || (e >= ERR_TCP && e <= ERR_CERT_BAD);
}

/* The answer should have been proven (RFC 4035) and was not. */
static inline bool err_is_of_dnssec(enum err e) { return e >= ERR_BOGUS && e <= ERR_TOO_COSTLY; }

/* Behind the text of errno e: what to do when it may be that of a refused system call; else "". */
const char *err_hint(int e);
#endif
