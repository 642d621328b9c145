/* test_html.c: the HTML writer, and the report of jidns check in HTML, with names made to do harm. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "base/htmlw.h"
#include "tool/check.h"
#include "tool/check_picture.h"
#include "tool/fake.h"

struct paper {
  char *text;
  size_t len;
  struct htmlw w;
};

static void paper_open(struct paper *p) {
  *p = (struct paper){.text = NULL};
  p->w.out = open_memstream(&p->text, &p->len);
}

static char *paper_close(struct paper *p) {
  fclose(p->w.out);
  return p->text;
}

static void expect_text(const char *given, const char *wanted) {
  struct paper p;
  paper_open(&p);
  htmlw_text(&p.w, given);
  char *text = paper_close(&p);
  cr_expect_str_eq(text, wanted, "%s", text);
  free(text);
}

Test(html, nests_elements_with_attributes_and_ends_them) {
  struct paper p;
  paper_open(&p);
  htmlw_open_class(&p.w, "p", "a b");
  htmlw_attrf(&p.w, "id", "x-%d", 7);
  htmlw_text(&p.w, "one");
  htmlw_open(&p.w, "br");
  htmlw_close(&p.w);
  htmlw_element(&p.w, "b", NULL, "two");
  htmlw_close(&p.w);
  char *text = paper_close(&p);
  cr_expect_str_eq(text, "<p class=\"a b\" id=\"x-7\">one<br><b>two</b></p>");
  free(text);
}

Test(html, text_is_never_markup) {
  expect_text("<script>alert('x')</script> & \"q\"",
              "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;q&quot;");
}

Test(html, shows_what_nobody_would_see) {
  expect_text("a\x01\n\x7f", "a\\u{1}\\u{a}\\u{7f}");
  expect_text("\u202egpj.exe\u2066 \u200b\ufeff", "\\u{202e}gpj.exe\\u{2066} \\u{200b}\\u{feff}");
  expect_text("\xff\xc3(", "\\xff\\xc3(");
  expect_text("b\u00fccher \u4f8b \U0001f600", "b\u00fccher \u4f8b \U0001f600");
}

Test(html, an_attribute_cannot_be_left) {
  struct paper p;
  paper_open(&p);
  htmlw_open(&p.w, "a");
  htmlw_attr(&p.w, "href", "\" onclick=\"x' <b>");
  htmlw_close(&p.w);
  char *text = paper_close(&p);
  cr_expect_str_eq(text, "<a href=\"&quot; onclick=&quot;x&#39; &lt;b&gt;\"></a>");
  free(text);
}

/* ---- the report ---- */

static struct checked checked_of(struct fake *f) {
  f->rounds = 0;
  struct typed_domain typed;
  cr_assert_null(domain_read_jid("d.chat", &typed));
  struct checked c = {.facts = facts_new(&typed, LOOKUP_BOTH, NULL, 0), .ms = 7};
  addr_parse("127.0.0.1", 5300, &c.server);
  facts_run(c.facts, fake_ask, f);
  c.report = report_new(c.facts);
  return c;
}

static void checked_free(struct checked *c) {
  report_free(c->report);
  facts_free(c->facts);
}

static char *page_of(const struct checked *list, size_t n, const char *silent) {
  struct check_options o = {.format = CHECK_HTML};
  struct check_html *h = check_html_new();
  char *text = NULL;
  size_t len;
  for (size_t i = 0; i < n; i++) check_html_add(h, &list[i], &o);
  if (silent) check_html_add_silent(h, silent, "no answer in time");
  FILE *out = open_memstream(&text, &len);
  cr_assert(check_html_write(h, out));
  fclose(out);
  check_html_free(h);
  return text;
}

static unsigned count_of(const char *text, const char *what) {
  unsigned n = 0;
  for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) n++;
  return n;
}

static struct fake *with_alias(void) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5222, "im.d.chat"));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5269, "x.d.chat"));
  fake_add(f, "im.d.chat", TYPE_CNAME, 3600, rd_name("x.d.chat"));
  fake_add(f, "x.d.chat", TYPE_A, 3600, rd_a("9.9.1.1"));
  fake_add(f, "x.d.chat", TYPE_AAAA, 3600, rd_aaaa("2a01::1"));
  fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.8.8"));
  return f;
}

