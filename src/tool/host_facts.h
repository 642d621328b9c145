/* What a machine, or a folder that holds one's files, has that matters for its resolv.conf. */
#ifndef JIDNS_TOOL_HOST_FACTS_H
#define JIDNS_TOOL_HOST_FACTS_H
#include "tool/host.h"

enum { HOST_FILE_MOST = 1 << 20 }; /* octets; a longer file is not read: EFBIG */

/* root: the folder in which paths begin, "" for the machine itself. Free it with host_facts_free. */
void host_facts_read(const char *root, struct host_facts *f);

/* The file at path below root, links within root followed for its text. Free it with host_file_free. */
void host_file_read(const char *root, const char *path, struct host_file *file);
void host_file_free(struct host_file *file);

/* root and path as one; owned by the caller. */
char *host_path_join(const char *root, const char *path);
#endif
