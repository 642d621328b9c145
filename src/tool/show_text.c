/* show_text.c: what the tool prints for people. Exports show_lookup, show_query. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "tool/domain.h"
#include "tool/reply.h"
#include "tool/show.h"
#include "tool/table.h"

enum column {
  COLUMN_SERVICE,
  COLUMN_PRIORITY,
  COLUMN_WEIGHT,
  COLUMN_HOST,
  COLUMN_PORT,
  COLUMN_TTL,
  COLUMN_MS,
  COLUMN_ADDRESS,
  COLUMN_ADDRESS_TTL,
  COLUMN_ADDRESS_MS,
  COLUMN_ADDITIONAL,
  COLUMN_SECURE
};
_Static_assert((int)COLUMN_SECURE < (int)TABLE_COLUMNS, "the table has room for all columns");

enum { EDE_SHOWN = 200 /* octets of an EDE's text */ };

static double ms_of(const struct asked *a) { return a->took_us / 1000.0; }

static void add_heading(struct table *t, bool dnssec) {
  static const char *const names[] = {"SERVICE", "PRIORITY", "WEIGHT", "HOST", "PORT",       "TTL",
                                      "MS",      "ADDRESS",  "TTL",    "MS",   "ADDITIONAL", "SECURE"};
  table_head(t, names, (dnssec ? COLUMN_SECURE : COLUMN_ADDITIONAL) + 1u);
}

static const char *secure_text(bool srv, bool address) {
  return srv && address ? "yes" : srv ? "SRV only" : address ? "address only" : "no";
}

/* The host's addresses into the last row and new ones below it. s: NULL for the domain itself. */
static void add_addresses(struct table *t, const struct service *s, const struct host *h, bool dnssec) {
  char text[ADDRESS_TEXT + PRINT_WORD];
  for (size_t i = 0; i < h->address_count; i++) {
    const struct address *a = &h->addresses[i];
    const struct asked *asked = &h->asked[a->family == AF_INET6];
    if (i > 0) table_row(t);
    table_cell(t, COLUMN_ADDRESS, "%s", lookup_address_text(a, text));
    table_cell(t, COLUMN_ADDRESS_TTL, "%u", a->ttl);
    table_cell(t, COLUMN_ADDRESS_MS, "%.1f", ms_of(asked));
    if (s) table_cell(t, COLUMN_ADDITIONAL, "%s", lookup_came_along(s, h, a) ? "yes" : "no");
    if (!dnssec) continue;
    bool secure = lookup_is_secure(asked);
    table_cell(t, COLUMN_SECURE, "%s", secure_text(!s ? secure : lookup_is_secure(&s->asked), secure));
  }
  if (h->address_count > 0) return;
  const struct asked *bad = lookup_is_answered(&h->asked[0]) ? &h->asked[1] : &h->asked[0];
  if (lookup_is_answered(bad)) {
    table_cell(t, COLUMN_ADDRESS, "none");
  } else {
    table_cell(t, COLUMN_ADDRESS, "failed: %s", lookup_outcome_text(bad, text));
  }
  table_flow(t);
}

static void add_targets(struct table *t, const struct service *s, bool dnssec) {
  char name[NAME_TEXT];
  for (size_t i = 0; i < s->count; i++) {
    const struct srv *srv = &s->srv[i];
    if (i > 0) table_row(t);
    table_cell(t, COLUMN_PRIORITY, "%u", srv->priority);
    table_cell(t, COLUMN_WEIGHT, "%u", srv->weight);
    table_cell(t, COLUMN_HOST, "%s", domain_text(srv->target, srv->target_len, name));
    table_cell(t, COLUMN_PORT, "%u", srv->port);
    table_cell(t, COLUMN_TTL, "%u", s->ttl);
    table_cell(t, COLUMN_MS, "%.1f", ms_of(&s->asked));
    if (s->hosts[i]) {
      add_addresses(t, s, s->hosts[i], dnssec);
    } else {
      table_cell(t, COLUMN_ADDRESS, "not asked for");
      table_flow(t);
    }
  }
}

