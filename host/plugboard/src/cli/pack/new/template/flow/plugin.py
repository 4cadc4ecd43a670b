"""A flow: greets the caller, who presses 1 to stand in a queue, and says sorry when no agent took them.

wit/flow.wit says all that may happen and all that can be asked for. A flow has no clock and no memory but `state`. `wit_world` is made of the
contract when the component is built: a variant's case is a class, an optional field is None, and a failure is raised in `Err`.
"""

from enum import IntEnum

from componentize_py_types import Err
from wit_world.exports import Flow as Contract
from wit_world.exports.common import Failure, FailureCode_BadSettings, FailureCode_BadState, Problem, Severity
from wit_world.exports.flow import Description, Reference, ReferenceKind_Queue, Stepped, Visit
from wit_world.exports.flow_types import (
    Action,
    Effect_Enqueue,
    Effect_Gather,
    Effect_HangUp,
    Effect_PickUp,
    Effect_Play,
    Enqueue,
    Gather,
    Happening_Gathered,
    Happening_HungUp,
    Happening_Played,
    Happening_Queue,
    Happening_Refused,
    Happening_Started,
    Prompt,
    QueueNews_Connected,
    QueueNews_GaveUp,
    Source_Text,
)

# As the schema of the settings has it.
GREETING = "Welcome. Press 1 to talk to us."
SORRY_TEXT = "Nobody can help you now. Please call again."


class Place(IntEnum):
    """Where the flow waits. Its number is the whole state; `revision` goes up when an old number means something else."""

    MENU = 1
    # The menu once more: nothing, or another key, was pressed.
    AGAIN = 2
    QUEUE = 3
    SORRY = 4
    OVER = 5

    @property
    def token(self):
        """Of the action whose end moves the flow on: unique in the interaction and rising."""
        return self * 10

    @property
    def node(self):
        return self.name.lower()


def read(given):
    """Queue and greeting; None where no queue is named."""
    values = {setting.name: setting.value for setting in given}
    return (values["queue"], values.get("greeting", GREETING)) if values.get("queue") else None


def prompt(text):
    """In English, since the texts are; a prompt file is Source_File."""
    return Prompt([Source_Text(text)], "en", True)


def moved(left, exit, to, *actions):
    """The flow goes on: the visit that ended with its exit, then the one that begins."""
    trail = [Visit(left.node, exit)] if left else []
    if to != Place.OVER:
        trail.append(Visit(to.node, None))
    return Stepped(bytes([to]), list(actions), trail, [])


def sorry(here, exit):
    return moved(here, exit, Place.SORRY, Action(Place.SORRY.token, Effect_Play(prompt(SORRY_TEXT)), []))


class Flow(Contract):
    # An instance of this class may be made for each question: what is told once is kept with the class.
    settings: tuple[str, str] | None = None

    def describe(self):
        return Description("@NAME@", 1, [], [], [])

    def check(self, settings):
        if read(settings):
            return []
        remedy = "set `queue` to one of the tenant's queues"
        return [Problem(Severity.ERROR, "missing-queue", None, "/queue", "no queue is named", remedy, [])]

    def references(self, settings):
        known = read(settings)
        return [Reference(ReferenceKind_Queue(), known[0], None, "/queue")] if known else []

    def configure(self, settings):
        Flow.settings = read(settings)
        if not Flow.settings:
            raise Err(Failure(FailureCode_BadSettings(), "no queue is named", []))

    def step(self, state, event):
        queue, greeting = Flow.settings

        def menu(place):
            return Action(place.token, Effect_Gather(Gather(prompt(greeting), 1, 5_000, 3_000, "", False)), [])

        def wait():
            return Action(Place.QUEUE.token, Effect_Enqueue(Enqueue(queue, 0, [], None, None, None, "")), [])

        if isinstance(event.what, Happening_Started):
            return moved(None, None, Place.MENU, Action(1, Effect_PickUp(), []), menu(Place.MENU))
        try:
            (number,) = state
            here = Place(number)
        except ValueError:
            raise Err(Failure(FailureCode_BadState(), "not a state of this flow", [])) from None
        awaited = event.answers == here.token
        match here, event.what:
            case _, Happening_HungUp() if here != Place.OVER:
                return moved(here, "hung-up", Place.OVER)
            case Place.MENU | Place.AGAIN, Happening_Gathered(pressed) if awaited and pressed.digits == "1":
                return moved(here, "one", Place.QUEUE, wait())
            case Place.MENU, Happening_Gathered() if awaited:
                return moved(here, "other", Place.AGAIN, menu(Place.AGAIN))
            case Place.AGAIN, Happening_Gathered() if awaited:
                return sorry(here, "other")
            # A menu that cannot be played costs nobody a call.
            case Place.MENU | Place.AGAIN, Happening_Refused() if awaited:
                return moved(here, "refused", Place.QUEUE, wait())
            case Place.QUEUE, Happening_Queue(QueueNews_Connected()) if awaited:
                return moved(here, "connected", Place.OVER)
            case Place.QUEUE, Happening_Queue(QueueNews_GaveUp()) | Happening_Refused() if awaited:
                return sorry(here, "gave-up")
            case Place.SORRY, Happening_Played() | Happening_Refused() if awaited:
                return moved(here, "done", Place.OVER, Action(Place.OVER.token, Effect_HangUp(16), []))
        # News of the wait, keys that nobody asked for, and what later hosts may tell.
        return Stepped(state, [], [], [])
