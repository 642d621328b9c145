/* Descriptors that a program is started with. */
#ifndef JIDNS_BASE_DESCRIPTORS_H
#define JIDNS_BASE_DESCRIPTORS_H

/* Fills those of 0 to 2 that are closed, so that no socket or file becomes standard output or error. They fail when used, as closed ones
 * do. First of all in main. */
void descriptors_fill(void);

/* As many as the system allows: connections and upstream sockets of all workers need more than the usual 1024. */
void descriptors_raise(void);
#endif
