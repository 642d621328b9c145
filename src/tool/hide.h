/* What should not be in a report that others read, taken out of a text of settings. */
#ifndef JIDNS_TOOL_HIDE_H
#define JIDNS_TOOL_HIDE_H

/* A copy of text in which lines KEY = VALUE whose key is one of a secret (password, secret, token, key) have
 * "(hidden)" for the value, and URLs no user and password. Pins of TLS are no secret. To be freed; NULL when
 * memory is out. */
char *hide_secrets(const char *text);

/* A copy in which domains that settings name (titles of sections, rebind-allow, name= of fault rules, a
 * server's identity), and all names below them, are domain-1, domain-2 and so on, each the same everywhere.
 * To be freed; NULL when memory is out. */
char *hide_names(const char *text);
#endif
