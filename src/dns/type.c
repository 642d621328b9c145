/* type.c: names of record types. Exports type_*. */
#include "dns/type.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "dns/dns.h"

static const struct {
  uint16_t type;
  const char *word;
} words[] = {{TYPE_A, "A"},         {TYPE_NS, "NS"},       {TYPE_CNAME, "CNAME"}, {TYPE_SOA, "SOA"},
             {TYPE_PTR, "PTR"},     {TYPE_MX, "MX"},       {TYPE_TXT, "TXT"},     {TYPE_AAAA, "AAAA"},
             {TYPE_SRV, "SRV"},     {35, "NAPTR"},         {TYPE_DNAME, "DNAME"}, {TYPE_DS, "DS"},
             {44, "SSHFP"},         {TYPE_RRSIG, "RRSIG"}, {TYPE_NSEC, "NSEC"},   {48, "DNSKEY"},
             {TYPE_NSEC3, "NSEC3"}, {TYPE_TLSA, "TLSA"},   {64, "SVCB"},          {65, "HTTPS"},
             {TYPE_ANY, "ANY"},     {257, "CAA"}};
enum { WORDS = sizeof words / sizeof *words };

const char *type_format(uint16_t type, char text[TYPE_TEXT]) {
  for (unsigned i = 0; i < WORDS; i++) {
    if (words[i].type == type) return words[i].word;
  }
  snprintf(text, TYPE_TEXT, "TYPE%u", type);
  return text;
}

bool type_parse(const char *text, uint16_t *out) {
  for (unsigned i = 0; i < WORDS; i++) {
    if (strcasecmp(words[i].word, text) != 0) continue;
    *out = words[i].type;
    return true;
  }
  if (strncasecmp(text, "TYPE", 4) != 0 || text[4] < '0' || text[4] > '9') return false;
  char *end;
  unsigned long type = strtoul(text + 4, &end, 10);
  if (*end || type == 0 || type > UINT16_MAX) return false;
  *out = (uint16_t)type;
  return true;
}
