"""A connector: who is calling, as a web service knows it.

wit/connector.wit says what is asked and until when, wit/http.wit what may be sent. Only granted hosts are reached, each question gets an instance of
its own, and a secret is never more than a placeholder here. There are no sockets: `http.fetch` waits for the host. `wit_world` is made of the
contract when the component is built: a variant's case is a class, an optional field is None, and a failure is raised in `Err`.
"""

import json
from urllib.parse import quote

from componentize_py_types import Err
from wit_world.exports import Connector as Contract
from wit_world.exports.common import Problem, Severity
from wit_world.exports.connector import (
    Description,
    Failure,
    FailureCode_BadAnswer,
    FailureCode_BadInput,
    FailureCode_BadSettings,
    FailureCode_Denied,
    FailureCode_Limit,
    FailureCode_NotFound,
    FailureCode_TimedOut,
    FailureCode_UnknownOperation,
    FailureCode_Unreachable,
    Operation,
    Output,
)
from wit_world.imports import config, http

# The secret that the service wants: plugin.toml asks for it.
TOKEN = "token"
# Milliseconds after which a service that did not answer is asked again.
LATER_MS = 5_000
# Signs of a JSON document of use, and its levels.
LONGEST, DEEPEST = 64 * 1_024, 64


def failure(code, message, retry_ms=None):
    return Err(Failure(code, message, retry_ms, []))


def get(path, timeout_ms):
    """What came back; raises why there is no answer of use."""
    base = config.get("base")
    if not base:
        raise failure(FailureCode_BadSettings(), "`base` is not set")
    token = config.secret(TOKEN)
    if not token:
        raise failure(FailureCode_BadSettings(), "the secret `token` is not granted")
    headers = [http.Header("Authorization", f"Bearer {token}"), http.Header("Accept", "application/json")]
    try:
        response = http.fetch(http.Request("GET", base + path, headers, b"", timeout_ms, []))
    except Err as error:
        why = error.value
        raise failure(of_http(why.code), why.message, LATER_MS if why.retryable else None) from None
    if 200 <= response.status < 300:
        return response
    code = of_status(response.status)
    again = isinstance(code, (FailureCode_Limit, FailureCode_Unreachable))
    raise failure(code, f"the service answered {response.status}", retry_after(response) if again else None)


def of_http(code):
    match code:
        case http.FailureCode_NotGranted() | http.FailureCode_PrivateAddress() | http.FailureCode_SecretNotBound():
            return FailureCode_Denied()
        case http.FailureCode_TimedOut():
            return FailureCode_TimedOut()
        case http.FailureCode_TooLarge() | http.FailureCode_Protocol():
            return FailureCode_BadAnswer()
        case _:
            return FailureCode_Unreachable()


def of_status(status):
    match status:
        case 404:
            return FailureCode_NotFound()
        case 401 | 403:
            return FailureCode_Denied()
        case 429:
            return FailureCode_Limit()
        case _ if status == 408 or status >= 500:
            return FailureCode_Unreachable()
        case _:
            return FailureCode_BadAnswer()


def retry_after(response):
    """RFC 9110 §10.2.3, in seconds; its other form is a date."""
    after = next((header.value for header in response.headers if header.name == "retry-after"), "")
    return int(after) * 1_000 if after.isascii() and after.isdigit() and len(after) < 7 else LATER_MS


def read(document):
    """JSON; a ValueError where it is none of use. The interpreter goes down for each level of it, and the component's stack ends."""
    text = document if isinstance(document, str) else document.decode()
    depth = 0
    for sign in text[:LONGEST]:
        depth += (sign in "[{") - (sign in "]}")
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
    return json.loads(text[:LONGEST])


def text_of(document, name):
    """A text of a JSON object; None where there is none."""
    try:
        text = read(document)[name]
    except (ValueError, TypeError, KeyError):
        return None
    return text if isinstance(text, str) else None


class Connector(Contract):
    def describe(self):
        phone = {"type": "object", "required": ["phone"], "properties": {"phone": {"type": "string"}}}
        find = Operation("find-customer", "Find a customer by number", json.dumps(phone), "{}", False)
        return Description("@NAME@", [find], [], [], [])

    def check(self, settings):
        if any(setting.name == "base" and setting.value.startswith("https://") for setting in settings):
            return []
        message = "`base` is no address that begins with https://"
        remedy = "write the service's address, as https://crm.example.com/api"
        return [Problem(Severity.ERROR, "no-base", None, "/base", message, remedy, [])]

    def probe(self):
        get("/health", 5_000)

    def invoke(self, call):
        if call.operation != "find-customer":
            raise failure(FailureCode_UnknownOperation(), "there is only find-customer")
        phone = text_of(call.input, "phone")
        # As a segment of a path these two would mean another one.
        if phone is None or phone in (".", ".."):
            raise failure(FailureCode_BadInput("/phone"), "a number is wanted")
        # Half of a surrogate pair, which JSON can write, becomes `?`.
        response = get(f"/customers/{quote(phone.encode(errors='replace'), safe='')}", call.timeout_ms)
        name = text_of(response.body, "name")
        if name is None or len(name) > 1_024:
            raise failure(FailureCode_BadAnswer(), "the service's answer has no name")
        return Output(json.dumps({"name": name}), [])

    def on_event(self, event):
        pass
