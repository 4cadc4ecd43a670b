// Prefers the customer's last agent, else the longest idle: a routing policy of Plugboard in C.
//
// All that is exported stands in the header that wit-bindgen writes of the contract. Arguments belong to the callee, results to the caller:
// what is given here is freed here, and what is returned comes from `malloc`.

#include "routing_plugin.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef exports_plugboard_plugin_routing_waiting_t waiting_t;
typedef exports_plugboard_plugin_routing_candidate_t candidate_t;
typedef exports_plugboard_plugin_routing_order_t order_t;
typedef exports_plugboard_plugin_routing_relaxed_t relaxed_t;
typedef exports_plugboard_plugin_routing_failure_t failure_t;
typedef exports_plugboard_plugin_routing_list_need_t needs_t;
typedef exports_plugboard_plugin_routing_list_column_t columns_t;

// Number of the attribute in the question's columns; none: this host, or this queue, does not give it.
static uint32_t last_agent = UINT32_MAX;

bool exports_plugboard_plugin_routing_configure(exports_plugboard_plugin_routing_tables_t *tables, failure_t *failure) {
  static const char name[] = "last-agent";
  (void)failure;
  for (size_t n = 0; n < tables->attributes.len; n++) {
    routing_plugin_string_t *attribute = &tables->attributes.ptr[n];
    if (attribute->len == sizeof name - 1 && !memcmp(attribute->ptr, name, sizeof name - 1))
      last_agent = (uint32_t)n;
  }
  exports_plugboard_plugin_routing_tables_free(tables);
  return true;
}

// The greatest key first, equal ones by number.
typedef struct {
  uint64_t key;
  uint32_t number;
} ranked_t;

static int by_key(const void *a, const void *b) {
  const ranked_t *left = a, *right = b;
  if (left->key != right->key)
    return left->key < right->key ? 1 : -1;
  return left->number < right->number ? -1 : left->number > right->number;
}

static order_t in_order(ranked_t *ranked, size_t count) {
  order_t order = {0};
  qsort(ranked, count, sizeof *ranked, by_key);
  order.numbers.len = count;
  order.numbers.ptr = malloc(count * sizeof *order.numbers.ptr);
  for (size_t n = 0; n < count; n++)
    order.numbers.ptr[n] = ranked[n].number;
  free(ranked);
  return order;
}

bool exports_plugboard_plugin_routing_rank_agents(waiting_t *who, needs_t *needs,
                                                  exports_plugboard_plugin_routing_list_candidate_t *agents,
                                                  columns_t *columns, order_t *order, failure_t *failure) {
  (void)who, (void)failure;
  const int32_t *is_last = NULL;
  for (size_t n = 0; n < columns->len; n++)
    if (columns->ptr[n].attribute == last_agent && columns->ptr[n].values.len == agents->len)
      is_last = columns->ptr[n].values.ptr;
  ranked_t *ranked = malloc(agents->len * sizeof *ranked);
  for (size_t n = 0; n < agents->len; n++) {
    candidate_t *agent = &agents->ptr[n];
    uint64_t sticks = is_last && is_last[n] == 1;
    ranked[n] = (ranked_t){sticks << 32 | agent->idle_ms, agent->number};
  }
  *order = in_order(ranked, agents->len);
  exports_plugboard_plugin_routing_list_need_free(needs);
  exports_plugboard_plugin_routing_list_candidate_free(agents);
  exports_plugboard_plugin_routing_list_column_free(columns);
  return true;
}

// Highest priority, then longest wait.
bool exports_plugboard_plugin_routing_rank_waiting(candidate_t *agent,
                                                   exports_plugboard_plugin_routing_list_waiting_t *waiting,
                                                   columns_t *columns, order_t *order, failure_t *failure) {
  (void)agent, (void)failure;
  ranked_t *ranked = malloc(waiting->len * sizeof *ranked);
  for (size_t n = 0; n < waiting->len; n++) {
    waiting_t *one = &waiting->ptr[n];
    ranked[n] = (ranked_t){(uint64_t)one->priority << 32 | one->waited_ms, one->number};
  }
  *order = in_order(ranked, waiting->len);
  exports_plugboard_plugin_routing_list_waiting_free(waiting);
  exports_plugboard_plugin_routing_list_column_free(columns);
  return true;
}

// The needs stay as they are, and go back to the caller.
bool exports_plugboard_plugin_routing_on_timer(waiting_t *who, needs_t *needs, relaxed_t *relaxed, failure_t *failure) {
  (void)who, (void)failure;
  *relaxed = (relaxed_t){.needs = *needs};
  return true;
}
