/* connect_try.c: goes to one address as far as a login. Exports connect_try, connect_form_of. */
#include <stdlib.h>

#include "base/must.h"
#include "tool/check.h"
#include "tool/connect_priv.h"
#include "tool/idna.h"
#include "tool/link.h"
#include "tool/rules_priv.h"

enum { PIECE = 4096, TLSA_MAX = 16 };

/* A connection under way. */
struct way {
  const struct connector *c;
  const struct facts *facts;
  struct connection *n;
  struct link link;
  struct stream *stream;
  const char *domain; /* ASCII, without a final dot */
  unsigned whole_until_ms;
  bool takes_old; /* versions of TLS that nobody should use */
  bool leaves_alpn, leaves_sni;
};

/* Its time begins; that of the whole is not exceeded. */
static void begin_phase(struct way *w, enum connect_phase phase) {
  unsigned until_ms = check_now_ms() + w->c->options.phase_ms;
  w->n->phase = phase;
  w->link.until_ms = (int)(w->whole_until_ms - until_ms) < 0 ? w->whole_until_ms : until_ms;
}

/* Printable ASCII of somebody's words. */
static void note_why(struct connection *n, const char *text) {
  size_t i = 0;
  for (; text[i] && i < sizeof n->why - 1; i++) n->why[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
  n->why[i] = 0;
}

static bool starts_with(const struct link *l, const char *text) {
  size_t len = strlen(text);
  return l->first_len >= len && memcmp(l->first, text, len) == 0;
}

/* A record of TLS: alert or handshake, version 3 (RFC 8446 section 5.1). */
static bool speaks_tls(const struct link *l) {
  return l->first_len >= 2 && (l->first[0] == 0x15 || l->first[0] == 0x16) && l->first[1] == 3;
}

static bool fail(struct way *w, enum connect_end end) {
  w->n->end = end;
  return false;
}

/* What a link's result means where TLS does not begin at once. */
static bool fail_link(struct way *w, enum link_result r) {
  static const enum connect_end ends[] = {
      [LINK_DONE] = END_GOOD,         [LINK_SILENT] = END_SILENT, [LINK_CLOSED] = END_CUT,
      [LINK_REFUSED] = END_REFUSED,   [LINK_NO_WAY] = END_NO_WAY, [LINK_TLS_FAILED] = END_TLS_FAILED,
      [LINK_TOO_MUCH] = END_NOT_XMPP, [LINK_SYSTEM] = END_SYSTEM};
  if (r == LINK_TLS_FAILED && w->link.tls) note_why(w->n, tls_why(w->link.tls));
  return fail(w, ends[r]);
}

/* Judged here, by the address itself, so that no name and no redirection leads around it. */
static bool reach(struct way *w) {
  union addr to = lookup_socket_of(&w->n->address, w->n->port);
  if (!w->c->options.allow_private && rules_is_bad_address(&w->n->address)) return fail(w, END_PRIVATE);
  if ((int)(w->whole_until_ms - check_now_ms()) <= 0) return fail(w, END_NO_TIME);

  unsigned begun_ms = check_now_ms();
  begin_phase(w, PHASE_CONNECT);
  enum link_result r = link_open(&w->link, &to, CONNECT_OCTETS_MAX);
  w->n->connect_ms = check_now_ms() - begun_ms;
  return r == LINK_DONE || fail_link(w, r);
}

/* ---- streams ---- */

/* Why a stream did not come so far. */
static bool fail_stream(struct way *w, enum stream_state state) {
  const struct stream_facts *f = &w->n->stream;
  if (state == STREAM_ERROR) {
    bool is_elsewhere = strcmp(f->error, "see-other-host") == 0;
    note_why(w->n, is_elsewhere ? f->other_host : f->error);
    if (is_elsewhere) return fail(w, END_SEE_OTHER);
    bool unknown = strcmp(f->error, "host-unknown") == 0 || strcmp(f->error, "host-gone") == 0;
    return fail(w, unknown ? END_HOST_UNKNOWN : END_STREAM_ERROR);
  }
  if (state == STREAM_CLOSED) return fail(w, END_CUT);
  if (!w->n->has_tls && speaks_tls(&w->link)) return fail(w, END_TLS_FIRST);
  return fail(w, state == STREAM_FAILURE ? END_NO_STARTTLS : END_NOT_XMPP);
}

/* Reads until the stream comes to that state. */
static bool await(struct way *w, enum stream_state wanted) {
  char text[PIECE];
  size_t len = 0;
  for (;;) {
    enum link_result r = link_receive(&w->link, text, sizeof text, &len);
    if (r == LINK_CLOSED && !w->n->has_tls && speaks_tls(&w->link)) return fail(w, END_TLS_FIRST);
    if (r != LINK_DONE) return fail_link(w, r);
    enum stream_state state = stream_put(w->stream, text, len);
    if (state == wanted) return true;
    if (state != STREAM_OPENING) return fail_stream(w, state);
  }
}

/* Begins a stream, over TLS for the second time, and reads the server's features. */
static bool open_stream(struct way *w, enum connect_phase phase) {
  char text[PIECE];
  begin_phase(w, phase);
  stream_free(w->stream);
  w->n->stream = (struct stream_facts){.opened = false};
  w->stream = stream_new(w->c->xml, &w->n->stream);
  size_t len = stream_opening(w->n->side == LOOKUP_S2S, w->domain, text, sizeof text);
  if (!w->stream || len == 0) return fail(w, END_SYSTEM);
  enum link_result r = link_send(&w->link, text, len);
  return r == LINK_DONE ? await(w, STREAM_FEATURES) : fail_link(w, r);
}

static bool ask_starttls(struct way *w) {
  begin_phase(w, PHASE_STARTTLS);
  if (!w->n->stream.starttls) return fail(w, END_NO_STARTTLS);
  w->n->starttls_required = w->n->stream.starttls_required;
  enum link_result r = link_send(&w->link, stream_starttls, strlen(stream_starttls));
  if (r != LINK_DONE) return fail_link(w, r);
  stream_expect_answer(w->stream);
  return await(w, STREAM_PROCEED);
}

/* ---- TLS ---- */

static void to_ascii(struct cert_name *n) {
  char *ascii = NULL;
  bool is_ascii = true;
  for (const char *c = n->text; *c; c++) is_ascii &= (unsigned char)*c < 0x80;
  if (is_ascii) return;

  if (!idna_to_ascii(n->text, &ascii) && strlen(ascii) < sizeof n->text) {
    snprintf(n->text, sizeof n->text, "%s", ascii);
  } else {
    n->form = CERT_NOT;
    for (char *c = n->text; *c; c++) *c = (unsigned char)*c < 0x80 ? *c : '?';
  }
  free(ascii);
}

enum cert_form connect_form_of(struct cert *cert, const char *domain, enum lookup_side side) {
  for (size_t i = 0; i < cert->count; i++) to_ascii(&cert->names[i]);
  return cert_is_for(cert, domain, side == LOOKUP_C2S ? "_xmpp-client" : "_xmpp-server");
}

static void note_certificate(struct way *w) {
  struct connection *n = w->n;
  struct cert *cert = must_zalloc(sizeof *cert);
  char host[NAME_TEXT];
  n->has_certificate = tls_peer(w->link.tls, cert);
  n->form = connect_form_of(cert, w->domain, n->side);
  n->from_s = cert->from_s;
  n->until_s = cert->until_s;
  snprintf(n->issuer, sizeof n->issuer, "%.*s", (int)sizeof n->issuer - 1, cert->issuer);
  memcpy(n->digest, cert->digest, sizeof n->digest);
  n->is_for_domain_alone = cert_has_dns_name(cert, w->domain);
  n->names_host = cert_is_for(cert, lookup_host_text(n->host, host), NULL) == CERT_DNS;
  size_t used = 0;
  for (size_t i = 0; i < cert->count && used < sizeof n->names; i++)
    used += (size_t)snprintf(n->names + used, sizeof n->names - used, "%s%s", i ? ", " : "",
                             cert->names[i].text);
  free(cert);
}

/* Its own SRV is what leads there. */
static bool is_component_secure(const struct connection *n) {
  return !n->component ||
         lookup_is_secure(&facts_service(n->component->lookup, n->side, n->direct_tls)->asked);
}

/* The records of an answer, as far as there is room. */
static size_t read_tlsa(const struct asked *a, struct tls_tlsa *list, size_t room) {
  struct record r;
  size_t count = 0;
  struct reply p = reply_open(a->msg, a->len);
  while (count < room && reply_next_answer(&p, TYPE_TLSA, &r))
    list[count++] = (struct tls_tlsa){.rdata = record_rdata(&r), .len = r.rdlen};
  return count;
}

/* Whether the records vouch for the chain, without an authority or beside one. With usage 2 the certificate
 * must name the domain or the target (RFC 7673 section 4), with usage 3 it need not. */
static void note_dane(struct way *w, const struct tls_tlsa *records, size_t count) {
  struct connection *n = w->n;
  unsigned usable = 0;
  int usage = tls_dane_usage(w->link.tls, records, count, &usable);
  n->dane = usage == TLSA_DANE_EE || (usage == TLSA_DANE_TA && (n->form != CERT_NOT || n->names_host));
  n->dane_fails = usable > 0 && usage < 0;
}

/* The TLSA records of the target and port, against the chain. */
static void note_tlsa(struct way *w) {
  struct tls_tlsa records[TLSA_MAX];
  for (size_t i = 0; i < w->facts->tlsa_count; i++) {
    const struct tlsa_question *q = &w->facts->tlsa[i];
    const struct host *host = q->host ? q->host : w->facts->domain->domain;
    if (host != w->n->host || q->port != w->n->port || !lookup_is_answered(&q->asked)) continue;

    size_t count = read_tlsa(&q->asked, records, TLSA_MAX);
    w->n->tlsa_records = (unsigned)count;
    w->n->tlsa_fitting = 0;
    for (size_t k = 0; k < count; k++)
      w->n->tlsa_fitting += tls_tlsa_fits(w->link.tls, records[k].rdata, records[k].len);
    bool secure = rules_is_secure_end(w->facts, q, w->n->side, w->n->direct_tls) && is_component_secure(w->n);
    if (secure) note_dane(w, records, count);
  }
}

static bool shake_hands(struct way *w) {
  struct connection *n = w->n;
  const char *own_alpn = n->side == LOOKUP_C2S ? "xmpp-client" : "xmpp-server";
  const char *alpn = n->direct_tls && !w->leaves_alpn ? own_alpn : NULL;
  unsigned begun_ms = check_now_ms();

  begin_phase(w, PHASE_TLS);

  struct tls *tls = tls_new(w->c->tls, w->leaves_sni ? NULL : w->domain, alpn);
  if (tls && w->takes_old) tls_take_old(tls);
  enum link_result r = link_start_tls(&w->link, tls);
  n->tls_ms = check_now_ms() - begun_ms;
  if (r != LINK_DONE && n->direct_tls && starts_with(&w->link, "<")) return fail(w, END_XML_FIRST);
  if (r != LINK_DONE && n->direct_tls && starts_with(&w->link, "HTTP")) return fail(w, END_NOT_XMPP);
  if (r != LINK_DONE) return fail_link(w, r);

  n->has_tls = true;
  snprintf(n->version, sizeof n->version, "%s", tls_version(w->link.tls));
  n->trust = tls_trust(w->link.tls);
  if (n->trust == TLS_DISTRUSTED) note_why(n, tls_trust_text(w->link.tls));
  n->alpn = alpn && tls_alpn_is(w->link.tls, alpn);
  n->asks_certificate = tls_asks_certificate(w->link.tls);
  note_certificate(w);
  note_tlsa(w);
  return true;
}

/* All phases, as far as they go. */
static bool go(struct way *w) {
  if (!reach(w)) return false;
  if (!w->n->direct_tls && (!open_stream(w, PHASE_STREAM) || !ask_starttls(w))) return false;
  return shake_hands(w) && open_stream(w, PHASE_FEATURES);
}

/* A server that wants TLS at once often ends a stream without a word. */
static bool is_speechless(const struct way *w) {
  const struct connection *n = w->n;
  return !n->direct_tls && n->phase == PHASE_STREAM && (n->end == END_CUT || n->end == END_SILENT) &&
         w->link.first_len == 0;
}

/* Asks it by beginning a handshake. */
static void try_tls_first(struct way *w) {
  struct connection probe = *w->n, *real = w->n;
  link_close(&w->link);
  w->n = &probe;
  if (reach(w)) {
    begin_phase(w, PHASE_TLS);
    bool is_tls = link_start_tls(&w->link, tls_new(w->c->tls, w->domain, NULL)) == LINK_DONE ||
                  speaks_tls(&w->link);
    if (is_tls) real->end = END_TLS_FIRST;
  }
  w->n = real;
}

/* The same way once more, as `w` has it now; what it shows stays apart. */
static struct connection try_again(struct way *w) {
  struct connection *real = w->n;
  struct connection again = {.side = real->side,
                             .component = real->component,
                             .direct_tls = real->direct_tls,
                             .host = real->host,
                             .port = real->port,
                             .address = real->address};
  link_close(&w->link);
  w->n = &again;
  if (go(w)) again.phase = PHASE_DONE;
  w->n = real;

  /* It reads into what is gone. */
  stream_free(w->stream);
  w->stream = NULL;
  return again;
}

/* OpenSSL refuses old versions by itself: what fails a handshake may have nothing else. */
static void try_old_tls(struct way *w) {
  w->takes_old = true;
  struct connection again = try_again(w);
  w->takes_old = false;
  if (again.has_tls) snprintf(w->n->version, sizeof w->n->version, "%s", again.version);
}

/* A way that came to a server, but did not come as far as with all that TLS can say first. */
static bool is_worse(const struct connection *again, const struct connection *n) {
  bool is_led_astray = !connect_is_good(again) && connect_is_tried(again) && again->phase != PHASE_CONNECT;
  return is_led_astray || (n->form != CERT_NOT && again->has_tls && again->form == CERT_NOT);
}

/* The way is worse without the one, the other or both. */
static bool is_worse_without(struct way *w, bool alpn, bool sni) {
  w->leaves_alpn = alpn;
  w->leaves_sni = sni;
  struct connection again = try_again(w);
  w->leaves_alpn = w->leaves_sni = false;
  return is_worse(&again, w->n);
}

/* Some programs send neither ALPN nor SNI. Both are left out first, as that is good nearly everywhere; a
 * server that does not let anybody in so often, whatever is sent, is no case of it. */
static void try_without(struct way *w) {
  struct connection *n = w->n;
  if (!is_worse_without(w, true, true)) return;
  struct connection whole = try_again(w);
  if (!connect_is_good(&whole)) return;
  n->needs_alpn = n->direct_tls && is_worse_without(w, true, false);
  n->needs_sni = is_worse_without(w, false, true);
}

static void try_way(struct way *w) {
  w->link = (struct link){.fd = -1};
  if (go(w)) {
    w->n->phase = PHASE_DONE;
    w->n->end = END_GOOD;
    (void)link_send(&w->link, stream_closing, strlen(stream_closing));
  }

  stream_free(w->stream);
  w->stream = NULL;
  if (is_speechless(w)) try_tls_first(w);
  if (w->n->end == END_TLS_FAILED && w->n->phase == PHASE_TLS) try_old_tls(w);
  if (connect_is_good(w->n)) try_without(w);
  link_close(&w->link);
}

void connect_try(const struct connector *c, const struct facts *f, unsigned until_ms, struct connection *n) {
  char domain[NAME_TEXT];
  lookup_host_text(n->component ? n->component->lookup->domain : f->domain->domain, domain);
  struct way w = {.c = c, .facts = f, .n = n, .domain = domain, .whole_until_ms = until_ms};
  try_way(&w);
}
