/* A library that can't do all: a policy forbids it. */
#ifndef JIDNS_TESTS_LACKING_H
#define JIDNS_TESTS_LACKING_H
#include "crypto/verify.h"

void lacking_digest(struct verifier *v, enum digest which);
void lacking_algorithm(struct verifier *v, uint8_t algorithm);
#endif
