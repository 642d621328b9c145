/* show_text.c: what the tool prints for people. Exports show_lookup, show_query. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "tool/domain.h"
#include "tool/reply.h"
#include "tool/show.h"

enum { EDE_SHOWN = 200 /* octets of an EDE's text */ };

static const char *secure_text(bool srv, bool address) {
  return srv && address ? "yes" : srv ? "SRV only" : address ? "address only" : "no";
}

/* What all that is shown of a lookup has in common. */
struct page {
  const struct ask_options *o;
  const struct term *term;
  FILE *out;
};

static void put(const struct page *p, enum term_style style, const char *text) {
  term_put(p->term, p->out, style, text);
}

static void write_heading(const struct page *p, const char *text) {
  fputc('\n', p->out);
  put(p, STYLE_HEAD, text);
  fputc('\n', p->out);
}

/* ", secure", ", bogus (Signature Expired)", or "": nobody wants to know, or nobody knows. A failure's reason
 * is always of interest. Returns text. */
enum { PROOF_SHOWN = PROOF_TEXT + 2 };
static const char *proof_behind(const struct page *p, const struct asked *a, char text[PROOF_SHOWN]) {
  char room[PROOF_TEXT];
  const char *proof = lookup_proof_text(a, room);
  bool shown = proof && (p->o->dnssec || !lookup_is_answered(a));
  snprintf(text, PROOF_SHOWN, "%s%s", shown ? ", " : "", shown ? proof : "");
  return text;
}

enum { ADDRESS_INDENT = 6, TTL_COLUMN = 24 };

/* "192.0.2.1         TTL 300, 1.5 ms, came along". s: NULL for the domain itself. */
static void write_address(const struct page *p, const struct service *s, const struct host *h,
                          const struct address *a) {
  char text[ADDRESS_TEXT];
  const struct asked *asked = &h->asked[a->family == AF_INET6];
  unsigned column = (unsigned)fprintf(p->out, "%*s%-16s", ADDRESS_INDENT, "", lookup_address_text(a, text));
  bool secure = lookup_is_secure(asked);
  const char *of = !p->o->dnssec ? NULL : secure_text(!s ? secure : lookup_is_secure(&s->asked), secure);
  fputs("  ", p->out);
  term_wrapf(p->term, p->out, column + 2, TTL_COLUMN, "TTL %u, %.1f ms%s%s%s", a->ttl, asked_ms(asked),
             s && lookup_came_along(s, h, a) ? ", came with the SRV answer" : "", of ? ", secure: " : "",
             of ? of : "");
}

/* The host's addresses, or why there are none. */
static void write_addresses(const struct page *p, const struct service *s, const struct host *h) {
  char word[PRINT_WORD], proof[PROOF_SHOWN];
  for (size_t i = 0; i < h->address_count; i++) write_address(p, s, h, &h->addresses[i]);
  if (h->address_count > 0) return;

  const struct asked *bad = lookup_is_answered(&h->asked[0]) ? &h->asked[1] : &h->asked[0];
  fprintf(p->out, "%*s", ADDRESS_INDENT, "");
  if (lookup_is_answered(bad)) {
    put(p, s ? STYLE_BAD : STYLE_PLAIN,
        h->alias.endless ? "no address: the aliases have no end" : "no address");
    fputc('\n', p->out);
  } else {
    put(p, STYLE_BAD, "failed: ");
    term_wrapf(p->term, p->out, ADDRESS_INDENT + 8, ADDRESS_INDENT, "%s%s", lookup_outcome_text(bad, word),
               proof_behind(p, bad, proof));
  }
}

