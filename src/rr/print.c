/* print.c: presentation form of records through ldns. Exports print_*. */
#include "rr/print.h"

#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { RDLEN_OCTETS = 2, LDNS_FIELDS = 4 /* owner, TTL, class, type: what stands before RDATA */ };

/* Takes an allocated word (NULL: none) and leaves it, or else `other` and its number, in text. */
static const char *keep_word(char *word, const char *other, unsigned number, char text[PRINT_WORD]) {
  if (word) {
    snprintf(text, PRINT_WORD, "%s", word);
  } else {
    snprintf(text, PRINT_WORD, "%s%u", other, number);
  }
  free(word);
  return text;
}

const char *print_type(uint16_t type, char text[PRINT_WORD]) {
  bool misnamed = type == 262; /* ldns 1.8.4 spells it TXT */
  return keep_word(misnamed ? NULL : ldns_rr_type2str((ldns_rr_type)type), "TYPE", type, text);
}

const char *print_class(uint16_t klass, char text[PRINT_WORD]) {
  return keep_word(ldns_rr_class2str((ldns_rr_class)klass), "CLASS", klass, text);
}

const char *print_rcode(unsigned rcode, char text[PRINT_WORD]) {
  if (rcode == RCODE_NOTIMP ||
      rcode == RCODE_BADVERS) { /* ldns spells the one NOTIMPL and does not know the other */
    snprintf(text, PRINT_WORD, "%s", rcode == RCODE_NOTIMP ? "NOTIMP" : "BADVERS");
    return text;
  }
  return keep_word(rcode < RCODE_BADVERS ? ldns_pkt_rcode2str((ldns_pkt_rcode)rcode) : NULL, "RCODE", rcode,
                   text);
}

bool print_type_parse(const char *text, uint16_t *out) {
  unsigned long type = 0;
  if (strncasecmp(text, "TYPE", 4) == 0) { /* ldns takes TYPE1x and TYPE99999 */
    char *end;
    if (text[4] < '0' || text[4] > '9') return false;
    type = strtoul(text + 4, &end, 10);
    if (*end) return false;
  } else {
    type = (unsigned long)ldns_get_rr_type_by_name(text);
  }
  if (type == 0 || type > UINT16_MAX) return false;
  *out = (uint16_t)type;
  return true;
}

/* RFC 3597 section 5. */
static char *generic_rdata(const struct record *r) {
  size_t room = sizeof "\\# 65535 " + 2u * r->rdlen;
  char *text = malloc(room);
  if (!text) return NULL;
  size_t at = (size_t)snprintf(text, room, r->rdlen ? "\\# %u " : "\\# %u", r->rdlen);
  for (size_t i = 0; i < r->rdlen; i++) at += (size_t)sprintf(text + at, "%02x", record_rdata(r)[i]);
  return text;
}

static bool is_printable(const char *text) {
  for (; *text; text++) {
    if (*text < ' ' || *text > '~') return false;
  }
  return true;
}

/* The RDATA out of ldns's line "owner TTL class type RDATA\n"; NULL when there is none fit to be shown. */
static char *rdata_of_line(char *line) {
  char *rdata = line;
  for (int i = 0; i < LDNS_FIELDS && rdata; i++) {
    rdata = strchr(rdata, '\t');
    if (rdata) rdata++;
  }
  if (!rdata) return NULL;
  size_t len = strlen(rdata);
  while (len > 0 && (rdata[len - 1] == '\n' || rdata[len - 1] == ' ')) len--;
  rdata[len] = 0;
  return len > 0 && is_printable(rdata) ? strdup(rdata) : NULL;
}

/* The record as ldns prints it, with "." for its owner; NULL when it takes offence or memory is out. rr is
 * empty. */
static char *ldns_line(ldns_rr *rr, const struct record *r) {
  size_t pos = r->rdata_at - RDLEN_OCTETS;
  ldns_rdf *owner = ldns_dname_new_frm_str(".");
  if (!owner) return NULL;
  ldns_rr_set_owner(rr, owner);
  ldns_rr_set_ttl(rr, 0);
  ldns_rr_set_type(rr, (ldns_rr_type)r->type);
  ldns_rr_set_class(rr, (ldns_rr_class)r->klass);
  if (ldns_wire2rdf(rr, r->msg, r->msg_len, &pos) != LDNS_STATUS_OK || pos != r->rdata_at + r->rdlen)
    return NULL;
  return ldns_rr2str_fmt(ldns_output_format_nocomments, rr);
}

static char *ldns_rdata(const struct record *r) {
  ldns_rr *rr = ldns_rr_new();
  char *line = rr ? ldns_line(rr, r) : NULL;
  char *text = line ? rdata_of_line(line) : NULL;
  free(line);
  ldns_rr_free(rr);
  return text;
}

char *print_rdata(const struct record *r) {
  char *text = r->rdlen > 0 ? ldns_rdata(r) : NULL;
  return text ? text : generic_rdata(r);
}

char *print_record(const struct record *r) {
  char owner[NAME_TEXT], klass[PRINT_WORD], type[PRINT_WORD], *line = NULL;
  char *rdata = print_rdata(r);
  if (!rdata) return NULL;
  name_format(r->owner, r->owner_len, owner);
  print_class(r->klass, klass);
  print_type(r->type, type);
  if (asprintf(&line, "%s\t%u\t%s\t%s\t%s", owner, r->ttl, klass, type, rdata) < 0) line = NULL;
  free(rdata);
  return line;
}
