"""A dialer: predictive while few calls are abandoned, one call a free agent otherwise.

wit/dialer.wit says what is asked and until when. Numbers only: a dialer has no clock, no network and no memory but its settings. `wit_world` is made
of the contract when the component is built: a variant's case is a class, an optional field is None, and a failure is raised in `Err`.
"""

from componentize_py_types import Err
from wit_world.exports import Dialer as Contract
from wit_world.exports.common import Failure, FailureCode_BadSettings, Problem, Severity
from wit_world.exports.dialer import Description, Next_At, Next_Never, Tempo

HOUR_MS = 60 * 60 * 1_000
# Answered calls before which a rate says nothing.
FEW = 30
# Most calls for each agent who is free, in tenths: a burst is not taken back.
MOST_TENTHS = 30
# Outcomes of an attempt.
ANSWERED, BUSY, REFUSED = 0, 2, 4

WRONG = "`tries` is no whole number from 1 to 20"


def read(settings):
    """How often a number is tried; None where the setting is wrong."""
    tries = next((setting.value for setting in settings if setting.name == "tries"), "3")
    return int(tries) if tries.isascii() and tries.isdigit() and len(tries) < 3 and 1 <= int(tries) <= 20 else None


class Dialer(Contract):
    # An instance of this class may be made for each question: what is told once is kept with the class. As the schema has it.
    tries: int = 3

    def describe(self):
        return Description("@NAME@", [], [], [])

    def check(self, settings):
        if read(settings):
            return []
        remedy = "write how often a number is tried in all"
        return [Problem(Severity.ERROR, "bad-tries", None, "/tries", WRONG, remedy, [])]

    def configure(self, settings):
        tries = read(settings)
        if tries is None:
            raise Err(Failure(FailureCode_BadSettings(), WRONG, []))
        Dialer.tries = tries

    def pace(self, stats):
        """Enough that each free agent gets one who answers, less those who are on their way."""
        wanted = max(0, stats.agents_free - stats.waiting)
        is_within = stats.abandoned_total * 1_000 < stats.abandon_limit * stats.answered_total
        tenths = 10
        if stats.answered_total >= FEW and is_within:
            tenths = min(max(stats.placed_total * 10 // stats.answered_total, 10), MOST_TENTHS)
        calls = max(0, wanted * tenths // 10 - stats.ringing)
        return Tempo(min(calls, stats.lines_free, stats.numbers_left), [])

    def next_attempt(self, history):
        tried = len(history.attempts)
        last = history.attempts[0].outcome if tried else None
        # Whoever said no is not asked again.
        if last in (ANSWERED, REFUSED) or tried >= self.tries:
            return Next_Never()
        # Busy is over sooner than nobody at home.
        return Next_At(history.at_ms + (HOUR_MS // 4 if last == BUSY else HOUR_MS << min(tried, 5)))
