/* Intrusive circular doubly linked list. A node that is in no list points at itself. */
#ifndef JIDNS_BASE_LIST_H
#define JIDNS_BASE_LIST_H
#include <stdbool.h>

struct list {
  struct list *next, *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }

static inline void list_append(struct list *head, struct list *node) {
  node->prev = head->prev;
  node->next = head;
  head->prev->next = node;
  head->prev = node;
}

/* Takes node out of whatever list it is in; harmless when it is in none. */
static inline void list_remove(struct list *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  list_init(node);
}

/* The first node, taken out; NULL when the list is empty. */
static inline struct list *list_pop(struct list *head) {
  if (list_empty(head)) return 0;
  struct list *node = head->next;
  list_remove(node);
  return node;
}

/* Walks the list; the current node may be removed. */
#define list_each(node, head)                                                                                \
  for (struct list *node = (head)->next, *node##_next = node->next; node != (head);                          \
       node = node##_next, node##_next = node->next)
#endif
