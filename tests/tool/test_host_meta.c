/* test_host_meta.c: links of host-meta documents, in both forms, and documents that mean harm. */
#include "tool/host_meta.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tool/check.h"
#include "tool/stream.h"

#define XRD "<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"
#define LINK(rel, href) "<Link rel='urn:xmpp:alt-connections:" rel "' href='" href "'/>"

static bool read_xml(const char *text, size_t len, struct host_meta *out) {
  struct stream_library *l = stream_library_new(stderr);
  cr_assert_not_null(l);
  bool is_good = host_meta_read_xml(l, text, len, out);
  stream_library_free(l);
  return is_good;
}

static bool read_text(const char *text, struct host_meta *out) { return read_xml(text, strlen(text), out); }

Test(host_meta, reads_links_to_websocket_and_bosh_from_xml) {
  struct host_meta m;
  cr_assert(read_text("<?xml version='1.0' encoding='utf-8'?><?xml-stylesheet href='x'?>" XRD
                      "<Link rel='lrdd' template='x'/>" LINK("xbosh", "https://d.chat/b")
                          LINK("websocket", "wss://d.chat/w")
                              LINK("httppoll", "x") "<a>" LINK("xbosh", "nested") "</a></XRD>",
                      &m));
  cr_assert_eq(m.count, 2);
  cr_expect_eq(m.links[0].kind, HOST_META_BOSH);
  cr_expect_str_eq(m.links[1].href, "wss://d.chat/w");
  cr_expect(host_meta_has_web(&m) && host_meta_is_secure(&m.links[0]) && host_meta_is_secure(&m.links[1]));
}

Test(host_meta, refuses_what_is_no_xrd) {
  struct host_meta m;
  static const char *const bad[] = {"",
                                    "not found",
                                    "<html/>",
                                    "<XRD/>",
                                    XRD,
                                    XRD "</XRD><x/>",
                                    "<!DOCTYPE XRD [<!ENTITY a 'b'>]>" XRD "</XRD>",
                                    "<!DOCTYPE html>" XRD "</XRD>"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) cr_expect_not(read_text(bad[i], &m), "%s", bad[i]);
}

Test(host_meta, depth_links_and_length_are_bounded) {
  struct host_meta m;
  size_t room = 100000;
  char *text = malloc(room + 100);

  strcpy(text, XRD);
  for (int i = 0; i < 100; i++) strcat(text, LINK("websocket", "wss://d.chat/w"));
  strcat(text, "</XRD>");
  cr_expect(read_text(text, &m));
  cr_expect_eq(m.count, HOST_META_LINKS_MAX);

  strcpy(text, XRD);
  for (int i = 0; i < 1000; i++) strcat(text, "<a>");
  cr_expect_not(read_text(text, &m));

  memset(text, ' ', room);
  cr_expect_not(read_xml(text, room, &m));
  free(text);
}

Test(host_meta, an_href_is_printable_ascii_that_fits) {
  struct host_meta m = {.count = 0};
  char href[2 * HTTP_URL];
  memset(href, 'a', sizeof href);
  href[sizeof href - 1] = 0;
  cr_assert_not_null(host_meta_add(&m, "urn:xmpp:alt-connections:websocket", "ws://x\x1b[31m\xe2\x80\xae y"));
  cr_expect_str_eq(m.links[0].href, "ws://x?[31m????y");
  cr_assert_not_null(host_meta_add(&m, "urn:xmpp:alt-connections:websocket", href));
  cr_expect_eq(strlen(m.links[1].href), HTTP_URL - 1);
  cr_assert_not_null(host_meta_add(&m, "urn:xmpp:alt-connections:xbosh", NULL));
  cr_expect_not(host_meta_is_secure(&m.links[2]));
}

Test(host_meta, reads_links_and_ends_from_json) {
  static const char text[] =
      "{\"xmpp\":{\"ttl\":300},\"links\":[{\"rel\":\"urn:xmpp:alt-connections:websocket\",\"href\":\"wss://"
      "d.chat/w\"},"
      "{\"rel\":\"urn:xmpp:alt-connections:tls\",\"port\":5223,\"ips\":[\"9.9.1.1\",\"2a01::1\",\"x\",7]},"
      "{\"rel\":\"urn:xmpp:alt-connections:s2s-tls\",\"port\":70000},{\"rel\":7},7]}";
  struct host_meta m;
  if (!check_has_json()) return;
  cr_assert(host_meta_read_json(text, sizeof text - 1, &m));
  cr_assert_eq(m.count, 3);
  cr_expect_str_eq(m.links[0].href, "wss://d.chat/w");
  cr_expect(m.links[1].kind == HOST_META_TLS && m.links[1].port == 5223 && m.links[1].ip_count == 2);
  cr_expect(m.links[2].kind == HOST_META_S2S_TLS && m.links[2].port == 0);
}

Test(host_meta, refuses_what_is_no_json_with_links) {
  static const char *const bad[] = {"", "<html>", "[]", "7", "{\"links\":7}", "{\"links\":[}", "{} x"};
  struct host_meta m;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    cr_expect_not(host_meta_read_json(bad[i], strlen(bad[i]), &m), "%s", bad[i]);

  char *deep = malloc(60000);
  memset(deep, '[', 60000);
  cr_expect_not(host_meta_read_json(deep, 60000, &m));
  free(deep);
}
