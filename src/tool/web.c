/* web.c: fetches host-meta over HTTPS. Exports web_fetch. */
#include "tool/web.h"

#include <stdlib.h>

#include "base/must.h"
#include "tool/check.h"
#include "tool/link.h"
#include "tool/rules_priv.h"

/* A page of no site: what it may read, all may. */
#define ORIGIN "https://check.invalid"
/* Of the links that are looked for. */
#define RELATION "urn:xmpp:alt-connections:"

enum { PIECE = 4096, REQUEST = 2048, OCTETS_MAX = 262144 };

/* A document under way. */
struct fetch {
  const struct web *web;
  const struct facts *facts;
  struct web_document *d;
  struct http_url url; /* that is asked for now */
  struct link link;
  struct http_response *response;
};

static bool fail(struct fetch *f, enum web_end end) {
  f->d->end = end;
  return false;
}

static bool fail_link(struct fetch *f, enum link_result r) {
  static const enum web_end ends[] = {
      [LINK_DONE] = WEB_GOOD,         [LINK_SILENT] = WEB_SILENT, [LINK_CLOSED] = WEB_CUT,
      [LINK_REFUSED] = WEB_REFUSED,   [LINK_NO_WAY] = WEB_NO_WAY, [LINK_TLS_FAILED] = WEB_TLS_FAILED,
      [LINK_TOO_MUCH] = WEB_TOO_MUCH, [LINK_SYSTEM] = WEB_SYSTEM};
  if (r == LINK_TLS_FAILED && f->link.tls) snprintf(f->d->why, sizeof f->d->why, "%s", tls_why(f->link.tls));
  return fail(f, ends[r]);
}

static bool has_time(const struct fetch *f) { return (int)(f->web->until_ms - check_now_ms()) > 0; }

static void begin_phase(struct fetch *f) {
  unsigned until_ms = check_now_ms() + f->web->phase_ms;
  f->link.until_ms = (int)(f->web->until_ms - until_ms) < 0 ? f->web->until_ms : until_ms;
}

/* ---- TCP and TLS ---- */

/* Judged by the address itself, so that no redirect leads to what is not the world's. */
static bool connect_to(struct fetch *f, const struct address *a) {
  union addr to = lookup_socket_of(a, f->url.port);
  if (!f->web->allow_private && rules_is_bad_address(a)) return fail(f, WEB_PRIVATE);
  if (!has_time(f)) return fail(f, WEB_UNTRIED);
  f->d->address = *a;
  begin_phase(f);
  enum link_result r = link_open(&f->link, &to, OCTETS_MAX);
  if (r == LINK_DONE) return true;
  link_close(&f->link);
  return fail_link(f, r);
}

/* Its first address that lets anybody in. Where there is none, what the first one that could be tried has
 * shown; one family of addresses may have no route from here. */
static bool connect_to_host(struct fetch *f, const struct host *h) {
  struct web_document shown = {.end = WEB_UNTRIED};
  bool is_known = lookup_is_answered(&h->asked[0]) && lookup_is_answered(&h->asked[1]);
  fail(f, is_known ? WEB_NO_ADDRESS : WEB_UNKNOWN);

  for (size_t i = 0, tried = 0; i < h->address_count && tried < WEB_ADDRESSES_MAX; i++) {
    if (connect_to(f, &h->addresses[i])) return true;
    if (!web_end_is_of_host(f->d->end)) continue;
    if (tried++ == 0) shown = *f->d;
  }

  if (shown.end != WEB_UNTRIED) *f->d = shown;
  return false;
}

/* The domain's addresses are known; those of others are asked for. */
static bool reach(struct fetch *f) {
  const struct host *own = f->facts->domain->domain;
  uint8_t name[NAME_MAX_LEN];
  struct ask_list list = {.count = 0};
  size_t len = name_parse(f->url.host, name);

  if (len == 0) return fail(f, WEB_BAD_REDIRECT);
  if (!has_time(f)) return fail(f, WEB_UNTRIED);
  if (name_equal(name, len, own->name, own->name_len)) return connect_to_host(f, own);

  struct hosts *hosts = hosts_new();
  struct host *h = hosts_get(hosts, name, len);
  hosts_questions(hosts, &list);
  f->web->ask(f->web->ask_context, list.list, list.count);
  hosts_read(hosts);
  bool is_reached = connect_to_host(f, h);
  ask_list_free(&list);
  hosts_free(hosts);
  return is_reached;
}

/* Browsers go on with certificates alone that are trusted and for the host. What others say is noted, too. */
static void judge_certificate(struct fetch *f) {
  struct web_document *d = f->d;
  struct cert *cert = must_zalloc(sizeof *cert);
  bool is_named = tls_peer(f->link.tls, cert) && cert_is_for(cert, f->url.host, NULL) == CERT_DNS;
  if (d->is_proven && !is_named) snprintf(d->unproven, sizeof d->unproven, "it is not for the host");
  else if (d->is_proven) snprintf(d->unproven, sizeof d->unproven, "%s", tls_trust_text(f->link.tls));
  d->is_proven &= is_named && tls_trust(f->link.tls) == TLS_TRUSTED;
  free(cert);
}

