/* stream.c: reads what an XMPP server says before anybody logs in. Exports stream_*. */
#include "tool/stream.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/library.h"
#include "config.h"
#include "tool/stream_priv.h"

#define STREAMS "http://etherx.jabber.org/streams "
#define TLS "urn:ietf:params:xml:ns:xmpp-tls "
#define SASL "urn:ietf:params:xml:ns:xmpp-sasl "

static const struct library_symbol symbols[] = {
#define SYMBOL(name) LIBRARY_SYMBOL(, struct expat, name)
    EXPAT_FUNCTIONS(SYMBOL)};

struct stream {
  const struct expat *expat;
  XML_Parser parser;
  struct stream_facts *facts;
  enum stream_state state;
  unsigned depth;
  size_t octets;
  bool in_features, in_starttls, in_error, in_mechanism, in_other_host;
  char word[STREAM_WORD]; /* of a mechanism */
  size_t word_len;
};

const char stream_starttls[] = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const char stream_closing[] = "</stream:stream>";

struct stream_library *stream_library_new(FILE *err) {
  struct stream_library *l = calloc(1, sizeof *l);
  if (!l) return NULL;
  l->handle = library_open(EXPAT_SONAME, symbols, sizeof symbols / sizeof *symbols, &l->expat, err);
  if (!l->handle) {
    free(l);
    return NULL;
  }
  void *symbol = dlsym(l->handle, "XML_SetReparseDeferralEnabled");
  memcpy(&l->set_deferral, &symbol, sizeof symbol);
  return l;
}

void stream_library_free(struct stream_library *l) {
  if (!l) return;
  library_close(l->handle);
  free(l);
}

size_t stream_opening(bool server, const char *domain, char *text, size_t room) {
  int n = snprintf(
      text, room,
      "<?xml version='1.0'?><stream:stream xmlns='jabber:%s' xmlns:stream='http://etherx.jabber.org/streams'"
      "%s to='%s' version='1.0' xml:lang='en'>",
      server ? "server" : "client", server ? " xmlns:db='jabber:server:dialback'" : "", domain);
  return n > 0 && (size_t)n < room && !strpbrk(domain, "<>&'\"\\") ? (size_t)n : 0;
}

/* ---- what Expat finds ---- */

static void settle(struct stream *s, enum stream_state state) {
  if (s->state != STREAM_OPENING) return;
  s->state = state;
  if (state == STREAM_MALFORMED) s->expat->XML_StopParser(s->parser, XML_FALSE);
}

static bool is_named(const char *name, const char *wanted) { return strcmp(name, wanted) == 0; }

/* Below the stream itself. */
static void begin_part(struct stream *s, const char *name) {
  s->in_features = is_named(name, STREAMS "features");
  s->in_error = is_named(name, STREAMS "error");
  if (is_named(name, TLS "proceed")) settle(s, STREAM_PROCEED);
  if (is_named(name, TLS "failure")) settle(s, STREAM_FAILURE);
}

static void begin_feature(struct stream *s, const char *name) {
  s->in_starttls = is_named(name, TLS "starttls");
  if (s->in_starttls) s->facts->starttls = true;
  if (is_named(name, "urn:xmpp:features:dialback dialback")) s->facts->dialback = true;
  if (is_named(name, "urn:xmpp:sasl:2 authentication")) s->facts->sasl2 = true;
}

/* "urn:ietf:params:xml:ns:xmpp-streams host-unknown": the condition is the first of them. */
static void note_error(struct stream *s, const char *name) {
  const char *local = strrchr(name, ' ');
  if (!local || s->facts->error[0]) return;
  size_t len = strspn(local + 1, "abcdefghijklmnopqrstuvwxyz-");
  if (len >= STREAM_WORD) len = STREAM_WORD - 1;
  memcpy(s->facts->error, local + 1, len);
  s->facts->error[len] = 0;
}

static void on_start(void *context, const char *name, const char **attributes) {
  struct stream *s = context;
  (void)attributes;
  s->depth++;
  if (s->depth > STREAM_DEPTH_MAX) {
    settle(s, STREAM_MALFORMED);
  } else if (s->depth == 1) {
    s->facts->opened = is_named(name, STREAMS "stream");
    if (!s->facts->opened) settle(s, STREAM_MALFORMED);
  } else if (s->depth == 2) {
    begin_part(s, name);
  } else if (s->depth == 3 && s->in_error) {
    note_error(s, name);
    s->in_other_host = is_named(name, "urn:ietf:params:xml:ns:xmpp-streams see-other-host");
  } else if (s->depth == 3 && s->in_features) {
    begin_feature(s, name);
  } else if (s->depth == 4 && s->in_features) {
    if (s->in_starttls && is_named(name, TLS "required")) s->facts->starttls_required = true;
    s->in_mechanism = is_named(name, SASL "mechanism");
    s->word_len = 0;
  }
}

