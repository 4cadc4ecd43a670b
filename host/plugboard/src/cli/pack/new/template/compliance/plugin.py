"""A compliance rule: no calls in the called person's night.

wit/compliance.wit says what is judged and when. A rule has no clock: the time of an act stands in it. `wit_world` is made of the contract when the
component is built: a variant's case is a class, an optional field is None, and a failure is raised in `Err`.
"""

from componentize_py_types import Err
from wit_world.exports import Compliance as Contract
from wit_world.exports.common import Failure, FailureCode_BadSettings, Problem, Severity
from wit_world.exports.compliance import Description
from wit_world.exports.compliance_types import Decision_Allow, Decision_Later, Effect_Dial, Heard, Verdict

MINUTE_MS = 60_000
DAY_MIN = 24 * 60


class BadHour(Exception):
    """Its argument is the setting that is wrong."""


def read(settings):
    """First and last minute of the day in which people are called; the defaults are the schema's."""
    hours = {"from": 8, "until": 21}
    for setting in settings:
        if setting.name in hours:
            if not (setting.value.isascii() and setting.value.isdigit() and len(setting.value) < 3 and int(setting.value) <= 24):
                raise BadHour(setting.name)
            hours[setting.name] = int(setting.value)
    if hours["from"] >= hours["until"]:
        raise BadHour("until")
    return hours["from"] * 60, hours["until"] * 60


def wait_ms(day, at_ms, offset_min):
    """Until the day begins where that clock stands; 0: it is day."""
    begins, ends = day
    minute = (at_ms // MINUTE_MS + offset_min) % DAY_MIN
    if minute < begins:
        return (begins - minute) * MINUTE_MS
    return 0 if minute < ends else (DAY_MIN - minute + begins) * MINUTE_MS


class Compliance(Contract):
    # An instance of this class may be made for each question: what is told once is kept with the class.
    day: tuple[int, int] = (8 * 60, 21 * 60)

    def describe(self):
        return Description("@NAME@", 1, ["dial"], False, False, [], [], [])

    def check(self, settings):
        try:
            read(settings)
        except BadHour as wrong:
            message = f"`{wrong}` is no hour of the day that begins at `from`"
            remedy = "write whole hours, `from` before `until`, 0 to 24"
            return [Problem(Severity.ERROR, "bad-hour", None, f"/{wrong}", message, remedy, [])]
        return []

    def configure(self, settings):
        try:
            Compliance.day = read(settings)
        except BadHour as wrong:
            raise Err(Failure(FailureCode_BadSettings(), str(wrong), [])) from None

    def judge(self, act):
        if not isinstance(act.what, Effect_Dial):
            return Verdict(Decision_Allow(), "not-a-call", "", [], [])
        # Where nobody knows what time it is there, the site's own clock counts.
        theirs = act.what.value.their_offset_min
        wait = wait_ms(self.day, act.at_ms, act.utc_offset_min if theirs is None else theirs)
        if wait == 0:
            return Verdict(Decision_Allow(), "by-day", "", [], [])
        return Verdict(Decision_Later(act.at_ms + wait), "night", "it is night where they are", [], [])

    # `describe` says that it takes no part in what follows: it is not asked.

    def on_utterance(self, state, segment):
        return Heard(state, [], [])

    def review(self, transcript):
        return []

    def redact(self, text, language):
        return []
