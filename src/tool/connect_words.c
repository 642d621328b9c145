/* connect_words.c: what connections are called. Exports connect_phase_word, connect_end_text. */
#include "tool/connect.h"

const char *connect_phase_word(enum connect_phase p) {
  static const char *const words[] = {
      [PHASE_CONNECT] = "connect", [PHASE_STREAM] = "stream",     [PHASE_STARTTLS] = "starttls",
      [PHASE_TLS] = "handshake",   [PHASE_FEATURES] = "features", [PHASE_DONE] = "done"};
  return words[p];
}

const char *connect_end_text(enum connect_end e) {
  static const char *const texts[] = {[END_GOOD] = "good",
                                      [END_PRIVATE] = "not tried: not an address of the public Internet",
                                      [END_NO_TIME] = "not tried: no time left",
                                      [END_NO_WAY] = "no route from here",
                                      [END_REFUSED] = "refused",
                                      [END_SILENT] = "no answer in time",
                                      [END_CUT] = "closed by the server",
                                      [END_NOT_XMPP] = "does not speak XMPP",
                                      [END_XML_FIRST] = "speaks STARTTLS, not direct TLS",
                                      [END_TLS_FIRST] = "speaks direct TLS, not STARTTLS",
                                      [END_NO_STARTTLS] = "does not offer STARTTLS",
                                      [END_TLS_FAILED] = "TLS failed",
                                      [END_HOST_UNKNOWN] = "does not serve the domain",
                                      [END_SEE_OTHER] = "sends on to another host",
                                      [END_STREAM_ERROR] = "stream error",
                                      [END_SYSTEM] = "no socket or memory here"};
  return texts[e];
}
