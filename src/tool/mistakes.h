/* What a lookup says is wrong with a domain's XMPP records, in the words of rules.def. */
#ifndef JIDNS_TOOL_MISTAKES_H
#define JIDNS_TOOL_MISTAKES_H
#include "tool/lookup.h"

enum { MISTAKES_MAX = 64 };

struct mistakes {
  size_t count;
  struct mistake {
    const char *word; /* "target-alias": for programs; static */
    char *text;       /* a sentence, for people; owned */
  } list[MISTAKES_MAX];
};

/* Fills *out, the worst first; mistakes beyond MISTAKES_MAX are left off. */
void mistakes_find(struct lookup *l, struct mistakes *out);
void mistakes_free(struct mistakes *m);
#endif
