/* host_meta_xml.c: host-meta documents in XML, through Expat. Exports host_meta_read_xml. */
#include <string.h>

#include "tool/host_meta.h"
#include "tool/stream_priv.h"

#define XRD "http://docs.oasis-open.org/ns/xri/xrd-1.0 "

struct reading {
  const struct expat *expat;
  XML_Parser parser;
  struct host_meta *to;
  unsigned depth;
  bool is_bad;
};

static void stop(struct reading *r) {
  r->is_bad = true;
  r->expat->XML_StopParser(r->parser, XML_FALSE);
}

static const char *attribute(const char **attributes, const char *name) {
  for (; *attributes; attributes += 2) {
    if (strcmp(attributes[0], name) == 0) return attributes[1];
  }
  return NULL;
}

static void on_start(void *context, const char *name, const char **attributes) {
  struct reading *r = context;
  r->depth++;
  if (r->depth > HOST_META_DEPTH_MAX || (r->depth == 1 && strcmp(name, XRD "XRD") != 0)) {
    stop(r);
  } else if (r->depth == 2 && strcmp(name, XRD "Link") == 0) {
    const char *relation = attribute(attributes, "rel");
    if (relation) (void)host_meta_add(r->to, relation, attribute(attributes, "href"));
  }
}

static void on_end(void *context, const char *name) {
  struct reading *r = context;
  (void)name;
  r->depth--;
}

/* A document type can define entities, which grow. */
static void on_doctype(void *context, const char *name, const char *system_id, const char *public_id,
                       int has_internal) {
  (void)name, (void)system_id, (void)public_id, (void)has_internal;
  stop(context);
}

bool host_meta_read_xml(struct stream_library *l, const char *text, size_t len, struct host_meta *out) {
  struct reading r = {.expat = &l->expat, .to = out};
  out->count = 0;
  if (len > HTTP_BODY_MAX) return false;
  r.parser = r.expat->XML_ParserCreateNS(NULL, ' ');
  if (!r.parser) return false;

  r.expat->XML_SetUserData(r.parser, &r);
  r.expat->XML_SetElementHandler(r.parser, on_start, on_end);
  r.expat->XML_SetStartDoctypeDeclHandler(r.parser, on_doctype);
  bool is_good = r.expat->XML_Parse(r.parser, text, (int)len, 1) == XML_STATUS_OK && !r.is_bad;
  r.expat->XML_ParserFree(r.parser);
  return is_good;
}
