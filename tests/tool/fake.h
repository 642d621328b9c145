/* A DNS without a network: answers a lookup's questions from a list of records, and fails where it is told
 * to. */
#ifndef JIDNS_TESTS_TOOL_FAKE_H
#define JIDNS_TESTS_TOOL_FAKE_H
#include "kit/msg.h"
#include "tool/lookup.h"

enum { FAKE_RECORDS = 600, FAKE_ROUNDS = 4 };

/* Zero one to start. */
struct fake {
  struct fake_record {
    char owner[NAME_TEXT];
    uint16_t type;
    uint32_t ttl;
    struct rdata rdata;
    bool along;  /* in the additional section of SRV answers as well */
    bool astray; /* in the answer section of every answer as well */
  } records[FAKE_RECORDS];
  size_t count;
  struct fake_failure {
    char owner[NAME_TEXT];
    uint16_t type;
    enum asked_outcome outcome;
    unsigned rcode; /* when ASKED_ANSWERED */
    bool checked;   /* with CD it is answered */
  } failures[16];
  size_t failure_count;
  char truncated[NAME_TEXT]; /* answers for this name have TC */
  bool secure;               /* AD on all answers */
  char insecure[NAME_TEXT];  /* but on those for this name and names below it */
  bool authoritative;        /* AA on all answers */
  unsigned took_ms;          /* all answers; 0: 1.5 */
  unsigned ede;              /* all answers have this extended error; 0: none */
  size_t asked[FAKE_ROUNDS]; /* questions of each call of fake_ask */
  unsigned rounds;
};

struct fake *fake_new(void); /* freed with free() */
void fake_add(struct fake *f, const char *owner, uint16_t type, uint32_t ttl, struct rdata rd);
/* The last record added also comes along with SRV answers. */
void fake_along(struct fake *f);
/* The last record added also stands in every answer, where it does not belong. */
void fake_astray(struct fake *f);
/* A question gets this outcome, or, ASKED_ANSWERED, this RCODE. */
void fake_fail(struct fake *f, const char *owner, uint16_t type, enum asked_outcome outcome, unsigned rcode);

/* Answers for this name are truncated. */
void fake_truncate(struct fake *f, const char *owner);

/* What lookup_run calls; context is the fake. Follows CNAMEs and knows wildcards; a name without any record
 * at it or below it is NXDOMAIN. */
void fake_ask(void *context, struct asked *const *list, size_t n);

/* A lookup of a domain, run; the caller frees it with lookup_free. */
struct lookup *fake_lookup(struct fake *f, const char *domain, enum lookup_side sides, bool all_records);
#endif
