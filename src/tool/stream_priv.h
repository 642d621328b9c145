/* Inside the module: Expat's functions, as stream.c loads them; for the other reader of XML as well. */
#ifndef JIDNS_TOOL_STREAM_PRIV_H
#define JIDNS_TOOL_STREAM_PRIV_H
#include <expat.h>

#include "base/library.h"

/* clang-format off */
#define EXPAT_FUNCTIONS(F)                                                                                   \
  F(XML_ParserCreateNS) F(XML_ParserFree) F(XML_SetUserData) F(XML_SetElementHandler)                        \
  F(XML_SetCharacterDataHandler) F(XML_SetStartDoctypeDeclHandler) F(XML_SetProcessingInstructionHandler)    \
  F(XML_SetStartNamespaceDeclHandler)                                                                        \
  F(XML_Parse) F(XML_StopParser)
/* clang-format on */

struct expat {
#define MEMBER(name) LIBRARY_MEMBER(, name)
  EXPAT_FUNCTIONS(MEMBER)
#undef MEMBER
};

struct stream_library {
  void *handle;
  XML_Bool (*set_deferral)(XML_Parser parser, XML_Bool enabled); /* NULL before Expat 2.6 */
  struct expat expat;
};
#endif
