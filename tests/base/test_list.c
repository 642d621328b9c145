/* test_list.c: the intrusive list. */
#include <criterion/criterion.h>

#include "base/list.h"
#include "base/must.h"

struct item {
  int n;
  struct list link;
};

static int number(struct list *node) { return container(node, struct item, link)->n; }

/* The list's numbers as digits of one, first to last; walks both ways and compares. */
static int digits(struct list *head) {
  int forth = 0, back = 0, place = 1;
  list_each(node, head) forth = forth * 10 + number(node);
  for (struct list *node = head->prev; node != head; node = node->prev, place *= 10)
    back += number(node) * place;
  cr_expect_eq(forth, back);
  return forth;
}

static void fill(struct list *head, struct item *items, int n) {
  list_init(head);
  for (int i = 0; i < n; i++) {
    items[i].n = i + 1;
    list_append(head, &items[i].link);
  }
}

Test(list, keeps_the_order_of_appending) {
  struct list head;
  struct item items[4];
  list_init(&head);
  cr_expect(list_empty(&head));
  cr_expect_eq(digits(&head), 0);
  fill(&head, items, 4);
  cr_expect_not(list_empty(&head));
  cr_expect_eq(digits(&head), 1234);
}

Test(list, removes_first_middle_last_and_only) {
  struct list head;
  struct item items[4];
  fill(&head, items, 4);
  list_remove(&items[1].link);
  cr_expect_eq(digits(&head), 134);
  list_remove(&items[0].link);
  cr_expect_eq(digits(&head), 34);
  list_remove(&items[3].link);
  cr_expect_eq(digits(&head), 3);
  list_remove(&items[2].link);
  cr_expect(list_empty(&head));
}

Test(list, removing_twice_is_harmless) {
  struct list head;
  struct item items[3];
  fill(&head, items, 3);
  list_remove(&items[1].link);
  list_remove(&items[1].link);
  cr_expect(list_empty(&items[1].link));
  cr_expect_eq(digits(&head), 13);
  list_append(&head, &items[1].link);
  cr_expect_eq(digits(&head), 132);
}

Test(list, pops_from_the_front_until_there_is_nothing) {
  struct list head;
  struct item items[3];
  fill(&head, items, 3);
  for (int i = 0; i < 3; i++) {
    struct list *node = list_pop(&head);
    cr_assert_eq(node, &items[i].link);
    cr_expect(list_empty(node));
  }
  cr_expect_null(list_pop(&head));
}

Test(list, the_node_at_hand_may_be_removed_while_walking) {
  struct list head;
  struct item items[6];
  fill(&head, items, 6);
  list_each(node, &head) {
    if (number(node) % 2) list_remove(node);
  }
  cr_expect_eq(digits(&head), 246);
  list_each(node, &head) list_remove(node);
  cr_expect(list_empty(&head));
}

Test(list, a_node_can_move_to_another_list) {
  struct list a, b;
  struct item items[2];
  fill(&a, items, 2);
  list_init(&b);
  list_remove(&items[0].link);
  list_append(&b, &items[0].link);
  cr_expect_eq(digits(&a), 2);
  cr_expect_eq(digits(&b), 1);
}