static void write_targets(const struct page *p, const struct service *s) {
  char name[NAME_TEXT], proof[PROOF_SHOWN];
  term_wrapf(p->term, p->out, 0, 2, "TTL %u, %.1f ms%s", s->ttl, asked_ms(&s->asked),
             proof_behind(p, &s->asked, proof));
  for (size_t i = 0; i < s->count; i++) {
    const struct srv *srv = &s->srv[i];
    fputs("  ", p->out);
    term_wrapf(p->term, p->out, 2, 4, "%s port %u, priority %u, weight %u",
               domain_text(srv->target, srv->target_len, name), srv->port, srv->priority, srv->weight);
    if (s->hosts[i]) write_addresses(p, s, s->hosts[i]);
    else fprintf(p->out, "%*sits addresses were not asked for\n", ADDRESS_INDENT, "");
  }
}

/* Why a service has no records, though there is an answer. */
static const char *absent_text(const struct service *s) {
  if (s->alias.endless) return "the aliases have no end";
  if (s->alias.links > 0) return "an alias of a name without SRV";
  return reply_rcode(s->asked.msg, s->asked.len) == RCODE_NXDOMAIN ? "NXDOMAIN" : "no such record";
}

static void write_refusal(const struct page *p, const struct service *s, unsigned column) {
  const struct srv *none = &s->srv[0];
  char values[64] = "", proof[PROOF_SHOWN];
  if (none->priority || none->weight || none->port) {
    snprintf(values, sizeof values, "priority %u, weight %u, port %u, ", none->priority, none->weight,
             none->port);
  }
  term_wrapf(p->term, p->out, column, 2, "not offered: the target is \".\" (%sTTL %u, %.1f ms%s)", values,
             s->ttl, asked_ms(&s->asked), proof_behind(p, &s->asked, proof));
}

/* A block: its name, and behind it or below it what there is. */
static void write_service(const struct page *p, const struct service *s) {
  char word[PRINT_WORD], proof[PROOF_SHOWN];
  double ms = asked_ms(&s->asked);
  if (s->state == SERVICE_UNASKED) return;

  put(p, STYLE_HEAD, s->kind->labels);
  fputs(": ", p->out);
  unsigned column = (unsigned)strlen(s->kind->labels) + 2;
  if (s->state == SERVICE_OFFERED) {
    write_targets(p, s);
  } else if (s->state == SERVICE_NOT_OFFERED) {
    write_refusal(p, s, column);
  } else if (s->state == SERVICE_ABSENT) {
    term_wrapf(p->term, p->out, column, 2, "none: %s (%.1f ms%s)", absent_text(s), ms,
               proof_behind(p, &s->asked, proof));
  } else {
    const char *why = s->malformed ? "malformed answer" : lookup_outcome_text(&s->asked, word);
    put(p, STYLE_BAD, "failed");
    term_wrapf(p->term, p->out, column + 6, 2, ": %s%s (%.1f ms)", why, proof_behind(p, &s->asked, proof),
               ms);
  }
}

static void write_domain(const struct page *p, const struct lookup *l) {
  char name[NAME_TEXT];
  _Static_assert(PLAN_PORT_C2S == 5222 && PLAN_PORT_S2S == 5269, "as printed");
  put(p, STYLE_HEAD, "domain itself");
  fputs("\n  ", p->out);
  term_wrapf(p->term, p->out, 2, 4, "%s port %s%s%s", lookup_host_text(l->domain, name),
             l->sides & LOOKUP_C2S ? "5222" : "", l->sides == LOOKUP_BOTH ? "/" : "",
             l->sides & LOOKUP_S2S ? "5269" : "");
  write_addresses(p, NULL, l->domain);
}

/* A sentence that begins with who does it: "c2s, if it knows direct TLS: connects to ...". */
static void write_plan(const struct page *p, const char *who, const char *which, const struct plan *plan) {
  char *text = NULL;
  size_t len;
  FILE *out = open_memstream(&text, &len);
  must(out);
  fprintf(out, "%s%s: ", who, which);
  plan_write(plan, out);
  fputc('.', out);
  must(fclose(out) == 0);
  fputs("  ", p->out);
  term_wrap(p->term, p->out, 2, 4, text);
  free(text);
}

