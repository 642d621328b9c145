/* A resolv.conf's text, and those of its managers, with jidnsd in them and without. Pure. */
#ifndef JIDNS_TOOL_HOST_TEXT_H
#define JIDNS_TOOL_HOST_TEXT_H
#include <stdbool.h>
#include <stdio.h>

/* The resolv.conf at text with jidnsd first and, at most, HOST_SERVERS in all; those beyond become comments,
 * all other lines stay. Owned by the caller. */
char *host_text_first(const char *text);

/* Text and behind it the lines at block, between two comments by which host_text_without finds them. Owned by
 * the caller. */
char *host_text_with(const char *text, const char *block);

/* Text without what the two above put there: *found says whether there was any. Where the second of the two
 * comments is gone, only lines that jidns writes go. Owned by the caller. */
char *host_text_without(const char *text, bool *found);

/* The nth `nameserver` of a resolv.conf, from 0, NUL-terminated in out; false: there are fewer. */
bool host_text_server(const char *text, unsigned nth, char *out, size_t room);

/* What differs, line by line, as `diff -u` shows it but whole; NULL for a file that is not there. */
void host_text_diff(const char *path, const char *before, const char *after, FILE *out);
#endif