static bool start_tls(struct fetch *f) {
  if (!f->url.https) return true;
  begin_phase(f);
  enum link_result r = link_start_tls(&f->link, tls_new(f->web->tls, f->url.host, "http/1.1"));
  if (r != LINK_DONE) return fail_link(f, r);
  judge_certificate(f);
  return true;
}

/* ---- HTTP ---- */

static bool read_response(struct fetch *f) {
  char piece[PIECE];
  size_t len = 0;
  for (;;) {
    enum link_result r = link_receive(&f->link, piece, sizeof piece, &len);
    if (r == LINK_CLOSED) return http_end(f->response) || fail(f, WEB_CUT);
    if (r != LINK_DONE) return fail_link(f, r);
    enum http_state state = http_put(f->response, piece, len);
    if (state == HTTP_DONE) return true;
    if (state != HTTP_READING) return fail(f, state == HTTP_ALIEN ? WEB_ALIEN : WEB_TOO_MUCH);
  }
}

/* Asks for the URL; its response is there afterwards. */
static bool ask_page(struct fetch *f) {
  char text[REQUEST];
  http_response_init(f->response);
  http_url_text(&f->url, f->d->url);
  f->link = (struct link){.fd = -1};
  bool is_good = reach(f) && start_tls(f);
  size_t len = http_request(&f->url, host_meta_type(f->d->form), ORIGIN, text, sizeof text);
  if (is_good && len == 0) is_good = fail(f, WEB_SYSTEM);
  if (is_good) {
    begin_phase(f);
    enum link_result r = link_send(&f->link, text, len);
    is_good = r == LINK_DONE ? read_response(f) : fail_link(f, r);
  }
  link_close(&f->link);
  f->d->status = f->response->status;
  return is_good;
}

static bool is_redirect(const struct http_response *r) {
  return r->status == 301 || r->status == 302 || r->status == 303 || r->status == 307 || r->status == 308;
}

/* Where a redirect leads, if it leads on. Browsers ask each response on the way whether others may read. */
static bool follow(struct fetch *f) {
  struct http_url next;
  if (f->d->is_plain) return fail(f, WEB_STATUS); /* mostly to https://, which was asked before */
  if (!f->response->location[0] || !http_url_follow(&f->url, f->response->location, &next))
    return fail(f, WEB_BAD_REDIRECT);
  if (!next.https && f->url.https) {
    http_url_text(&next, f->d->url);
    return fail(f, WEB_PLAIN);
  }
  if (f->d->redirects == WEB_REDIRECTS_MAX) return fail(f, WEB_MANY_REDIRECTS);
  f->d->redirects++;
  f->url = next;
  return true;
}

static void note_sharing(struct fetch *f) {
  const char *allowed = f->response->allow_origin;
  f->d->is_shared &= strcmp(allowed, "*") == 0 || strcmp(allowed, ORIGIN) == 0;
}

/* ---- documents ---- */

static bool read_document(struct fetch *f) {
  const struct http_response *r = f->response;
  if (r->status != 200) return fail(f, WEB_STATUS);
  bool is_read = f->d->form == HOST_META_XML
                     ? host_meta_read_xml(f->web->xml, r->body, r->body_len, &f->d->meta)
                     : host_meta_read_json(r->body, r->body_len, &f->d->meta);
  f->d->speaks_of_xmpp = memmem(r->body, r->body_len, RELATION, strlen(RELATION)) != NULL;
  return is_read || fail(f, WEB_UNREADABLE);
}

static void fetch_document(struct fetch *f, enum host_meta_form form, bool https, const char *domain) {
  char url[HTTP_URL];
  unsigned begun_ms = check_now_ms();

  *f->d = (struct web_document){.form = form, .is_plain = !https, .is_proven = https, .is_shared = true};
  snprintf(url, sizeof url, "%s://%s/%s", https ? "https" : "http", domain, host_meta_path(form));
  bool goes_on = http_url_parse(url, &f->url) || fail(f, WEB_BAD_REDIRECT);

  while (goes_on && (goes_on = ask_page(f))) {
    note_sharing(f);
    if (!is_redirect(f->response)) break;
    goes_on = follow(f);
  }

  if (goes_on && read_document(f)) f->d->end = WEB_GOOD;
  f->d->ms = check_now_ms() - begun_ms;
}

void web_fetch(const struct web *web, const struct facts *facts, struct web_facts *out) {
  struct fetch f = {.web = web, .facts = facts, .response = must_zalloc(sizeof *f.response)};
  struct web_document plain;
  char domain[NAME_TEXT];

  lookup_host_text(facts->domain->domain, domain);
  out->is_tried = true;
  for (enum host_meta_form form = HOST_META_XML; form < HOST_META_FORMS; form++) {
    f.d = &out->documents[form];
    fetch_document(&f, form, true, domain);
  }

  /* Where the site does not have it with TLS, some publish it without. */
  const enum web_end xml = out->documents[HOST_META_XML].end, json = out->documents[HOST_META_JSON].end;
  if (xml != WEB_GOOD && json != WEB_GOOD && web_end_is_of_host(xml)) {
    f.d = &plain;
    fetch_document(&f, HOST_META_XML, false, domain);
    if (plain.end == WEB_GOOD) out->documents[HOST_META_XML] = plain;
  }

  free(f.response);
}
