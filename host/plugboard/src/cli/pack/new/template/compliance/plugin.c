// A compliance rule: no calls in the called person's night.
//
// wit/compliance.wit says what is judged and when. A rule has no clock: the time of an act stands in it. What is exported stands in the header that
// wit-bindgen writes of the contract. Arguments belong to the callee, results to the caller: what is given here is freed here, and what is
// returned comes from malloc. What is left out of a result is 0: an empty list, an empty text, or none.

#include "compliance_plugin.h"

#include <stdlib.h>
#include <string.h>

typedef compliance_plugin_string_t text_t;
typedef exports_plugboard_plugin_compliance_failure_t failure_t;
typedef exports_plugboard_plugin_compliance_list_setting_t settings_t;
typedef exports_plugboard_plugin_compliance_verdict_t verdict_t;

#define DECISION(name) EXPORTS_PLUGBOARD_PLUGIN_COMPLIANCE_TYPES_DECISION_##name

enum { MINUTE_MS = 60000, DAY_MIN = 24 * 60 };

// First and last minute of the day in which people are called: what the schema has as its defaults.
typedef struct {
  int32_t from, until;
} day_t;
static const day_t DEFAULT = {8 * 60, 21 * 60};
static day_t day;

static text_t text(const char *of) {
  text_t copy;
  compliance_plugin_string_dup(&copy, of);
  return copy;
}

static bool is(const text_t *text, const char *name) {
  return text->len == strlen(name) && !memcmp(text->ptr, name, text->len);
}

// An hour from 0 to 24, in minutes; -1 where it is none.
static int32_t minutes(const text_t *hour) {
  int32_t hours = 0;
  if (hour->len < 1 || hour->len > 2)
    return -1;
  for (size_t n = 0; n < hour->len; n++) {
    if (hour->ptr[n] < '0' || hour->ptr[n] > '9')
      return -1;
    hours = hours * 10 + (hour->ptr[n] - '0');
  }
  return hours <= 24 ? hours * 60 : -1;
}

// NULL, or which setting is wrong.
static const char *read_day(const settings_t *settings, day_t *day) {
  *day = DEFAULT;
  for (size_t n = 0; n < settings->len; n++) {
    const text_t *name = &settings->ptr[n].name;
    int32_t at = minutes(&settings->ptr[n].value);
    if (is(name, "from")) {
      if (at < 0)
        return "from";
      day->from = at;
    } else if (is(name, "until")) {
      if (at < 0)
        return "until";
      day->until = at;
    }
  }
  return day->from < day->until ? NULL : "until";
}

// Milliseconds until the day begins where that clock stands; 0: it is day.
static uint64_t wait_ms(uint64_t at_ms, int16_t offset_min) {
  int32_t minute = ((int32_t)(at_ms / MINUTE_MS % DAY_MIN) + offset_min % DAY_MIN + DAY_MIN) % DAY_MIN;
  if (minute < day.from)
    return (uint64_t)(day.from - minute) * MINUTE_MS;
  return minute < day.until ? 0 : (uint64_t)(DAY_MIN - minute + day.from) * MINUTE_MS;
}

void exports_plugboard_plugin_compliance_describe(exports_plugboard_plugin_compliance_description_t *description) {
  *description = (exports_plugboard_plugin_compliance_description_t){.name = text("@NAME@"), .revision = 1};
  description->judges.ptr = malloc(sizeof *description->judges.ptr);
  description->judges.ptr[description->judges.len++] = text("dial");
}

void exports_plugboard_plugin_compliance_check(settings_t *settings,
                                               exports_plugboard_plugin_compliance_list_problem_t *problems) {
  day_t read;
  const char *wrong = read_day(settings, &read);
  *problems = (exports_plugboard_plugin_compliance_list_problem_t){0};
  if (wrong) {
    problems->ptr = malloc(sizeof *problems->ptr);
    problems->len = 1;
    *problems->ptr = (exports_plugboard_plugin_compliance_problem_t){
        .severity = EXPORTS_PLUGBOARD_PLUGIN_COMMON_SEVERITY_ERROR,
        .code = text("bad-hour"),
        .field = {true, text(*wrong == 'f' ? "/from" : "/until")},
        .message = text("it is no hour of the day that begins at `from`"),
        .remedy = text("write whole hours, `from` before `until`, 0 to 24"),
    };
  }
  exports_plugboard_plugin_compliance_list_setting_free(settings);
}

bool exports_plugboard_plugin_compliance_configure(settings_t *settings, failure_t *failure) {
  const char *wrong = read_day(settings, &day);
  exports_plugboard_plugin_compliance_list_setting_free(settings);
  if (wrong)
    *failure = (failure_t){
        .code.tag = EXPORTS_PLUGBOARD_PLUGIN_COMMON_FAILURE_CODE_BAD_SETTINGS,
        .message = text(wrong),
    };
  return !wrong;
}

bool exports_plugboard_plugin_compliance_judge(exports_plugboard_plugin_compliance_act_t *act, verdict_t *verdict,
                                               failure_t *failure) {
  (void)failure;
  *verdict = (verdict_t){.decision.tag = DECISION(ALLOW)};
  if (act->what.tag == EXPORTS_PLUGBOARD_PLUGIN_COMPLIANCE_TYPES_EFFECT_DIAL) {
    // Where nobody knows what time it is there, the site's own clock counts.
    const compliance_plugin_option_s16_t *theirs = &act->what.val.dial.their_offset_min;
    uint64_t wait = wait_ms(act->at_ms, theirs->is_some ? theirs->val : act->utc_offset_min);
    verdict->code = text(wait ? "night" : "by-day");
    if (wait) {
      verdict->decision.tag = DECISION(LATER);
      verdict->decision.val.later = act->at_ms + wait;
      verdict->reason = text("it is night where they are");
    }
  } else {
    verdict->code = text("not-a-call");
  }
  exports_plugboard_plugin_compliance_act_free(act);
  return true;
}

// `describe` says that it takes no part in what follows: it is not asked.

// The state stays as it is, and goes back to the caller.
bool exports_plugboard_plugin_compliance_on_utterance(compliance_plugin_list_u8_t *state,
                                                      exports_plugboard_plugin_compliance_segment_t *segment,
                                                      exports_plugboard_plugin_compliance_heard_t *heard,
                                                      failure_t *failure) {
  (void)failure;
  *heard = (exports_plugboard_plugin_compliance_heard_t){.state = *state};
  exports_plugboard_plugin_compliance_segment_free(segment);
  return true;
}

bool exports_plugboard_plugin_compliance_review(exports_plugboard_plugin_compliance_transcript_t *transcript,
                                                exports_plugboard_plugin_compliance_list_finding_t *findings,
                                                failure_t *failure) {
  (void)failure;
  *findings = (exports_plugboard_plugin_compliance_list_finding_t){0};
  exports_plugboard_plugin_compliance_transcript_free(transcript);
  return true;
}

bool exports_plugboard_plugin_compliance_redact(text_t *said, text_t *language,
                                                exports_plugboard_plugin_compliance_list_span_t *spans,
                                                failure_t *failure) {
  (void)failure;
  *spans = (exports_plugboard_plugin_compliance_list_span_t){0};
  compliance_plugin_string_free(said);
  compliance_plugin_string_free(language);
  return true;
}