static void write_plans(const struct page *p, const struct findings *f) {
  write_heading(p, "What a program does");
  for (size_t i = 0; i < f->side_count; i++) {
    const struct side_plans *side = &f->sides[i];
    bool same = plan_is_equal(&side->with_tls, &side->without_tls);
    write_plan(p, side->name, same ? "" : ", if it knows direct TLS", &side->with_tls);
    if (!same) write_plan(p, side->name, ", if it knows STARTTLS only", &side->without_tls);
  }

  if (f->has_obsolete) write_plan(p, "s2s, if it knows _jabber._tcp (Openfire)", "", &f->obsolete);
}

static void write_alias(const struct page *p, const char *title, const char *from, const struct alias *a,
                        bool *first) {
  char to[NAME_TEXT], links[32] = "";
  if (a->links == 0) return;
  if (*first) write_heading(p, "Aliases");
  *first = false;
  if (a->endless) strcpy(links, " -> ... without an end");
  else if (a->links > 1) snprintf(links, sizeof links, " (%u CNAMEs)", a->links);
  fputs("  ", p->out);
  term_wrapf(p->term, p->out, 2, 4, "%s%s -> %s%s", title, from, domain_text(a->name, a->name_len, to),
             links);
}

static void write_aliases(const struct page *p, const struct lookup *l) {
  char name[NAME_TEXT];
  bool first = true;
  for (size_t i = 0; i < LOOKUP_SERVICES; i++)
    write_alias(p, "SRV ", l->services[i].kind->labels, &l->services[i].alias, &first);
  for (size_t i = 0; i < l->hosts->count; i++) {
    const struct host *h = l->hosts->list[i];
    write_alias(p, "", lookup_host_text(h, name), &h->alias, &first);
  }
}

/* An answer's extended errors (RFC 8914), a sentence each. */
struct ede_lines {
  const struct page *page;
  bool any;
};

static void write_edes(void *context, const struct asked *a) {
  struct ede_lines *lines = context;
  const struct page *p = lines->page;
  struct edns edns;
  struct edns_ede ede;
  char said[EDE_SHOWN], name[NAME_TEXT], type[PRINT_WORD];

  if (a->outcome != ASKED_ANSWERED || !edns_read(a->msg, a->len, &edns)) return;
  while (edns_next_ede(&edns, &ede)) {
    if (!lines->any) write_heading(p, "Extended errors");
    lines->any = true;
    reply_text(ede.text, ede.text_len, said, sizeof said);
    fputs("  ", p->out);
    term_wrapf(p->term, p->out, 2, 4, "%s %s: EDE %u (%s)%s%s", print_type(a->type, type),
               domain_text(a->name, a->name_len, name), ede.code, edns_ede_name(ede.code),
               said[0] ? ": " : "", said);
  }
}

void show_lookup(const struct findings *f, const struct ask_options *o, const struct term *t, FILE *out) {
  const struct page p = {.o = o, .term = t, .out = out};
  const struct lookup *l = f->lookup;
  char name[NAME_TEXT], server[ADDR_TEXT];
  const char *taken_from = l->typed ? l->typed->taken_from : NULL;

  term_wrapf(t, out, 0, 2, "%s%s%s, asked %s", lookup_host_text(l->domain, name),
             taken_from ? ", taken from " : "", taken_from ? taken_from : "",
             addr_format(&o->server, server));
  fputc('\n', out);
  for (size_t i = 0; i < LOOKUP_SERVICES; i++) write_service(&p, &l->services[i]);
  write_domain(&p, l);

  write_plans(&p, f);
  if (f->dane) lookup_dane_show(f->dane, t, out);
  write_aliases(&p, l);
  lookup_each(l, write_edes, &(struct ede_lines){.page = &p});
  if (f->mistakes.count > 0) write_heading(&p, "Mistakes");
  for (size_t i = 0; i < f->mistakes.count; i++) {
    fputs("  ", out);
    term_wrap(t, out, 2, 4, f->mistakes.list[i].text);
  }
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
