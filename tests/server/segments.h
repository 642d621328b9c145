/* How many segments with data a TCP connection's end has received: as many as the other end made writes,
 * while these are small. 0 also when the kernel does not say. */
#ifndef JIDNS_SERVER_SEGMENTS_H
#define JIDNS_SERVER_SEGMENTS_H
unsigned client_segments(int fd);
#endif
