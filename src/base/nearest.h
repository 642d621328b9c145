/* What somebody may have meant who mistyped a word. */
#ifndef JIDNS_BASE_NEAREST_H
#define JIDNS_BASE_NEAREST_H

/* The word in a list that is most like `word`, NULL if none is near. next gives the i-th word, NULL behind
 * the last. */
const char *nearest_word(const char *word, const char *(*next)(unsigned i, const void *ctx), const void *ctx);
#endif
