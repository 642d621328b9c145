/* Descriptors that a program is started with. */
#ifndef JIDNS_BASE_DESCRIPTORS_H
#define JIDNS_BASE_DESCRIPTORS_H

/* Fills those of 0 to 2 that are closed, so that no socket or file becomes standard output or error. They
 * fail when used, as closed ones do. First of all in main. */
void descriptors_fill(void);

/* As many as the system allows: connections and upstream sockets of all workers need more than the usual
 * 1024. */
void descriptors_raise(void);

/* Below that number are those that clients' connections may have; the rest, a quarter of all or
 * DESCRIPTORS_KEPT, is kept for questions upstream. A new one is the lowest that is free, so its number tells
 * how many are in use. */
enum { DESCRIPTORS_KEPT = 256 };
int descriptors_for_clients(void);
#endif