static void add_mechanism(struct stream *s) {
  struct stream_facts *f = s->facts;
  size_t used = strlen(f->mechanisms);
  s->word[s->word_len] = 0;
  if (s->word_len == 0 || strspn(s->word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != s->word_len) return;
  f->plain |= strcmp(s->word, "PLAIN") == 0;
  f->external |= strcmp(s->word, "EXTERNAL") == 0;
  f->scram |= strncmp(s->word, "SCRAM-", 6) == 0;
  if (used + 1 + s->word_len < sizeof f->mechanisms)
    snprintf(f->mechanisms + used, sizeof f->mechanisms - used, "%s%s", used ? " " : "", s->word);
}

static void on_end(void *context, const char *name) {
  struct stream *s = context;
  (void)name;
  if (s->depth == 4 && s->in_mechanism) add_mechanism(s);
  if (s->depth == 4) s->in_mechanism = false;
  if (s->depth == 3) s->in_other_host = false;
  if (s->depth == 2 && s->in_features) settle(s, STREAM_FEATURES);
  if (s->depth == 2 && s->in_error) settle(s, STREAM_ERROR);
  if (s->depth == 1) settle(s, STREAM_CLOSED);
  s->depth--;
}

static void add_host(struct stream_facts *f, const char *text, int len) {
  size_t used = strlen(f->other_host);
  for (int i = 0; i < len && used < STREAM_HOST - 1; i++)
    f->other_host[used++] = text[i] > ' ' && text[i] <= '~' ? text[i] : '?';
  f->other_host[used] = 0;
}

static void on_text(void *context, const char *text, int len) {
  struct stream *s = context;
  if (s->in_other_host && s->depth == 3) add_host(s->facts, text, len);
  if (!s->in_mechanism || s->depth != 4) return;
  for (int i = 0; i < len && s->word_len < STREAM_WORD - 1; i++) s->word[s->word_len++] = text[i];
}

static void on_namespace(void *context, const char *prefix, const char *uri) {
  struct stream *s = context;
  (void)prefix;
  if (s->depth == 0 && uri && strcmp(uri, "jabber:server:dialback") == 0) s->facts->declares_dialback = true;
}

/* Neither has a place in a stream (RFC 6120 section 11.1). */
static void on_doctype(void *context, const char *name, const char *system, const char *public,
                       int internal) {
  (void)name, (void)system, (void)public, (void)internal;
  settle(context, STREAM_MALFORMED);
}

static void on_instruction(void *context, const char *target, const char *data) {
  (void)target, (void)data;
  settle(context, STREAM_MALFORMED);
}

struct stream *stream_new(struct stream_library *l, struct stream_facts *facts) {
  struct stream *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->expat = &l->expat;
  s->facts = facts;
  s->parser = s->expat->XML_ParserCreateNS("UTF-8", ' ');
  if (!s->parser) {
    free(s);
    return NULL;
  }

  /* Expat would wait with a tag that came in pieces until more comes, and a stream's last one is followed by
   * nothing. */
  if (l->set_deferral) l->set_deferral(s->parser, XML_FALSE);
  s->expat->XML_SetUserData(s->parser, s);
  s->expat->XML_SetElementHandler(s->parser, on_start, on_end);
  s->expat->XML_SetCharacterDataHandler(s->parser, on_text);
  s->expat->XML_SetStartNamespaceDeclHandler(s->parser, on_namespace);
  s->expat->XML_SetStartDoctypeDeclHandler(s->parser, on_doctype);
  s->expat->XML_SetProcessingInstructionHandler(s->parser, on_instruction);
  return s;
}

void stream_free(struct stream *s) {
  if (!s) return;
  s->expat->XML_ParserFree(s->parser);
  free(s);
}

void stream_expect_answer(struct stream *s) { s->state = STREAM_OPENING; }

enum stream_state stream_put(struct stream *s, const char *octets, size_t len) {
  s->octets += len;
  if (s->octets > STREAM_OCTETS_MAX || len > STREAM_OCTETS_MAX) {
    settle(s, STREAM_MALFORMED);
  } else if (s->state == STREAM_OPENING &&
             s->expat->XML_Parse(s->parser, octets, (int)len, 0) != XML_STATUS_OK) {
    settle(s, STREAM_MALFORMED);
  }
  return s->state;
}
