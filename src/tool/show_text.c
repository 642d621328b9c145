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
    table_cell(t, COLUMN_ADDRESS_MS, "%.1f", asked_ms(asked));
    if (s) table_cell(t, COLUMN_ADDITIONAL, "%s", lookup_came_along(s, h, a) ? "yes" : "no");
    if (!dnssec) continue;
    bool secure = lookup_is_secure(asked);
    table_cell(t, COLUMN_SECURE, "%s", secure_text(!s ? secure : lookup_is_secure(&s->asked), secure));
  }

  if (h->address_count > 0) return;
  const struct asked *bad = lookup_is_answered(&h->asked[0]) ? &h->asked[1] : &h->asked[0];
  if (lookup_is_answered(bad)) {
    table_cell(t, COLUMN_ADDRESS, h->alias.endless ? "none: the aliases have no end" : "none");
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
    table_cell(t, COLUMN_MS, "%.1f", asked_ms(&s->asked));
    if (s->hosts[i]) {
      add_addresses(t, s, s->hosts[i], dnssec);
    } else {
      table_cell(t, COLUMN_ADDRESS, "not asked for");
      table_flow(t);
    }
  }
}

/* Why a service has no records, though there is an answer. */
static const char *absent_text(const struct service *s) {
  if (s->alias.endless) return "the aliases have no end";
  if (s->alias.links > 0) return "an alias of a name without SRV";
  return reply_rcode(s->asked.msg, s->asked.len) == RCODE_NXDOMAIN ? "NXDOMAIN" : "no such record";
}

static void add_refusal(struct table *t, const struct service *s) {
  const struct srv *none = &s->srv[0];
  char values[64] = "";
  if (none->priority || none->weight || none->port) {
    snprintf(values, sizeof values, "priority %u, weight %u, port %u, ", none->priority, none->weight,
             none->port);
  }
  table_cell(t, COLUMN_PRIORITY, "not offered: the target is \".\" (%sTTL %u, %.1f ms)", values, s->ttl,
             asked_ms(&s->asked));
}

static void add_service(struct table *t, const struct service *s, bool dnssec) {
  char word[PRINT_WORD];
  double ms = asked_ms(&s->asked);

  if (s->state == SERVICE_UNASKED) return;
  table_row(t);
  table_cell(t, COLUMN_SERVICE, "%s", s->kind->labels);
  if (s->state == SERVICE_OFFERED) {
    add_targets(t, s, dnssec);
    return;
  }

  if (s->state == SERVICE_NOT_OFFERED) {
    add_refusal(t, s);
  } else if (s->state == SERVICE_ABSENT) {
    table_cell(t, COLUMN_PRIORITY, "none: %s (%.1f ms)", absent_text(s), ms);
  } else {
    const char *why = s->malformed ? "malformed answer" : lookup_outcome_text(&s->asked, word);
    table_cell(t, COLUMN_PRIORITY, "failed: %s (%.1f ms)", why, ms);
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
  table_cell(t, COLUMN_HOST, "%s", lookup_host_text(l->domain, name));
  table_cell(t, COLUMN_PORT, "%s", port);
  add_addresses(t, NULL, l->domain, dnssec);
}

static void write_plans(const struct findings *f, FILE *out) {
  fprintf(out, "\nWhat a program does\n");
  for (size_t i = 0; i < f->side_count; i++) {
    const struct side_plans *side = &f->sides[i];
    bool same = plan_is_equal(&side->with_tls, &side->without_tls);
    fprintf(out, "  %s%s: ", side->name, same ? "" : ", if it knows direct TLS");
    plan_write(&side->with_tls, out);
    if (!same) {
      fprintf(out, ".\n  %s, if it knows STARTTLS only: ", side->name);
      plan_write(&side->without_tls, out);
    }
    fprintf(out, ".\n");
  }

  if (!f->has_obsolete) return;
  fprintf(out, "  s2s, if it knows _jabber._tcp (Openfire): ");
  plan_write(&f->obsolete, out);
  fprintf(out, ".\n");
}

static void write_alias(const char *title, const char *from, const struct alias *a, bool *first, FILE *out) {
  char to[NAME_TEXT];
  if (a->links == 0) return;
  if (*first) fprintf(out, "\nAliases\n");
  *first = false;
  fprintf(out, "  %s%s -> %s", title, from, domain_text(a->name, a->name_len, to));
  if (a->endless) fprintf(out, " -> ... without an end");
  else if (a->links > 1) fprintf(out, " (%u CNAMEs)", a->links);
  fprintf(out, "\n");
}

static void write_aliases(const struct lookup *l, FILE *out) {
  char name[NAME_TEXT];
  bool first = true;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) {
    write_alias("SRV ", l->services[i].kind->labels, &l->services[i].alias, &first, out);
  }
  for (size_t i = 0; i < l->hosts->count; i++) {
    const struct host *h = l->hosts->list[i];
    write_alias("", lookup_host_text(h, name), &h->alias, &first, out);
  }
}

