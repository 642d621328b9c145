/* err.c: words, sentences and EDE codes of the named failures. Exports err_word, err_text, err_ede. */
#include "base/err.h"

#include <errno.h>

#include "base/must.h"

static const struct {
  const char *word, *text;
  uint16_t ede;
} err_table[ERR_COUNT] = {
#define ERR(sym, word, ede, text) {word, text, ede},
#include "base/err.def"
#undef ERR
};

const char *err_word(enum err e) {
  must(e < ERR_COUNT);
  return err_table[e].word;
}

const char *err_text(enum err e) {
  must(e < ERR_COUNT);
  return err_table[e].text;
}

uint16_t err_ede(enum err e) {
  must(e < ERR_COUNT);
  return err_table[e].ede;
}

const char *err_hint(int e) {
  return e == EPERM || e == ENOSYS
             ? " (a system call is refused: --seccomp off tells whether it is jidnsd's own filter)"
             : "";
}
