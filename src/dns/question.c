/* question.c: what is asked, as key and hash. Exports question_*. */
#include "dns/question.h"

#include <stdio.h>

#include "base/hash.h"
#include "dns/type.h"

void question_make(struct question *q, const uint8_t *name, size_t len, uint16_t type, uint16_t klass,
                   uint8_t key_flags, uint64_t seed) {
  name_lower(q->key, name, len);
  store_u16(q->key + len, type);
  store_u16(q->key + len + 2, klass);
  q->key[len + 4] = key_flags;
  q->name_len = (uint16_t)len;
  q->hash = hash_bytes(q->key, len + KEY_TAIL, seed);
}

const char *question_format(const struct question *q, char text[QUESTION_TEXT]) {
  name_format(q->key, q->name_len, text);
  size_t at = strlen(text);
  char type[TYPE_TEXT];
  at += (size_t)snprintf(text + at, QUESTION_TEXT - at, " %s", type_format(question_type(q), type));
  if (question_class(q) != CLASS_IN) snprintf(text + at, QUESTION_TEXT - at, " CLASS%u", question_class(q));
  return text;
}