Test(html, says_verdict_why_who_is_hurt_and_what_to_paste) {
  static const char *const wanted[] = {"<!DOCTYPE html>\n<html lang=\"en\">",
                                       "default-src &#39;none&#39;",
                                       "Clients reach it:<strong>in part</strong>",
                                       "Servers reach it:<strong>yes</strong>",
                                       ("<details class=\"warning\" open=\"\"><summary><b>warning</b>The "
                                        "target im.d.chat is an alias (CNAME)</summary>"),
                                       "<strong>Why:</strong>",
                                       "<strong>Hurts:</strong> blabber.im",
                                       "_xmpp-client._tcp.d.chat. 3600 IN SRV 5 1 5222 im.d.chat.\n</pre>",
                                       "_xmpp-client._tcp.d.chat. 3600 IN SRV 5 1 5222 x.d.chat.\n</pre>",
                                       "<code>target-alias</code>",
                                       "im.d.chat port 5222, STARTTLS",
                                       "1 warning.",
                                       "</html>\n"};
  struct fake *f = with_alias();
  struct checked c = checked_of(f);
  char *page = page_of(&c, 1, NULL);
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    cr_expect_not_null(strstr(page, wanted[i]), "lacks %s", wanted[i]);
  cr_expect_null(strstr(page, "<nav"), "one domain needs no index");
  cr_expect_null(strstr(page, "<script"));
  cr_expect_null(strstr(page, "http://"));
  cr_expect_null(strstr(page, "https://"));
  free(page);
  checked_free(&c);
  free(f);
}

Test(html, the_picture_marks_what_is_wrong_in_both_forms) {
  struct fake *f = with_alias();
  struct checked c = checked_of(f);
  char *page = page_of(&c, 1, NULL);
  cr_expect_eq(count_of(page, "<svg "), 2);
  cr_expect_eq(count_of(page, "<g class=\"box warning\"><title>im.d.chat: The target"), 2);
  cr_expect_eq(count_of(page, "class=\"mark\""), 2);
  free(page);
  checked_free(&c);
  free(f);
}

Test(html, several_domains_have_an_index_and_silent_ones_are_unknown) {
  struct fake *f = with_alias();
  struct checked list[] = {checked_of(f), checked_of(f)};
  char *page = page_of(list, 2, "silent.chat");
  cr_expect_not_null(strstr(page, "<nav"));
  cr_expect_not_null(strstr(page, "<a href=\"#domain-3\">silent.chat</a>"));
  cr_expect_not_null(strstr(page, "<section id=\"domain-3\">"));
  cr_expect_not_null(strstr(page, "Nothing is known of this domain: no answer in time."));
  free(page);
  checked_free(&list[0]);
  checked_free(&list[1]);
  free(f);
}

Test(html, names_from_the_network_do_no_harm) {
  struct fake *f = fake_new();
  fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600,
           rd_srv(5, 1, 5222, "<script>alert(1)</script>.evil.chat"));
  fake_add(f, "_xmpp-server._tcp.d.chat", TYPE_SRV, 3600,
           rd_srv(5, 1, 5269, "\\027[2J\\226\\128\\174x\"'&.evil.chat"));
  fake_add(f, "d.chat", TYPE_A, 3600, rd_a("9.9.8.8"));
  struct checked c = checked_of(f);
  char *page = page_of(&c, 1, NULL);
  cr_expect_null(strstr(page, "<script"));
  cr_expect_not_null(strstr(page, "&lt;script&gt;"));
  for (const char *p = page; *p; p++) cr_assert((unsigned char)*p >= ' ' || *p == '\n', "octet %d", *p);
  cr_expect_null(strstr(page, "\u202e"));
  free(page);
  checked_free(&c);
  free(f);
}

Test(html, ten_thousand_targets_make_a_page_of_bounded_size) {
  struct fake *f = fake_new();
  char target[64];

  for (int i = 0; i < 500; i++) {
    snprintf(target, sizeof target, "t%d.a-rather-long-name.d.chat", i);
    fake_add(f, "_xmpp-client._tcp.d.chat", TYPE_SRV, 3600, rd_srv(5, 1, 5222, target));
  }

  for (int i = 0; i < 30; i++) {
    snprintf(target, sizeof target, "2a01::%x", i);
    fake_add(f, "t0.a-rather-long-name.d.chat", TYPE_AAAA, 3600, rd_aaaa(target));
  }

  struct checked c = checked_of(f);

  /* The lookup keeps 512; the picture and the table must hold even without that bound. */
  struct service *s = &c.facts->domain->services[0];
  while (s->state != SERVICE_OFFERED) s++;
  size_t real = s->count;
  struct srv *srv = calloc(10000, sizeof *srv), *kept = s->srv;
  const struct host **hosts = calloc(10000, sizeof *hosts), **kept_hosts = s->hosts;
  for (size_t i = 0; i < 10000; i++) {
    srv[i] = kept[i % real];
    hosts[i] = kept_hosts[i % real];
  }

  s->srv = srv;
  s->hosts = hosts;
  s->count = 10000;
  char *page = page_of(&c, 1, NULL);
  cr_expect_eq(count_of(page, ">and 9988 more<"), 4, "twice in each form: title and text");
  cr_expect_eq(count_of(page, ">and 9900 more<"), 1, "in the table of records");
  size_t boxes = 1 + 4 + 3 + (12 + 1) + (11 + 4 + 1) +
                 2; /* of domain, services, states, targets, addresses, the domain itself */
  cr_expect_eq(count_of(page, "<rect "), 2 * boxes);
  s->srv = kept;
  s->hosts = kept_hosts;
  s->count = real;
  free(srv);
  free(hosts);
  free(page);
  checked_free(&c);
  free(f);
}