/* "; EDE 22 (No Reachable Authority): text" for the first EDE of an answer (RFC 8914), else empty. Returns
 * text. */
static const char *ede_text(const struct asked *a, char *text, size_t room) {
  struct record opt;
  struct reply_option o;
  char said[EDE_SHOWN];
  size_t at = 0;
  text[0] = 0;
  if (a->outcome != ASKED_ANSWERED || !reply_opt(a->msg, a->len, &opt)) return text;
  while (reply_next_option(&opt, &at, &o)) {
    if (o.code != OPT_EDE || o.len < 2) continue;
    unsigned code = load_u16(o.bytes);
    reply_text(o.bytes + 2, o.len - 2u, said, sizeof said);
    snprintf(text, room, "; EDE %u (%s)%s%s", code, reply_ede_name(code), said[0] ? ": " : "", said);
    return text;
  }
  return text;
}

static void add_service(struct table *t, const struct service *s, bool dnssec) {
  char word[PRINT_WORD], ede[EDE_SHOWN + 80];
  double ms = ms_of(&s->asked);
  if (s->state == SERVICE_UNASKED) return;
  table_row(t);
  table_cell(t, COLUMN_SERVICE, "%s", s->kind->labels);
  if (s->state == SERVICE_OFFERED) {
    add_targets(t, s, dnssec);
    return;
  }
  if (s->state == SERVICE_NOT_OFFERED) {
    table_cell(t, COLUMN_PRIORITY, "not offered: the target is \".\" (TTL %u, %.1f ms)", s->ttl, ms);
  } else if (s->state == SERVICE_ABSENT) {
    table_cell(t, COLUMN_PRIORITY, "none: %s (%.1f ms)",
               reply_rcode(s->asked.msg, s->asked.len) == RCODE_NXDOMAIN ? "NXDOMAIN" : "no such record", ms);
  } else {
    const char *why = s->malformed ? "malformed answer" : lookup_outcome_text(&s->asked, word);
    table_cell(t, COLUMN_PRIORITY, "failed: %s%s (%.1f ms)", why, ede_text(&s->asked, ede, sizeof ede), ms);
  }
  table_flow(t);
}

static void add_domain(struct table *t, const struct lookup *l, bool dnssec) {
  char name[NAME_TEXT], port[16];
  snprintf(port, sizeof port, "%s%s%s", l->sides & LOOKUP_C2S ? "5222" : "",
           l->sides == LOOKUP_BOTH ? "/" : "", l->sides & LOOKUP_S2S ? "5269" : "");
  _Static_assert(PLAN_PORT_C2S == 5222 && PLAN_PORT_S2S == 5269, "as printed");
  table_row(t);
  table_cell(t, COLUMN_SERVICE, "domain itself");
  table_cell(t, COLUMN_HOST, "%s", lookup_host_text(&l->domain, name));
  table_cell(t, COLUMN_PORT, "%s", port);
  add_addresses(t, NULL, &l->domain, dnssec);
}

static void write_plans(const struct findings *f, FILE *out) {
  fprintf(out, "\nWhat a program does\n");
  for (size_t i = 0; i < f->side_count; i++) {
    const struct finding *side = &f->sides[i];
    bool same = plan_is_equal(&side->with_tls, &side->without_tls);
    fprintf(out, "  %s%s: ", side->name, same ? "" : ", if it knows direct TLS");
    plan_write(&side->with_tls, out);
    if (!same) {
      fprintf(out, ".\n  %s, if it knows STARTTLS only: ", side->name);
      plan_write(&side->without_tls, out);
    }
    fprintf(out, ".\n");
  }
}

