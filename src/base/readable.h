/* May a file be read, by whom? */
#ifndef JIDNS_BASE_READABLE_H
#define JIDNS_BASE_READABLE_H
#include <stdbool.h>
#include <sys/types.h>

/* Could a process of that user and group, in no other groups, open path to read it? Root tries it in their
 * place; who is not root only in his own. Yes also when there is no such file. Before there are threads;
 * root's supplementary groups are given up. */
bool readable_by(uid_t uid, gid_t gid, const char *path);

/* What to say when a file could not be opened with this errno: the system's words and, where it was a right
 * that lacked, whose, and what to do. */
enum { READABLE_WHY = 200 };
const char *readable_why(int error, char text[READABLE_WHY]);
#endif
