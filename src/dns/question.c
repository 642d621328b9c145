/* question.c: what is asked, as key and hash. Exports question_*. */
#include "dns/question.h"

#include <stdio.h>

#include "base/hash.h"

void question_make(struct question *q, const uint8_t *name, size_t len, uint16_t type, uint16_t klass,
                   uint8_t key_flags, uint64_t seed) {
  name_lower(q->key, name, len);
  store_u16(q->key + len, type);
  store_u16(q->key + len + 2, klass);
  q->key[len + 4] = key_flags;
  q->name_len = (uint16_t)len;
  q->hash = hash_bytes(q->key, len + KEY_TAIL, seed);
}

static const struct {
  uint16_t type;
  const char *word;
} type_words[] = {{TYPE_A, "A"},       {TYPE_NS, "NS"},     {TYPE_CNAME, "CNAME"}, {TYPE_SOA, "SOA"}, {TYPE_PTR, "PTR"},
                  {TYPE_MX, "MX"},     {TYPE_TXT, "TXT"},   {TYPE_AAAA, "AAAA"},   {TYPE_SRV, "SRV"}, {TYPE_DS, "DS"},
                  {TYPE_TLSA, "TLSA"}, {TYPE_ANY, "ANY"}};

const char *question_format(const struct question *q, char text[QUESTION_TEXT]) {
  name_format(q->key, q->name_len, text);
  size_t at = strlen(text);
  const char *word = NULL;
  for (size_t i = 0; i < sizeof type_words / sizeof *type_words; i++) {
    if (type_words[i].type == question_type(q)) word = type_words[i].word;
  }
  if (word) at += (size_t)snprintf(text + at, QUESTION_TEXT - at, " %s", word);
  else at += (size_t)snprintf(text + at, QUESTION_TEXT - at, " TYPE%u", question_type(q));
  if (question_class(q) != CLASS_IN) snprintf(text + at, QUESTION_TEXT - at, " CLASS%u", question_class(q));
  return text;
}
