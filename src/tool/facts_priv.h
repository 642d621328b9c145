/* What the facts*.c have in common. */
#ifndef JIDNS_TOOL_FACTS_PRIV_H
#define JIDNS_TOOL_FACTS_PRIV_H
#include "tool/facts.h"

/* labels below the name; not asked when that is too long. */
void facts_add_below(struct ask_list *to, struct asked *a, const char *labels, const uint8_t *name,
                     size_t len, uint16_t type);

/* Names that are almost right: which there are, and the questions for them once the services are known. */
void facts_start_near_misses(struct facts *f);
void facts_questions_of_near_misses(struct facts *f, struct ask_list *to);

/* Keys and signatures: the questions once the services are known; their end; each that was asked. */
void facts_signed_questions(struct facts *f, struct ask_list *to);
void facts_signed_free(struct facts *f);
void facts_signed_each(const struct facts *f, void (*each)(void *context, const struct asked *a),
                       void *context);
#endif
