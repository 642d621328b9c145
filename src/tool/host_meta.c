/* host_meta.c: links of host-meta documents; host_meta_xml.c and host_meta_json.c read them. Exports
 * host_meta_*, but for the readers. */
#include "tool/host_meta.h"

#include <string.h>
#include <strings.h>

#define RELATION "urn:xmpp:alt-connections:"

static const char *const words[] = {[HOST_META_WEBSOCKET] = "websocket",
                                    [HOST_META_BOSH] = "xbosh",
                                    [HOST_META_TLS] = "tls",
                                    [HOST_META_S2S_TLS] = "s2s-tls"};

const char *host_meta_word(enum host_meta_kind kind) { return words[kind]; }

const char *host_meta_path(enum host_meta_form form) {
  return form == HOST_META_XML ? ".well-known/host-meta" : ".well-known/host-meta.json";
}

const char *host_meta_type(enum host_meta_form form) {
  return form == HOST_META_XML ? "application/xrd+xml" : "application/json";
}

struct host_meta_link *host_meta_add(struct host_meta *m, const char *relation, const char *href) {
  size_t kind = 0, i = 0;
  if (strncmp(relation, RELATION, strlen(RELATION)) != 0) return NULL;
  while (kind < HOST_META_KINDS && strcmp(relation + strlen(RELATION), words[kind]) != 0) kind++;
  if (kind == HOST_META_KINDS || m->count == HOST_META_LINKS_MAX) return NULL;

  struct host_meta_link *l = &m->links[m->count++];
  *l = (struct host_meta_link){.kind = (enum host_meta_kind)kind};
  for (; href && href[i] && i < sizeof l->href - 1; i++)
    l->href[i] = href[i] > ' ' && href[i] <= '~' ? href[i] : '?';
  return l;
}

bool host_meta_is_secure(const struct host_meta_link *l) {
  const char *scheme = l->kind == HOST_META_WEBSOCKET ? "wss://" : "https://";
  return strncasecmp(l->href, scheme, strlen(scheme)) == 0;
}

bool host_meta_has_web(const struct host_meta *m) {
  for (size_t i = 0; i < m->count; i++) {
    if (host_meta_is_for_web(&m->links[i])) return true;
  }
  return false;
}
