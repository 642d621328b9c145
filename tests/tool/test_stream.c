/* test_stream.c: what an XMPP server says before a login, in any pieces, and what is none. */
#include "tool/stream.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define OPENING                                                                                              \
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "                                               \
  "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"
#define STARTTLS "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>%s</starttls>"

static struct stream_library *library;

static void setup(void) {
  library = stream_library_new(stderr);
  cr_assert_not_null(library);
}

static void teardown(void) { stream_library_free(library); }

/* Reads text in pieces of that many octets. */
static enum stream_state read_stream(const char *text, size_t piece, struct stream_facts *facts) {
  struct stream *s = stream_new(library, facts);
  enum stream_state state = STREAM_OPENING;
  for (size_t at = 0, len = strlen(text); at < len && state == STREAM_OPENING; at += piece)
    state = stream_put(s, text + at, len - at < piece ? len - at : piece);
  stream_free(s);
  return state;
}

static void expect_state(const char *text, enum stream_state wanted) {
  for (size_t piece = 1; piece < 2000; piece = piece * 7 + 1) {
    struct stream_facts facts = {.opened = false};
    cr_expect_eq(read_stream(text, piece, &facts), wanted, "%.60s in pieces of %zu", text, piece);
  }
}

Test(stream, reads_features_in_any_pieces, .init = setup, .fini = teardown) {
  static const char text[] = OPENING
      "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
      "<dialback xmlns='urn:xmpp:features:dialback'/><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"
      "<mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism><mechanism>EXTERNAL</mechanism>"
      "<mechanism>a&lt;b</mechanism></mechanisms></stream:features>";
  for (size_t piece = 1; piece <= sizeof text; piece++) {
    struct stream_facts f = {.opened = false};
    cr_assert_eq(read_stream(text, piece, &f), STREAM_FEATURES, "%zu", piece);
    cr_assert(f.opened && f.starttls && f.starttls_required && f.dialback && f.scram && f.plain, "%zu",
              piece);
    cr_assert_str_eq(f.mechanisms, "SCRAM-SHA-1-PLUS PLAIN EXTERNAL");
  }
}

Test(stream, goes_on_to_the_answer_to_starttls, .init = setup, .fini = teardown) {
  static const char features[] = OPENING "<stream:features/>",
                    proceed[] = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
  struct stream_facts f = {.opened = false};
  struct stream *s = stream_new(library, &f);
  cr_assert_eq(stream_put(s, features, strlen(features)), STREAM_FEATURES);
  stream_expect_answer(s);
  cr_expect_eq(stream_put(s, proceed, strlen(proceed)), STREAM_PROCEED);
  stream_free(s);
  expect_state(OPENING "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", STREAM_FAILURE);
}

Test(stream, tells_the_condition_of_an_error, .init = setup, .fini = teardown) {
  struct stream_facts f = {.opened = false};
  cr_expect_eq(read_stream(OPENING
                           "<stream:error><host-unknown "
                           "xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text>x</text></stream:error>",
                           5, &f),
               STREAM_ERROR);
  cr_expect_str_eq(f.error, "host-unknown");
}

Test(stream, refuses_what_is_no_stream, .init = setup, .fini = teardown) {
  expect_state("HTTP/1.1 400 Bad Request\r\n", STREAM_MALFORMED);
  expect_state("<html><body/></html>", STREAM_MALFORMED);
  expect_state(OPENING "</stream:stream>", STREAM_CLOSED);
  expect_state("<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'c'>]><a/>", STREAM_MALFORMED);
  expect_state(OPENING "<?php x?>", STREAM_MALFORMED);
  expect_state(OPENING "<stream:features><a>&lol;</a>", STREAM_MALFORMED);
  expect_state(OPENING "<a xmlns:b='c' b:d='1' b:d='2'/>", STREAM_MALFORMED);
  expect_state(OPENING "<stream:features></stream:error>", STREAM_MALFORMED);
  expect_state(OPENING "<a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>", STREAM_MALFORMED);
}

Test(stream, reads_no_more_than_its_bound, .init = setup, .fini = teardown) {
  struct stream_facts f = {.opened = false};
  struct stream *s = stream_new(library, &f);
  size_t taken = 0;
  enum stream_state state = stream_put(s, OPENING "<stream:features>", strlen(OPENING "<stream:features>"));
  while (state == STREAM_OPENING && taken < 10 * STREAM_OCTETS_MAX) {
    state = stream_put(s, "<mechanism>A</mechanism>", 24);
    taken += 24;
  }
  cr_expect_eq(state, STREAM_MALFORMED);
  cr_expect_leq(taken, STREAM_OCTETS_MAX);
  stream_free(s);
}

Test(stream, opens_to_no_name_that_could_be_markup) {
  char text[512];
  cr_expect_gt(stream_opening(true, "d.chat", text, sizeof text), 0);
  cr_expect_not_null(strstr(text, "xmlns='jabber:server'"));
  cr_expect_eq(stream_opening(false, "d'><x/>.chat", text, sizeof text), 0);
  cr_expect_eq(stream_opening(false, "d.chat", text, 100), 0);
}

Test(stream, reads_where_a_server_sends_on_to_and_who_knows_dialback, .init = setup, .fini = teardown) {
  static const char text[] =
      "<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
      "xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><stream:error>"
      "<see-other-host "
      "xmlns='urn:ietf:params:xml:ns:xmpp-streams'>y.d.chat:52&#50;2 &#x202e;</see-other-host>"
      "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>go on</text></stream:error>";
  for (size_t piece = 1; piece <= sizeof text; piece++) {
    struct stream_facts f = {.opened = false};
    cr_assert_eq(read_stream(text, piece, &f), STREAM_ERROR, "%zu", piece);
    cr_assert_str_eq(f.error, "see-other-host");
    cr_assert_str_eq(f.other_host, "y.d.chat:5222????");
    cr_assert(f.declares_dialback && !f.dialback);
  }
}
