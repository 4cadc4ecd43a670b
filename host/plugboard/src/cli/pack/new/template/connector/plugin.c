// A connector: who is calling, as a web service knows it.
//
// wit/connector.wit says what is asked and until when, wit/http.wit what may be sent. Only granted hosts are reached, and a secret is never more than a
// placeholder here. What is exported and imported stands in the header that wit-bindgen writes of the contract. Results come from malloc, since the
// caller frees them; each question gets an instance of its own, so nothing else is freed. What is left out is 0: an empty list, or none.

#include "connector_plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef connector_plugin_string_t text_t;
typedef exports_plugboard_plugin_connector_failure_t failure_t;
typedef plugboard_plugin_http_response_t response_t;

#define CODE(name) EXPORTS_PLUGBOARD_PLUGIN_CONNECTOR_FAILURE_CODE_##name
#define HTTP(name) PLUGBOARD_PLUGIN_HTTP_FAILURE_CODE_##name

// Milliseconds after which a service that did not answer is asked again.
enum { LATER_MS = 5000, LONGEST_NAME = 1024, DEEPEST = 64 };

static text_t text(const char *of) {
  text_t copy;
  connector_plugin_string_dup(&copy, of);
  return copy;
}

static bool is(const text_t *text, const char *name) {
  return text->len == strlen(name) && !memcmp(text->ptr, name, text->len);
}

static bool fails(failure_t *failure, uint8_t code, const char *message) {
  *failure = (failure_t){.code.tag = code, .message = text(message)};
  return false;
}

// JSON, as far as it is needed here: a member of an object that is a text. What follows walks over it; each gives the place after, or NULL.

static const char *spaces(const char *at, const char *end) {
  while (at < end && strchr(" \t\r\n", *at) && *at)
    at++;
  return at;
}

// From the opening quotation mark to behind the closing one.
static const char *string(const char *at, const char *end) {
  for (at++; at < end && (unsigned char)*at >= ' '; at++) {
    if (*at == '"')
      return at + 1;
    if (*at == '\\' && ++at == end)
      return NULL;
  }
  return NULL;
}

static const char *value(const char *at, const char *end) {
  int depth = 0;
  do {
    at = spaces(at, end);
    if (at == end)
      return NULL;
    if (*at == '"') {
      at = string(at, end);
      if (!at)
        return NULL;
    } else {
      depth += *at == '{' || *at == '[';
      depth -= *at == '}' || *at == ']';
      if (depth > DEEPEST || depth < 0)
        return NULL;
      at++;
    }
    // A number or a word ends before what can stand behind it.
    while (!depth && at < end && !strchr(",}] \t\r\n", *at))
      at++;
  } while (depth);
  return at;
}

// The text between the quotation marks, as it is written there; false: there is none.
static bool member(const char *at, size_t length, const char *name, text_t *found) {
  const char *end = at + length;
  at = spaces(at, end);
  if (at == end || *at++ != '{')
    return false;
  for (;;) {
    const char *key = spaces(at, end);
    if (key == end || *key != '"' || !(at = string(key, end)))
      return false;
    size_t key_length = (size_t)(at - key) - 2;
    at = spaces(at, end);
    if (at == end || *at++ != ':')
      return false;
    const char *begin = spaces(at, end);
    if (!(at = value(begin, end)))
      return false;
    if (key_length == strlen(name) && !memcmp(key + 1, name, key_length)) {
      *found = (text_t){(uint8_t *)begin + 1, (size_t)(at - begin) - 2};
      return *begin == '"';
    }
    at = spaces(at, end);
    if (at == end || *at++ != ',')
      return false;
  }
}

