"""A channel: a platform that posts signed JSON, and takes JSON.

wit/channel.wit says what is asked and until when, wit/http.wit what may be sent. Each question gets an instance of its own, and a secret never comes
here: the host signs with it. There are no sockets: `http.fetch` waits for the host. `wit_world` is made of the contract when the component is
built: a variant's case is a class, an optional field is None, and a failure is raised in `Err`.
"""

import json
from unicodedata import category

from componentize_py_types import Err
from wit_world.exports import Channel as Contract
from wit_world.exports.channel import (
    Content_Text,
    Description,
    Failure,
    FailureCode_BadSettings,
    FailureCode_BadWebhook,
    FailureCode_Denied,
    FailureCode_Limit,
    FailureCode_NoRecipient,
    FailureCode_Other,
    FailureCode_TooLarge,
    FailureCode_Unreachable,
    Message,
    Receipt,
    Received,
    Verified_Forged,
    Verified_Genuine,
)
from wit_world.exports.common import Problem, Severity
from wit_world.imports import config, http

# The secret that both sides sign with: plugin.toml asks for it.
SECRET = "signing"
# Hex digits of HMAC-SHA256 over the body.
SIGNATURE = "x-signature"
# Most messages of one request, and most bytes of an id and of a text.
MOST, ID, TEXT = 100, 128, 16 * 1_024
# Levels of a JSON document of use.
DEEPEST = 64
# Milliseconds after which a platform that did not answer is asked again.
LATER_MS = 5_000


def failure(code, message, retry_ms=None):
    return Err(Failure(code, message, retry_ms, []))


def signature(body):
    try:
        return config.sign(SECRET, "hmac-sha256", body).hex()
    except Err:
        raise failure(FailureCode_BadSettings(), "the secret `signing` is not granted") from None


def parsed(body):
    """JSON; a ValueError where it is none of use. The interpreter goes down for each level of it, and the component's stack ends."""
    text = body.decode()
    depth = 0
    for sign in text:
        depth += (sign in "[{") - (sign in "]}")
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
    return json.loads(text)


def text_of(message, name, most, allowed=""):
    text = message[name]
    is_plain = not any(category(sign) in ("Cc", "Cs") and sign not in allowed for sign in text)
    if not is_plain or not 0 < len(text.encode()) <= most:
        raise ValueError(name)
    return text


def read(message, at_ms):
    what = Content_Text(text_of(message, "text", TEXT, "\n"))
    return Message(text_of(message, "id", ID), text_of(message, "from", ID), None, at_ms, what, [])


def of_status(status):
    match status:
        case 404 | 410:
            return FailureCode_NoRecipient()
        case 401 | 403:
            return FailureCode_Denied()
        case 413:
            return FailureCode_TooLarge()
        case 429:
            return FailureCode_Limit()
        case _ if status == 408 or status >= 500:
            return FailureCode_Unreachable()
        case _:
            return FailureCode_Other(f"status-{status}")


def retry_after(response):
    """RFC 9110 §10.2.3, in seconds; its other form is a date."""
    after = next((header.value for header in response.headers if header.name == "retry-after"), "")
    return int(after) * 1_000 if after.isascii() and after.isdigit() and len(after) < 7 else LATER_MS


class Channel(Contract):
    def describe(self):
        return Description("@NAME@", "message", 4_096, [], None, [], [])

    def check(self, settings):
        if any(setting.name == "send_url" and setting.value.startswith("https://") for setting in settings):
            return []
        message = "`send_url` is no address that begins with https://"
        remedy = "write where the platform takes messages, as https://chat.example.com/send"
        return [Problem(Severity.ERROR, "no-send-url", None, "/send_url", message, remedy, [])]

    def verify(self, webhook):
        said = next((value for name, value in webhook.headers if name == SIGNATURE), "").encode()
        due = signature(webhook.body).encode()
        # To the end, wherever the two differ: else one could be found digit by digit.
        differs = len(said) ^ len(due)
        for one, other in zip(said, due):
            differs |= one ^ other
        return Verified_Forged() if differs else Verified_Genuine()

    def receive(self, webhook):
        try:
            given = parsed(webhook.body)["messages"]
            if not isinstance(given, list) or len(given) > MOST:
                raise ValueError("messages")
            messages = [read(message, webhook.at_ms) for message in given]
        # What is no object, or has no text there.
        except (ValueError, TypeError, KeyError, AttributeError):
            reason = "no list of at most 100 messages with id, from and text"
            raise failure(FailureCode_BadWebhook(), reason) from None
        return Received(messages, [], None, [])

    def send(self, message):
        url = config.get("send_url")
        if not url:
            raise failure(FailureCode_BadSettings(), "`send_url` is not set")
        body = json.dumps({"id": message.id, "to": message.to, "text": message.text}).encode()
        headers = [
            http.Header("Content-Type", "application/json"),
            # The same at each attempt, so that the platform can drop a second one.
            http.Header("Idempotency-Key", message.id),
            http.Header(SIGNATURE, signature(body)),
        ]
        try:
            response = http.fetch(http.Request("POST", url, headers, body, 1_500, []))
        except Err as error:
            why = error.value
            is_denied = isinstance(why.code, (http.FailureCode_NotGranted, http.FailureCode_PrivateAddress))
            code = FailureCode_Denied() if is_denied else FailureCode_Unreachable()
            raise failure(code, why.message, LATER_MS if why.retryable else None) from None
        if 200 <= response.status < 300:
            return Receipt(message.id, [])
        code = of_status(response.status)
        again = isinstance(code, (FailureCode_Limit, FailureCode_Unreachable))
        raise failure(code, f"the platform answered {response.status}", retry_after(response) if again else None)
