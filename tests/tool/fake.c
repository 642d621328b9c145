/* fake.c: a DNS out of a list. Exports fake_*. */
#include "tool/fake.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/must.h"

enum { CNAMES_MAX = 20 };

struct fake *fake_new(void) {
  return must_zalloc(sizeof(struct fake));
}

void fake_add(struct fake *f, const char *owner, uint16_t type, uint32_t ttl, struct rdata rd) {
  must(f->count < FAKE_RECORDS);
  struct fake_record *r = &f->records[f->count++];
  *r = (struct fake_record){.type = type, .ttl = ttl, .rdata = rd};
  snprintf(r->owner, sizeof r->owner, "%s.", owner);
}

void fake_along(struct fake *f) { f->records[f->count - 1].along = true; }

void fake_astray(struct fake *f) { f->records[f->count - 1].astray = true; }

void fake_fail(struct fake *f, const char *owner, uint16_t type, enum asked_outcome outcome, unsigned rcode) {
  must(f->failure_count < sizeof f->failures / sizeof *f->failures);
  struct fake_failure *e = &f->failures[f->failure_count++];
  *e = (struct fake_failure){.type = type, .outcome = outcome, .rcode = rcode};
  snprintf(e->owner, sizeof e->owner, "%s.", owner);
}

void fake_truncate(struct fake *f, const char *owner) {
  snprintf(f->truncated, sizeof f->truncated, "%s.", owner);
}

static const struct fake_failure *find_failure(const struct fake *f, const char *name, uint16_t type) {
  for (size_t i = 0; i < f->failure_count; i++) {
    if (f->failures[i].type == type && strcasecmp(f->failures[i].owner, name) == 0) return &f->failures[i];
  }
  return NULL;
}

static bool ends_with(const char *name, const char *end) {
  size_t len = strlen(name), end_len = strlen(end);
  return len > end_len && strcasecmp(name + len - end_len, end) == 0 && name[len - end_len - 1] == '.';
}

/* There are records at the name or below it. */
static bool has_name(const struct fake *f, const char *name) {
  for (size_t i = 0; i < f->count; i++) {
    if (strcasecmp(f->records[i].owner, name) == 0 || ends_with(f->records[i].owner, name)) return true;
  }
  return false;
}

static bool is_owner(const struct fake *f, const struct fake_record *r, const char *name) {
  if (strncmp(r->owner, "*.", 2) == 0) return ends_with(name, r->owner + 2) && !has_name(f, name);
  return strcasecmp(r->owner, name) == 0;
}

static bool has_owner(const struct fake *f, const char *name) {
  for (size_t i = 0; i < f->count; i++) {
    if (is_owner(f, &f->records[i], name)) return true;
  }
  return has_name(f, name);
}

static void add_records(const struct fake *f, struct msg *m, const char *name, uint16_t type) {
  for (size_t i = 0; i < f->count; i++) {
    const struct fake_record *r = &f->records[i];
    if (r->astray || (r->type == type && is_owner(f, r, name))) {
      msg_record(m, SECTION_ANSWER, r->astray ? r->owner : name, r->type, r->ttl, r->rdata);
    }
  }
}

/* Puts the target of name's CNAME into name; false when it has none. */
static bool follow(const struct fake *f, struct msg *m, char name[NAME_TEXT]) {
  for (size_t i = 0; i < f->count; i++) {
    const struct fake_record *r = &f->records[i];
    if (r->type != TYPE_CNAME || !is_owner(f, r, name)) continue;
    msg_record(m, SECTION_ANSWER, name, TYPE_CNAME, r->ttl, r->rdata);
    name_format(r->rdata.octets, r->rdata.len, name);
    return true;
  }
  return false;
}

static void answer(const struct fake *f, struct asked *a) {
  static struct msg m;
  char name[NAME_TEXT], start[NAME_TEXT];

  name_format(a->name, a->name_len, name);
  memcpy(start, name, sizeof start);
  const struct fake_failure *failure = find_failure(f, name, a->type);
  if (failure && failure->checked && a->checking_disabled) failure = NULL;
  a->outcome = failure ? failure->outcome : ASKED_ANSWERED;
  a->took_us = f->took_ms ? f->took_ms * 1000 : 1500;
  if (a->outcome != ASKED_ANSWERED) return;
  unsigned rcode = failure ? failure->rcode : has_owner(f, name) ? RCODE_NOERROR : RCODE_NXDOMAIN;
  msg_answer(&m, start, a->type, rcode);
  bool insecure = *f->insecure && (strcasecmp(name, f->insecure) == 0 || ends_with(name, f->insecure));
  if (f->secure && !insecure) m.octets[3] |= DNS_AD;
  if (f->authoritative) m.octets[2] |= DNS_AA;
  for (int i = 0; i < CNAMES_MAX && !failure && follow(f, &m, name); i++) continue;
  if (!failure) add_records(f, &m, name, a->type);
  if (!failure && a->dnssec_ok) add_records(f, &m, name, TYPE_RRSIG);
  for (size_t i = 0; i < f->count && a->type == TYPE_SRV && !failure; i++) {
    const struct fake_record *r = &f->records[i];
    if (r->along) msg_record(&m, SECTION_ADDITIONAL, r->owner, r->type, r->ttl, r->rdata);
  }

  if (strcasecmp(f->truncated, start) == 0) m.octets[2] |= DNS_TC;
  if (f->ede) {
    char option[] = {0, OPT_EDE, 0, 2, 0, (char)f->ede};
    msg_opt(&m, 1232, 0, false, option, sizeof option);
  }

  a->msg = exact(m.octets, m.len);
  a->len = m.len;
}

void fake_ask(void *context, struct asked *const *list, size_t n) {
  struct fake *f = context;
  must(f->rounds < FAKE_ROUNDS);
  f->asked[f->rounds++] = n;
  for (size_t i = 0; i < n; i++) answer(f, list[i]);
}

struct lookup *fake_lookup(struct fake *f, const char *domain, enum lookup_side sides, bool all_records) {
  uint8_t name[NAME_MAX_LEN];
  size_t len = name_parse(domain, name);
  struct lookup *l = lookup_new(name, len, sides, all_records, NULL);
  lookup_run(l, fake_ask, f);
  return l;
}