// Whether it may stand in an answer: UTF-8 (RFC 3629 §4), and no escapes, which this reader leaves as they are.
static bool is_plain(const text_t *text) {
  for (size_t at = 0; at < text->len;) {
    uint8_t first = text->ptr[at];
    size_t more = first < 0x80 ? 0 : first < 0xc2 ? 9 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : 9;
    if (first == '\\' || at + more >= text->len)
      return false;
    uint8_t next = more ? text->ptr[at + 1] : 0;
    if ((first == 0xe0 && next < 0xa0) || (first == 0xed && next > 0x9f) || (first == 0xf0 && next < 0x90) ||
        (first == 0xf4 && next > 0x8f))
      return false;
    for (size_t n = 1; n <= more; n++)
      if ((text->ptr[at + n] & 0xc0) != 0x80)
        return false;
    at += more + 1;
  }
  return true;
}

// RFC 9110 §10.2.3, in seconds; its other form is a date.
static uint32_t retry_after(const response_t *response) {
  for (size_t n = 0; n < response->headers.len; n++) {
    const plugboard_plugin_http_header_t *header = &response->headers.ptr[n];
    uint32_t seconds = 0;
    size_t at = 0;
    for (; at < header->value.len && at < 6 && header->value.ptr[at] - '0' < 10u; at++)
      seconds = seconds * 10 + (header->value.ptr[at] - '0');
    if (is(&header->name, "retry-after") && at && at == header->value.len)
      return seconds * 1000;
  }
  return LATER_MS;
}

static bool fails_by_status(const response_t *response, failure_t *failure) {
  uint16_t status = response->status;
  uint8_t code = status == 404                    ? CODE(NOT_FOUND)
                 : status == 401 || status == 403 ? CODE(DENIED)
                 : status == 429                  ? CODE(LIMIT)
                 : status == 408 || status >= 500 ? CODE(UNREACHABLE)
                                                  : CODE(BAD_ANSWER);
  char message[40];
  snprintf(message, sizeof message, "the service answered %u", status);
  fails(failure, code, message);
  failure->retry_ms.is_some = code == CODE(LIMIT) || code == CODE(UNREACHABLE);
  failure->retry_ms.val = retry_after(response);
  return false;
}

static uint8_t of_http(uint8_t code) {
  switch (code) {
  case HTTP(NOT_GRANTED):
  case HTTP(PRIVATE_ADDRESS):
  case HTTP(SECRET_NOT_BOUND):
    return CODE(DENIED);
  case HTTP(TIMED_OUT):
    return CODE(TIMED_OUT);
  case HTTP(TOO_LARGE):
  case HTTP(PROTOCOL):
    return CODE(BAD_ANSWER);
  default:
    return CODE(UNREACHABLE);
  }
}

// False, with the reason: there is no answer of use.
static bool get(const char *path, uint32_t timeout_ms, response_t *response, failure_t *failure) {
  text_t name = text("base"), base, token, of_token = text("token");
  if (!plugboard_plugin_config_get(&name, &base))
    return fails(failure, CODE(BAD_SETTINGS), "`base` is not set");
  if (!plugboard_plugin_config_secret(&of_token, &token))
    return fails(failure, CODE(BAD_SETTINGS), "the secret `token` is not granted");
  char *url = malloc(base.len + strlen(path) + 1), *bearer = malloc(token.len + 8);
  sprintf(url, "%.*s%s", (int)base.len, (char *)base.ptr, path);
  sprintf(bearer, "Bearer %.*s", (int)token.len, (char *)token.ptr);
  plugboard_plugin_http_header_t headers[] = {
      {text("Authorization"), text(bearer)},
      {text("Accept"), text("application/json")},
  };
  plugboard_plugin_http_request_t request = {
      .method = text("GET"), .url = text(url), .headers = {headers, 2}, .timeout_ms = timeout_ms};
  plugboard_plugin_http_failure_t why;
  if (!plugboard_plugin_http_fetch(&request, response, &why)) {
    *failure = (failure_t){.code.tag = of_http(why.code.tag), .message = why.message};
    failure->retry_ms.is_some = why.retryable;
    failure->retry_ms.val = LATER_MS;
    return false;
  }
  return (response->status >= 200 && response->status < 300) || fails_by_status(response, failure);
}

