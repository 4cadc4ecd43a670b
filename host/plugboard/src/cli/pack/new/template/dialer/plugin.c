// A dialer: predictive while few calls are abandoned, one call a free agent otherwise.
//
// wit/dialer.wit says what is asked and until when. Numbers only: a dialer has no clock, no network and no memory but its settings. What is exported
// stands in the header that wit-bindgen writes of the contract. Arguments belong to the callee, results to the caller: what is given here is
// freed here, and what is returned comes from malloc. What is left out of a result is 0: an empty list, an empty text, or none.

#include "dialer_plugin.h"

#include <stdlib.h>
#include <string.h>

typedef dialer_plugin_string_t text_t;
typedef exports_plugboard_plugin_dialer_failure_t failure_t;
typedef exports_plugboard_plugin_dialer_list_setting_t settings_t;

static const uint64_t HOUR_MS = 60 * 60 * 1000;
enum {
  // Answered calls before which a rate says nothing.
  FEW = 30,
  // Most calls for each agent who is free, in tenths: a burst is not taken back.
  MOST_TENTHS = 30,
};
// Outcomes of an attempt.
enum { ANSWERED = 0, BUSY = 2, REFUSED = 4, NONE = 255 };

static const char *const WRONG = "`tries` is no whole number from 1 to 20";

// How often a number is tried: as the schema of the settings has it.
static unsigned tries = 3;

static text_t text(const char *of) {
  text_t copy;
  dialer_plugin_string_dup(&copy, of);
  return copy;
}

// 0 where the setting is wrong.
static unsigned read_tries(const settings_t *settings) {
  for (size_t n = 0; n < settings->len; n++) {
    const text_t *name = &settings->ptr[n].name, *set = &settings->ptr[n].value;
    if (name->len != strlen("tries") || memcmp(name->ptr, "tries", name->len))
      continue;
    unsigned number = 0;
    for (size_t at = 0; at < set->len; at++) {
      if (at == 2 || set->ptr[at] < '0' || set->ptr[at] > '9')
        return 0;
      number = number * 10 + (set->ptr[at] - '0');
    }
    return number <= 20 ? number : 0;
  }
  return 3;
}

void exports_plugboard_plugin_dialer_describe(exports_plugboard_plugin_dialer_description_t *description) {
  *description = (exports_plugboard_plugin_dialer_description_t){.name = text("@NAME@")};
}

void exports_plugboard_plugin_dialer_check(settings_t *settings,
                                           exports_plugboard_plugin_dialer_list_problem_t *problems) {
  *problems = (exports_plugboard_plugin_dialer_list_problem_t){0};
  if (!read_tries(settings)) {
    problems->ptr = malloc(sizeof *problems->ptr);
    problems->len = 1;
    *problems->ptr = (exports_plugboard_plugin_dialer_problem_t){
        .severity = EXPORTS_PLUGBOARD_PLUGIN_COMMON_SEVERITY_ERROR,
        .code = text("bad-tries"),
        .field = {true, text("/tries")},
        .message = text(WRONG),
        .remedy = text("write how often a number is tried in all"),
    };
  }
  exports_plugboard_plugin_dialer_list_setting_free(settings);
}

bool exports_plugboard_plugin_dialer_configure(settings_t *settings, failure_t *failure) {
  tries = read_tries(settings);
  exports_plugboard_plugin_dialer_list_setting_free(settings);
  if (!tries)
    *failure = (failure_t){
        .code.tag = EXPORTS_PLUGBOARD_PLUGIN_COMMON_FAILURE_CODE_BAD_SETTINGS,
        .message = text(WRONG),
    };
  return tries;
}

// Enough that each free agent gets one who answers, less those who are on their way.
bool exports_plugboard_plugin_dialer_pace(exports_plugboard_plugin_dialer_stats_t *stats,
                                          exports_plugboard_plugin_dialer_tempo_t *tempo, failure_t *failure) {
  (void)failure;
  uint64_t wanted = stats->agents_free > stats->waiting ? stats->agents_free - stats->waiting : 0, tenths = 10;
  bool is_within = stats->abandoned_total * 1000ull < (uint64_t)stats->abandon_limit * stats->answered_total;
  if (stats->answered_total >= FEW && is_within) {
    tenths = stats->placed_total * 10ull / stats->answered_total;
    tenths = tenths < 10 ? 10 : tenths > MOST_TENTHS ? MOST_TENTHS : tenths;
  }
  uint64_t calls = wanted * tenths / 10;
  calls = calls > stats->ringing ? calls - stats->ringing : 0;
  calls = calls > stats->lines_free ? stats->lines_free : calls;
  calls = calls > stats->numbers_left ? stats->numbers_left : calls;
  *tempo = (exports_plugboard_plugin_dialer_tempo_t){.calls = (uint32_t)calls};
  exports_plugboard_plugin_dialer_stats_free(stats);
  return true;
}

bool exports_plugboard_plugin_dialer_next_attempt(exports_plugboard_plugin_dialer_history_t *history,
                                                  exports_plugboard_plugin_dialer_next_t *next, failure_t *failure) {
  (void)failure;
  size_t tried = history->attempts.len;
  uint8_t last = tried ? history->attempts.ptr[0].outcome : NONE;
  *next = (exports_plugboard_plugin_dialer_next_t){.tag = EXPORTS_PLUGBOARD_PLUGIN_DIALER_NEXT_NEVER};
  // Whoever said no is not asked again.
  if (last != ANSWERED && last != REFUSED && tried < tries) {
    next->tag = EXPORTS_PLUGBOARD_PLUGIN_DIALER_NEXT_AT;
    // Busy is over sooner than nobody at home.
    next->val.at = history->at_ms + (last == BUSY ? HOUR_MS / 4 : HOUR_MS << (tried < 5 ? tried : 5));
  }
  exports_plugboard_plugin_dialer_history_free(history);
  return true;
}
