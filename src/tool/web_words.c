/* web_words.c: what has become of a document, for people. Exports web_end_*, web_result_text. */
#include <stdio.h>

#include "tool/web.h"

bool web_end_is_of_host(enum web_end end) {
  return end != WEB_UNTRIED && end != WEB_UNKNOWN && end != WEB_PRIVATE && end != WEB_NO_WAY &&
         end != WEB_SYSTEM;
}

const char *web_end_text(enum web_end end) {
  static const char *const texts[] = {[WEB_GOOD] = "good",
                                      [WEB_UNTRIED] = "not tried: no time left",
                                      [WEB_NO_ADDRESS] = "the host has no address",
                                      [WEB_UNKNOWN] = "not tried: no answer about its addresses",
                                      [WEB_PRIVATE] = "not tried: not an address of the public Internet",
                                      [WEB_NO_WAY] = "no route from here",
                                      [WEB_REFUSED] = "refused",
                                      [WEB_SILENT] = "no answer in time",
                                      [WEB_CUT] = "closed by the server",
                                      [WEB_TLS_FAILED] = "TLS failed",
                                      [WEB_ALIEN] = "does not speak HTTP",
                                      [WEB_TOO_MUCH] = "more than 64 KiB",
                                      [WEB_STATUS] = "HTTP status",
                                      [WEB_BAD_REDIRECT] = "redirects to what is no URL",
                                      [WEB_PLAIN] = "redirects to http://",
                                      [WEB_MANY_REDIRECTS] = "redirects again and again",
                                      [WEB_UNREADABLE] = "can't be read",
                                      [WEB_SYSTEM] = "no socket or memory here"};
  return texts[end];
}

const char *web_result_text(const struct web_document *d, char text[WEB_TEXT]) {
  if (d->end == WEB_STATUS) snprintf(text, WEB_TEXT, "HTTP status %u", d->status);
  else snprintf(text, WEB_TEXT, "%s%s%s", web_end_text(d->end), *d->why ? ": " : "", d->why);
  return text;
}