// As it may stand in a path (RFC 3986 §2.3).
static char *path_of(const text_t *phone) {
  static const char PLAIN[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  char *path = malloc(sizeof "/customers/" + 3 * phone->len), *at = path + sprintf(path, "/customers/");
  for (size_t n = 0; n < phone->len; n++) {
    uint8_t sign = phone->ptr[n];
    if (sign && strchr(PLAIN, sign))
      *at++ = (char)sign;
    else
      at += sprintf(at, "%%%02X", sign);
  }
  *at = 0;
  return path;
}

void exports_plugboard_plugin_connector_describe(exports_plugboard_plugin_connector_description_t *description) {
  *description = (exports_plugboard_plugin_connector_description_t){.name = text("@NAME@")};
  description->operations.ptr = malloc(sizeof *description->operations.ptr);
  description->operations.ptr[description->operations.len++] = (exports_plugboard_plugin_connector_operation_t){
      .name = text("find-customer"),
      .title = text("Find a customer by number"),
      .input_schema = text("{\"type\":\"object\",\"required\":[\"phone\"],\"properties\":{\"phone\":{\"type\":\"string\"}}}"),
      .output_schema = text("{}"),
  };
}

void exports_plugboard_plugin_connector_check(exports_plugboard_plugin_connector_list_setting_t *settings,
                                              exports_plugboard_plugin_connector_list_problem_t *problems) {
  static const char https[] = "https://";
  *problems = (exports_plugboard_plugin_connector_list_problem_t){0};
  for (size_t n = 0; n < settings->len; n++) {
    const text_t *set = &settings->ptr[n].value;
    if (is(&settings->ptr[n].name, "base") && set->len > strlen(https) && !memcmp(set->ptr, https, strlen(https)))
      return;
  }
  problems->ptr = malloc(sizeof *problems->ptr);
  problems->len = 1;
  *problems->ptr = (exports_plugboard_plugin_connector_problem_t){
      .severity = EXPORTS_PLUGBOARD_PLUGIN_COMMON_SEVERITY_ERROR,
      .code = text("no-base"),
      .field = {true, text("/base")},
      .message = text("`base` is no address that begins with https://"),
      .remedy = text("write the service's address, as https://crm.example.com/api"),
  };
}

bool exports_plugboard_plugin_connector_probe(failure_t *failure) {
  response_t response;
  return get("/health", 5000, &response, failure);
}

bool exports_plugboard_plugin_connector_invoke(exports_plugboard_plugin_connector_call_t *call,
                                               exports_plugboard_plugin_connector_output_t *output, failure_t *failure) {
  text_t phone, name;
  response_t response;
  if (!is(&call->operation, "find-customer"))
    return fails(failure, CODE(UNKNOWN_OPERATION), "there is only find-customer");
  // As a segment of a path these two would mean another one.
  if (!member((char *)call->input.ptr, call->input.len, "phone", &phone) || !is_plain(&phone) || is(&phone, ".") ||
      is(&phone, "..")) {
    fails(failure, CODE(BAD_INPUT), "a number is wanted");
    failure->code.val.bad_input = text("/phone");
    return false;
  }
  if (!get(path_of(&phone), call->timeout_ms, &response, failure))
    return false;
  if (!member((char *)response.body.ptr, response.body.len, "name", &name) || !is_plain(&name) || name.len > LONGEST_NAME)
    return fails(failure, CODE(BAD_ANSWER), "the service's answer has no name");
  char json[LONGEST_NAME + sizeof "{\"name\":\"\"}"];
  snprintf(json, sizeof json, "{\"name\":\"%.*s\"}", (int)name.len, (char *)name.ptr);
  *output = (exports_plugboard_plugin_connector_output_t){.json = text(json)};
  return true;
}

bool exports_plugboard_plugin_connector_on_event(exports_plugboard_plugin_connector_event_t *event, failure_t *failure) {
  (void)event, (void)failure;
  return true;
}
