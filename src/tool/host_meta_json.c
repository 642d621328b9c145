/* host_meta_json.c: host-meta documents in JSON, through jansson. Exports host_meta_read_json. */
#include <arpa/inet.h>
#include <jansson.h>
#include <string.h>

#include "tool/host_meta.h"

static bool read_address(const char *text, struct address *out) {
  *out = (struct address){.family = strchr(text, ':') ? AF_INET6 : AF_INET};
  return inet_pton(out->family, text, out->bytes) == 1;
}

/* What XEP-0487 adds to a link. */
static void read_end(const json_t *from, struct host_meta_link *to) {
  json_int_t port = json_integer_value(json_object_get(from, "port"));
  const json_t *ips = json_object_get(from, "ips");
  if (port > 0 && port <= UINT16_MAX) to->port = (uint16_t)port;
  for (size_t i = 0; i < json_array_size(ips) && to->ip_count < HOST_META_IPS_MAX; i++) {
    const char *text = json_string_value(json_array_get(ips, i));
    if (text && read_address(text, &to->ips[to->ip_count])) to->ip_count++;
  }
}

bool host_meta_read_json(const char *text, size_t len, struct host_meta *out) {
  json_error_t error;
  out->count = 0;
  json_t *root = len <= HTTP_BODY_MAX ? json_loadb(text, len, 0, &error) : NULL;
  const json_t *links = json_object_get(root, "links");
  bool is_good = json_is_object(root) && (!links || json_is_array(links));

  for (size_t i = 0; is_good && i < json_array_size(links); i++) {
    const json_t *one = json_array_get(links, i);
    const char *relation = json_string_value(json_object_get(one, "rel"));
    struct host_meta_link *to =
        relation ? host_meta_add(out, relation, json_string_value(json_object_get(one, "href"))) : NULL;
    if (to) read_end(one, to);
  }

  json_decref(root);
  return is_good;
}
