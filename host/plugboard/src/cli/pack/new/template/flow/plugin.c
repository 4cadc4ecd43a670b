// A flow: greets the caller, who presses 1 to stand in a queue, and says sorry when no agent took them.
//
// wit/flow.wit says all that may happen and all that can be asked for. A flow has no clock and no memory but `state`. What is exported stands in the
// header that wit-bindgen writes of the contract. Arguments belong to the callee, results to the caller: what is given here is freed here, and
// what is returned comes from malloc. What is left out of a result is 0: an empty list, an empty text, or none.

#include "flow_plugin.h"

#include <stdlib.h>
#include <string.h>

typedef flow_plugin_string_t text_t;
typedef exports_plugboard_plugin_flow_failure_t failure_t;
typedef exports_plugboard_plugin_flow_list_setting_t settings_t;
typedef exports_plugboard_plugin_flow_stepped_t stepped_t;
typedef exports_plugboard_plugin_flow_visit_t visit_t;
typedef exports_plugboard_plugin_flow_types_action_t action_t;
typedef exports_plugboard_plugin_flow_types_event_t event_t;
typedef exports_plugboard_plugin_flow_types_prompt_t prompt_t;

#define EFFECT(name) EXPORTS_PLUGBOARD_PLUGIN_FLOW_TYPES_EFFECT_##name
#define HAPPENING(name) EXPORTS_PLUGBOARD_PLUGIN_FLOW_TYPES_HAPPENING_##name
#define NEWS(name) EXPORTS_PLUGBOARD_PLUGIN_FLOW_TYPES_QUEUE_NEWS_##name

// Where the flow waits. Its number is the whole state; `revision` goes up when an old number means something else. AGAIN is the menu once more:
// nothing, or another key, was pressed.
typedef enum { NOWHERE, MENU, AGAIN, QUEUE, SORRY, OVER } place_t;
static const char *const NAMES[] = {"", "menu", "again", "queue", "sorry", "over"};

// Of the action whose end moves the flow on: unique in the interaction and rising.
static uint32_t token(place_t place) { return place * 10u; }

// What `configure` was told; the greeting is the schema's default until then.
static char *queue;
static char *greeting = "Welcome. Press 1 to talk to us.";
static const char *const SORRY_TEXT = "Nobody can help you now. Please call again.";

static text_t text(const char *of) {
  text_t copy;
  flow_plugin_string_dup(&copy, of);
  return copy;
}

// A setting's value, to be freed; NULL where it is not there.
static char *value(const settings_t *settings, const char *name) {
  for (size_t n = 0; n < settings->len; n++) {
    const text_t *key = &settings->ptr[n].name, *found = &settings->ptr[n].value;
    if (key->len == strlen(name) && !memcmp(key->ptr, name, key->len)) {
      char *copy = calloc(found->len + 1, 1);
      memcpy(copy, found->ptr, found->len);
      return copy;
    }
  }
  return NULL;
}

static bool fails(failure_t *failure, uint8_t code, const char *message) {
  *failure = (failure_t){.code.tag = code, .message = text(message)};
  return false;
}

void exports_plugboard_plugin_flow_describe(exports_plugboard_plugin_flow_description_t *description) {
  *description = (exports_plugboard_plugin_flow_description_t){.name = text("@NAME@"), .revision = 1};
}

void exports_plugboard_plugin_flow_check(settings_t *settings, exports_plugboard_plugin_flow_list_problem_t *problems) {
  char *named = value(settings, "queue");
  *problems = (exports_plugboard_plugin_flow_list_problem_t){0};
  if (!named || !*named) {
    problems->ptr = malloc(sizeof *problems->ptr);
    problems->len = 1;
    *problems->ptr = (exports_plugboard_plugin_flow_problem_t){
        .severity = EXPORTS_PLUGBOARD_PLUGIN_COMMON_SEVERITY_ERROR,
        .code = text("missing-queue"),
        .field = {true, text("/queue")},
        .message = text("no queue is named"),
        .remedy = text("set `queue` to one of the tenant's queues"),
    };
  }
  free(named);
  exports_plugboard_plugin_flow_list_setting_free(settings);
}

void exports_plugboard_plugin_flow_references(settings_t *settings,
                                              exports_plugboard_plugin_flow_list_reference_t *references) {
  char *named = value(settings, "queue");
  *references = (exports_plugboard_plugin_flow_list_reference_t){0};
  if (named && *named) {
    references->ptr = malloc(sizeof *references->ptr);
    references->len = 1;
    *references->ptr = (exports_plugboard_plugin_flow_reference_t){
        .kind.tag = EXPORTS_PLUGBOARD_PLUGIN_FLOW_REFERENCE_KIND_QUEUE,
        .name = text(named),
        .field = {true, text("/queue")},
    };
  }
  free(named);
  exports_plugboard_plugin_flow_list_setting_free(settings);
}

bool exports_plugboard_plugin_flow_configure(settings_t *settings, failure_t *failure) {
  char *said = value(settings, "greeting");
  queue = value(settings, "queue");
  greeting = said ? said : greeting;
  exports_plugboard_plugin_flow_list_setting_free(settings);
  return queue && *queue ? true
                         : fails(failure, EXPORTS_PLUGBOARD_PLUGIN_COMMON_FAILURE_CODE_BAD_SETTINGS, "no queue is named");
}

