"""An assistant: answers what it knows by a word, and hands over to a human what it does not.

wit/assistant.wit says what is asked and until when. What it says is judged and masked by the host; it can do nothing but what it answers. `wit_world`
is made of the contract when the component is built: a variant's case is a class, an optional field is None, and a failure is raised in `Err`.
"""

from wit_world.exports import Assistant as Contract
from wit_world.exports.assistant import (
    Action_HandOver,
    Action_Say,
    Classified,
    Description,
    HandOver,
    Speaker,
    Suggestion,
)
from wit_world.exports.common import Problem, Severity
from wit_world.imports import config

# What is known, one a line: a word of the question, `=`, what is said.
ANSWERS = "answers"
# Bytes of what is said at once.
SAID = 4 * 1_024


def known(line):
    """A line's word, in small letters, and what is said; None where it has none."""
    word, _, said = line.partition("=")
    word, said = word.strip().lower(), said.strip()
    is_said = said.isprintable() and 0 < len(said.encode()) <= SAID
    return (word, said) if word and is_said else None


def answer(conversation):
    """To the last thing that the customer said."""
    asked = [turn.text.lower() for turn in conversation.turns if turn.speaker == Speaker.CUSTOMER]
    lines = map(known, (config.get(ANSWERS) or "").split("\n"))
    return next((line[1] for line in lines if asked and line and line[0] in asked[-1]), None)


class Assistant(Contract):
    def describe(self):
        return Description("@NAME@", True, True, False, [], [], [])

    def check(self, settings):
        lines = next((setting.value for setting in settings if setting.name == ANSWERS), "").split("\n")
        wrong = [line for line in lines if line.strip() and not known(line)]
        remedy = "write one a line: hours = We are there from 9 to 18."

        def problem(line):
            message = f"{line[:80]!r} is no word with what is said"
            return Problem(Severity.ERROR, "bad-answer", None, "/answers", message, remedy, [])

        return [problem(line) for line in wrong[:100]]

    def reply(self, conversation):
        said = answer(conversation)
        return [Action_Say(said) if said else Action_HandOver(HandOver(None, "the assistant knows nothing of it"))]

    def suggest(self, conversation):
        said = answer(conversation)
        return [Suggestion(said, None, 800, [])] if said else []

    def classify(self, text, language):
        """`describe` says that it does not: it is not asked."""
        return Classified(None, 0, 0, [], [])
