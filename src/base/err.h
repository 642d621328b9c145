/* The named ways a question can fail: one table (err.def) feeds log, counter, test and EDE. */
#ifndef JIDNS_BASE_ERR_H
#define JIDNS_BASE_ERR_H
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

/* Behind the text of errno e: what to do when it may be that of a refused system call; else "". */
const char *err_hint(int e);
#endif