// In English, since the texts are; a prompt file is the case FILE.
static prompt_t prompt(const char *said) {
  prompt_t prompt = {.language = text("en"), .barge_in = true};
  prompt.sources.ptr = malloc(sizeof *prompt.sources.ptr);
  prompt.sources.len = 1;
  prompt.sources.ptr->tag = EXPORTS_PLUGBOARD_PLUGIN_FLOW_TYPES_SOURCE_TEXT;
  prompt.sources.ptr->val.text = text(said);
  return prompt;
}

static action_t ask(place_t place) {
  action_t ask = {.token = token(place), .what.tag = EFFECT(GATHER)};
  ask.what.val.gather = (exports_plugboard_plugin_flow_types_gather_t){
      .prompt = {true, prompt(greeting)}, .max_digits = 1, .first_ms = 5000, .between_ms = 3000};
  return ask;
}

static action_t wait_in_queue(void) {
  action_t wait = {.token = token(QUEUE), .what.tag = EFFECT(ENQUEUE)};
  wait.what.val.enqueue = (exports_plugboard_plugin_flow_types_enqueue_t){.queue = text(queue)};
  return wait;
}

static action_t say_sorry(void) {
  action_t say = {.token = token(SORRY), .what.tag = EFFECT(PLAY)};
  say.what.val.play = prompt(SORRY_TEXT);
  return say;
}

static action_t hang_up(void) { return (action_t){.token = token(OVER), .what = {EFFECT(HANG_UP), .val.hang_up = 16}}; }

static void act(stepped_t *stepped, action_t action) {
  stepped->actions.ptr = realloc(stepped->actions.ptr, (stepped->actions.len + 1) * sizeof action);
  stepped->actions.ptr[stepped->actions.len++] = action;
}

// The flow goes on: the visit that ended with its exit, then the one that begins.
static void move(stepped_t *stepped, place_t left, const char *exit, place_t to) {
  stepped->state.ptr[0] = to;
  stepped->trail.ptr = malloc(2 * sizeof *stepped->trail.ptr);
  if (left != NOWHERE)
    stepped->trail.ptr[stepped->trail.len++] = (visit_t){text(NAMES[left]), {true, text(exit)}};
  if (to != OVER)
    stepped->trail.ptr[stepped->trail.len++] = (visit_t){.node = text(NAMES[to])};
}

static void step(place_t here, const event_t *event, stepped_t *stepped) {
  uint8_t tag = event->what.tag, news = event->what.val.queue.tag;
  bool awaited = event->answers.is_some && event->answers.val == token(here);
  bool gathered = awaited && tag == HAPPENING(GATHERED), refused = awaited && tag == HAPPENING(REFUSED);
  const text_t *digits = &event->what.val.gathered.digits;
  if (tag == HAPPENING(HUNG_UP) && here != OVER) {
    move(stepped, here, "hung-up", OVER);
  } else if (here <= AGAIN && gathered && digits->len == 1 && *digits->ptr == '1') {
    move(stepped, here, "one", QUEUE);
    act(stepped, wait_in_queue());
  } else if (here == MENU && gathered) {
    move(stepped, here, "other", AGAIN);
    act(stepped, ask(AGAIN));
  } else if (here == AGAIN && gathered) {
    move(stepped, here, "other", SORRY);
    act(stepped, say_sorry());
  } else if (here <= AGAIN && refused) { // A menu that cannot be played costs nobody a call.
    move(stepped, here, "refused", QUEUE);
    act(stepped, wait_in_queue());
  } else if (here == QUEUE && awaited && tag == HAPPENING(QUEUE) && news == NEWS(CONNECTED)) {
    move(stepped, here, "connected", OVER);
  } else if (here == QUEUE && (refused || (awaited && tag == HAPPENING(QUEUE) && news == NEWS(GAVE_UP)))) {
    move(stepped, here, "gave-up", SORRY);
    act(stepped, say_sorry());
  } else if (here == SORRY && (refused || (awaited && tag == HAPPENING(PLAYED)))) {
    move(stepped, here, "done", OVER);
    act(stepped, hang_up());
  }
  // Else news of the wait, keys that nobody asked for, and what later hosts may tell: nothing.
}

bool exports_plugboard_plugin_flow_step(flow_plugin_list_u8_t *state, event_t *event, stepped_t *stepped,
                                        failure_t *failure) {
  place_t here = state->len == 1 && state->ptr[0] <= OVER ? state->ptr[0] : NOWHERE;
  bool begins = event->what.tag == HAPPENING(STARTED), known = begins || here != NOWHERE;
  flow_plugin_list_u8_free(state);
  if (known) {
    *stepped = (stepped_t){.state = {malloc(1), 1}};
    stepped->state.ptr[0] = here;
    if (begins) {
      move(stepped, NOWHERE, NULL, MENU);
      act(stepped, (action_t){.token = 1, .what.tag = EFFECT(PICK_UP)});
      act(stepped, ask(MENU));
    } else {
      step(here, event, stepped);
    }
  }
  exports_plugboard_plugin_flow_types_event_free(event);
  return known || fails(failure, EXPORTS_PLUGBOARD_PLUGIN_COMMON_FAILURE_CODE_BAD_STATE, "not a state of this flow");
}