void show_lookup(const struct findings *f, const struct ask_options *o, FILE *out) {
  const struct lookup *l = f->lookup;
  char name[NAME_TEXT], server[ADDR_TEXT];
  struct table t = {0};
  fprintf(out, "%s, asked %s\n\n", lookup_host_text(&l->domain, name), addr_format(&o->server, server));
  add_heading(&t, o->dnssec);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) add_service(&t, &l->services[i], o->dnssec);
  add_domain(&t, l, o->dnssec);
  table_write(&t, out);
  table_free(&t);
  write_plans(f, out);
  if (f->mistakes.count > 0) fprintf(out, "\nMistakes\n");
  for (size_t i = 0; i < f->mistakes.count; i++) fprintf(out, "  %s\n", f->mistakes.list[i].text);
}

static void write_flags(const struct asked *a, FILE *out) {
  char rcode[PRINT_WORD];
  const uint8_t *m = a->msg;
  fprintf(out, ";; %s, flags%s%s%s%s%s%s%s", print_rcode(reply_rcode(m, a->len), rcode),
          m[2] & DNS_QR ? " qr" : "", m[2] & DNS_AA ? " aa" : "", m[2] & DNS_TC ? " tc" : "",
          m[2] & DNS_RD ? " rd" : "", m[3] & DNS_RA ? " ra" : "", m[3] & DNS_AD ? " ad" : "",
          m[3] & DNS_CD ? " cd" : "");
}

static void write_options(const struct record *opt, FILE *out) {
  struct reply_option o;
  char said[EDE_SHOWN];
  for (size_t at = 0; reply_next_option(opt, &at, &o);) {
    if (o.code == OPT_EDE && o.len >= 2) {
      unsigned code = load_u16(o.bytes);
      reply_text(o.bytes + 2, o.len - 2u, said, sizeof said);
      fprintf(out, ";; EDE %u (%s)%s%s\n", code, reply_ede_name(code), said[0] ? ": " : "", said);
      continue;
    }
    fprintf(out, ";; EDNS option %u:", o.code);
    for (size_t i = 0; i < o.len; i++) fprintf(out, " %02x", o.bytes[i]);
    fprintf(out, "\n");
  }
}

static void write_sections(const struct asked *a, FILE *out) {
  static const char *const names[] = {"ANSWER", "AUTHORITY", "ADDITIONAL"};
  struct reply p = reply_open(a->msg, a->len);
  struct record r;
  enum section section, last = SECTION_ADDITIONAL;
  bool first = true;
  while (reply_next(&p, &r, &section)) {
    if (section == SECTION_ADDITIONAL && r.type == TYPE_OPT) continue;
    if (first || section != last) fprintf(out, "\n;; %s\n", names[section]);
    char *line = print_record(&r);
    fprintf(out, "%s\n", line ? line : ";; out of memory");
    free(line);
    first = false;
    last = section;
  }
  if (p.w.err) fprintf(out, "\n;; the answer is malformed from octet %zu on\n", p.w.at);
}

void show_query(const struct asked *a, const struct ask_options *o, FILE *out) {
  char name[NAME_TEXT], server[ADDR_TEXT], type[PRINT_WORD], klass[PRINT_WORD];
  struct record opt;
  fprintf(out, ";; %s over %s, %.1f ms, %zu octets\n", addr_format(&o->server, server),
          a->over_tcp ? "TCP" : "UDP", ms_of(a), a->len);
  write_flags(a, out);
  if (reply_opt(a->msg, a->len, &opt)) {
    fprintf(out, "; EDNS %u, udp %u%s\n", opt.ttl >> 16 & 0xff, opt.klass, opt.ttl & 0x8000 ? ", do" : "");
    write_options(&opt, out);
  } else {
    fprintf(out, "; no EDNS\n");
  }
  fprintf(out, "\n;; QUESTION\n;%s\t%s\t%s\n", name_format(a->name, a->name_len, name),
          print_class(a->klass, klass), print_type(a->type, type));
  write_sections(a, out);
}