/* An answer's extended errors (RFC 8914), a line each. */
struct ede_lines {
  FILE *out;
  bool any;
};

static void write_edes(void *context, const struct asked *a) {
  struct ede_lines *lines = context;
  struct edns edns;
  struct edns_ede ede;
  char said[EDE_SHOWN], name[NAME_TEXT], type[PRINT_WORD];

  if (a->outcome != ASKED_ANSWERED || !edns_read(a->msg, a->len, &edns)) return;
  while (edns_next_ede(&edns, &ede)) {
    if (!lines->any) fprintf(lines->out, "\nExtended errors\n");
    lines->any = true;
    reply_text(ede.text, ede.text_len, said, sizeof said);
    fprintf(lines->out, "  %s %s: EDE %u (%s)%s%s\n", print_type(a->type, type),
            domain_text(a->name, a->name_len, name), ede.code, edns_ede_name(ede.code), said[0] ? ": " : "",
            said);
  }
}

void show_lookup(const struct findings *f, const struct ask_options *o, FILE *out) {
  const struct lookup *l = f->lookup;
  char name[NAME_TEXT], server[ADDR_TEXT];
  struct table t = {0};
  const char *taken_from = l->typed ? l->typed->taken_from : NULL;

  fprintf(out, "%s%s%s, asked %s\n\n", lookup_host_text(l->domain, name), taken_from ? ", taken from " : "",
          taken_from ? taken_from : "", addr_format(&o->server, server));
  add_heading(&t, o->dnssec);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) add_service(&t, &l->services[i], o->dnssec);
  add_domain(&t, l, o->dnssec);
  table_write(&t, out);
  table_free(&t);
  write_plans(f, out);
  write_aliases(l, out);
  lookup_each(l, write_edes, &(struct ede_lines){.out = out});
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

static void write_options(struct edns edns, FILE *out) {
  struct edns_option o;
  char said[EDE_SHOWN];
  while (edns_next(&edns, &o) == EDNS_OPTION) {
    if (o.code == OPT_EDE && o.len >= 2) {
      unsigned code = load_u16(o.octets);
      reply_text(o.octets + 2, o.len - 2u, said, sizeof said);
      fprintf(out, ";; EDE %u (%s)%s%s\n", code, edns_ede_name(code), said[0] ? ": " : "", said);
      continue;
    }
    fprintf(out, ";; EDNS option %u:", o.code);
    for (size_t i = 0; i < o.len; i++) fprintf(out, " %02x", o.octets[i]);
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
  struct edns edns;
  fprintf(out, ";; %s over %s, %.1f ms, %zu octets\n", addr_format(&o->server, server),
          a->over_tcp ? "TCP" : "UDP", asked_ms(a), a->len);
  write_flags(a, out);
  if (edns_read(a->msg, a->len, &edns)) {
    fprintf(out, "; EDNS %u, udp %u%s\n", edns.version, edns.udp_size, edns.dnssec_ok ? ", do" : "");
    write_options(edns, out);
  } else {
    fprintf(out, "; no EDNS\n");
  }
  fprintf(out, "\n;; QUESTION\n;%s\t%s\t%s\n", name_format(a->name, a->name_len, name),
          print_class(a->klass, klass), print_type(a->type, type));
  write_sections(a, out);
}
