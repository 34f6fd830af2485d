# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can happen to a file: every state, every step, and every decision of the recovery, as data.

The ledger refuses a step that is not in `STEPS`. The workflows, the recovery, the decisions, the history and the
retention look everything up here. `make docs` writes the tables of docs/states.md and the two pictures from it.

The tracks: ``direct`` (a drop-off under its final name), ``rename`` (under a temporary name), ``request`` (a drop-off
in a request with other files), ``pickup`` and ``import``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from itertools import product
from typing import NamedTuple

from .errors import LedgerError


class State(str, Enum):
    """A state of a file in the ledger; its value is what the database stores, `meaning` is for people."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> State:
        state = str.__new__(cls, value)
        state._value_ = value
        state.meaning = meaning
        return state

    __str__ = str.__str__
    __hash__ = str.__hash__

    NEW = "", "the ledger has no row yet"
    # A drop-off on its way. Each is durable before the next request leaves.
    INTENT = "intent", "the name was free on the server, if it has names; the upload may have begun"
    CREATED = "created", "the server acknowledged the exclusive create; no byte was sent before"
    WRITTEN = "written", "the server acknowledged every byte and, if it tells sizes then, the right size"
    REQUESTED = "requested", "the last bytes of its request were about to leave; the ledger knows of no answer"
    CLOSED = "closed", "the server acknowledged the close, or its answer says that it has the file"
    RENAMED = "renamed", "the server confirmed the final name"
    SENT = "sent", "the server has it; its original waits until all files of its set are delivered"
    AWAITING_NAME = "awaiting_name", "waiting: the upload is whole, and another file has its final name"
    # A pickup on its way.
    CLAIMING = "claiming", "the file is about to be renamed to this host's claim, or has been"
    PLACING = "placing", "the local part is whole, verified and durable; it is about to be published"
    PLACED = "placed", "the copy is published and durable; the original is still to be disposed of"
    # An import on its way.
    BEGUN = "begun", "the handler is about to be started, or was; its end is in its record"
    RETRY = "retry", "the handler refused it, and is to be tried again"
    HANDLED = "handled", "the handler accepted it; it is to be moved to `done_dir`"
    REFUSED = "refused", "the handler refused its last try; it is to be moved to `failed_dir`"
    # A person decides, or has decided; the next run acts on it.
    HELD = "held", "held: a person decides with `resolve`"
    RESEND = "resend", "a person decided to move it again"
    ACCEPTED = "accepted", "a person decided that it was delivered; our temporary file may still be on the server"
    DISCARDING = "discarding", "a person decided to leave it alone; our temporary file may still be on the server"
    # History: nothing more has to be done.
    DELIVERED = "delivered", "the server has it, or the handler accepted it, and the original is disposed of"
    FETCHED = "fetched", "the copy is here, and the original is deleted, moved or replaced"
    KEPT = "kept", "the copy is here, and the original stays on the server"
    DISCARDED = "discarded", "a person decided to leave it alone until its size or time changes"
    REJECTED = "rejected", "the provider or the handler refused it for good, and it was moved aside"
    ABANDONED = "abandoned", "it was not moved, and nothing of it is left on either side"
    FORGOTTEN = "forgotten", "the ledger deletes the row"

    @property
    def is_open(self) -> bool:
        """Whether something remains to be done."""
        return self not in HISTORY

    @property
    def is_decidable(self) -> bool:
        """Whether a person can decide about it."""
        return self in DECIDABLE


S = State
HISTORY = frozenset({S.DELIVERED, S.FETCHED, S.KEPT, S.DISCARDED, S.REJECTED, S.ABANDONED, S.FORGOTTEN})
DECIDABLE = frozenset({S.HELD, S.AWAITING_NAME})
CAME = frozenset({S.FETCHED, S.KEPT, S.DISCARDED})
"""History which says that a file of this name has been on this host."""

SECURED = frozenset({S.FETCHED, S.KEPT})
"""History of a pickup whose copy was published."""

PROGRESS = frozenset({S.CLOSED, S.RENAMED, S.SENT, S.PLACED, S.HANDLED, *HISTORY}) - {S.ABANDONED, S.FORGOTTEN}
"""States that bring a file further: its bytes have been moved, or nothing more has to be done."""

SETTLED = frozenset({S.SENT, S.DELIVERED, S.ACCEPTED})
"""A drop-off that counts as delivered: only the original is still to be disposed of."""

MOVED = frozenset({S.SENT, S.PLACED, S.HANDLED, S.DELIVERED, S.FETCHED, S.KEPT})
"""The copy of a file is complete, whatever is still to be done with its original."""

STAYS = frozenset({S.KEPT, S.DISCARDED})
"""History whose original stays on the server: forgetting it would fetch the file again."""

OUTCOMES: Mapping[str, frozenset[State]] = {
    "held": frozenset({S.HELD}),
    "waiting": frozenset({S.NEW, S.AWAITING_NAME}),
    "unfinished": frozenset(S) - HISTORY - DECIDABLE - {S.NEW},
    "delivered": frozenset({S.DELIVERED, S.FETCHED, S.KEPT}),
    "discarded": frozenset({S.DISCARDED}),
    "rejected": frozenset({S.REJECTED}),
    "abandoned": frozenset({S.ABANDONED}),
}
"""What people see of a state: in `ledger_info` and `filedrop history`."""

OPEN_OUTCOMES = tuple(outcome for outcome, states in OUTCOMES.items() if not states <= HISTORY)
"""The outcomes of files that still need work. The others are history."""

NAME_TAKEN = "name_taken"
"""The reason of a file whose name on the server belongs to another file."""

REJECTED = "rejected"
"""The reason of a file that the provider refused for good. It is held until it changes."""

BLOCKED = frozenset({NAME_TAKEN})
"""Reasons of waiting files that make a run fail: something on the server has to change before they are moved."""


# --- steps


class Step(NamedTuple):
    """A file in one of the states ``before`` may get the state ``after``."""

    before: Iterable[State]
    after: State
    when: str


_UNFINISHED = (S.INTENT, S.CREATED, S.WRITTEN, S.CLOSED)
_DECIDED_OR_HELD = (S.HELD, S.RESEND, S.DISCARDED)
_DECIDED_OR_HELD_RENAME = (*_DECIDED_OR_HELD, S.AWAITING_NAME, S.DISCARDING)

_DECIDED = (
    Step(_DECIDED_OR_HELD, S.RESEND, "decision: resend"),
    Step(_DECIDED_OR_HELD, S.DELIVERED, "decision: delivered"),
    Step(_DECIDED_OR_HELD, S.DISCARDED, "decision: discard"),
)

_DROPOFF = (
    Step([S.NEW, *_UNFINISHED, S.RESEND], S.INTENT, "the name is free: the upload begins, or begins again"),
    Step([S.INTENT, S.CREATED], S.CREATED, "the server created the file, or our own part is written anew"),
    Step([S.CREATED], S.WRITTEN, "every byte and the size are acknowledged"),
    Step([S.WRITTEN], S.CLOSED, "the close is acknowledged, or the whole file was found"),
    Step(_UNFINISHED, S.HELD, "only a person can decide"),
    Step([S.NEW], S.HELD, "it was delivered and archived before, and is back in its place"),
    Step([*_UNFINISHED, S.RESEND], S.ABANDONED, "nothing of it is left on the server"),
    Step([S.SENT], S.DELIVERED, "its set is delivered, and the original is disposed of"),
    Step([S.DELIVERED], S.DELIVERED, "the original is disposed of by a later run"),
    *_DECIDED,
)

STEPS: Mapping[str, tuple[Step, ...]] = {
    "direct": (
        *_DROPOFF,
        Step([S.CLOSED], S.SENT, "other files of its set are still to be delivered"),
        Step([S.CLOSED], S.DELIVERED, "the original is disposed of"),
    ),
    "rename": (
        *_DROPOFF,
        Step([S.CLOSED], S.RENAMED, "the server renamed it, or it was found under its final name"),
        Step([S.RENAMED], S.HELD, "what the server shows under the final name is not what was sent"),
        Step([S.RENAMED], S.SENT, "other files of its set are still to be delivered"),
        Step([S.RENAMED], S.DELIVERED, "the original is disposed of"),
        Step([S.CLOSED], S.AWAITING_NAME, "another file has the final name"),
        Step([S.AWAITING_NAME], S.HELD, "the upload is gone or changed: only a person can decide"),
        Step([S.AWAITING_NAME], S.CLOSED, "the final name is free again"),
        Step([S.AWAITING_NAME], S.INTENT, "the upload is gone, and the job sends such files again"),
        Step([S.AWAITING_NAME], S.ABANDONED, "the upload is gone, and the original is another file now"),
        Step([S.ACCEPTED], S.RENAMED, "our temporary file is gone"),
        Step([S.DISCARDING], S.DISCARDED, "our temporary file is gone"),
        Step(_DECIDED_OR_HELD_RENAME, S.RESEND, "decision: resend"),
        Step(_DECIDED_OR_HELD_RENAME, S.DELIVERED, "decision: delivered"),
        Step(_DECIDED_OR_HELD_RENAME, S.DISCARDED, "decision: discard"),
        Step(_DECIDED_OR_HELD_RENAME, S.ACCEPTED, "decision: delivered, and our temporary file may be there"),
        Step(_DECIDED_OR_HELD_RENAME, S.DISCARDING, "decision: discard, and our temporary file may be there"),
    ),
    "request": (
        Step([S.NEW, S.INTENT, S.REQUESTED, S.RESEND], S.INTENT, "it waits for a request; the last one took nothing"),
        Step([S.INTENT], S.REQUESTED, "the last bytes of its request are about to leave"),
        Step([S.REQUESTED], S.CLOSED, "its own entry in the answer says that the provider has it"),
        Step([S.REQUESTED], S.HELD, "the provider refused it, or only a person can decide"),
        Step([S.INTENT], S.HELD, "the provider refused it before the request was complete"),
        Step([S.NEW], S.HELD, "it was delivered and archived before, and is back in its place"),
        Step([S.HELD], S.REJECTED, "the provider refused it, and it is in `rejected_dir`"),
        Step([S.INTENT, S.REQUESTED, S.RESEND, S.HELD], S.ABANDONED, "the original is gone, or is another file now"),
        Step([S.CLOSED], S.SENT, "other files of its set are still to be delivered"),
        Step([S.CLOSED, S.SENT], S.DELIVERED, "the original is disposed of"),
        Step([S.DELIVERED], S.DELIVERED, "the original is disposed of by a later run"),
        *_DECIDED,
    ),
    "pickup": (
        Step([S.NEW, S.CLAIMING], S.CLAIMING, "the host is about to claim the file"),
        Step([S.RESEND], S.RESEND, "the host is about to claim the file, or gives it back"),
        Step([S.PLACED], S.PLACED, "the host is about to claim the file, or gives it back"),
        Step([S.HELD], S.HELD, "the host gives it back"),
        Step([S.NEW, S.CLAIMING, S.RESEND, S.PLACING], S.PLACING, "the part is verified and durable"),
        Step([S.PLACING], S.PLACED, "the part is published"),
        Step([S.PLACING], S.FORGOTTEN, "somebody removed the part before it was published"),
        Step([S.PLACING], S.CLAIMING, "somebody removed the part, and this host still claims the file"),
        Step([S.PLACING], S.HELD, "neither the part nor the file is here"),
        Step([S.CLAIMING], S.FORGOTTEN, "the claim came to nothing"),
        Step([S.NEW, S.CLAIMING], S.HELD, "it came before, and the job holds duplicates"),
        Step([S.NEW, S.CLAIMING, S.RESEND], S.HELD, "it is whole, and is gone from the server for an unknown reason"),
        Step([S.NEW, S.CLAIMING], S.PLACED, "another ledger has published the same content here"),
        Step([S.PLACED, *CAME], S.FETCHED, "the original is deleted, moved, or replaced by another file"),
        Step([S.PLACED, *CAME], S.KEPT, "the original stays, as the job says"),
        Step([S.RESEND], S.ABANDONED, "the original is no longer on the server"),
        Step([S.HELD, S.RESEND, S.DISCARDED], S.RESEND, "decision: resend"),
        Step([S.HELD, S.RESEND, S.DISCARDED], S.PLACED, "decision: delivered"),
        Step([S.HELD, S.RESEND, S.DISCARDED], S.DISCARDED, "decision: discard"),
    ),
    "import": (
        Step([S.NEW, S.RETRY, S.RESEND], S.BEGUN, "the handler is about to be started"),
        Step([S.BEGUN], S.BEGUN, "the handler was certainly not started, and is about to be"),
        Step([S.BEGUN], S.HANDLED, "the handler ended with status 0"),
        Step([S.BEGUN], S.RETRY, "the handler ended with status 1, or the job hands such files over again"),
        Step([S.BEGUN], S.REFUSED, "the handler ended with status 1, and no try is left"),
        Step([S.BEGUN], S.HELD, "the handler ended in another way, or its end is unknown"),
        Step([S.NEW], S.HELD, "it was imported before, and is back in its place"),
        Step([S.BEGUN, S.RETRY, S.RESEND], S.ABANDONED, "the file is gone, or another one has its name"),
        Step([S.HANDLED], S.DELIVERED, "it is in `done_dir`"),
        Step([S.REFUSED], S.REJECTED, "it is in `failed_dir`"),
        Step(_DECIDED_OR_HELD, S.RESEND, "decision: resend"),
        Step(_DECIDED_OR_HELD, S.HANDLED, "decision: delivered"),
        Step(_DECIDED_OR_HELD, S.DISCARDED, "decision: discard"),
    ),
}

DECISIONS: Mapping[str, Mapping[str, tuple[State, State]]] = {
    "dropoff": {
        "resend": (S.RESEND, S.RESEND),
        "delivered": (S.DELIVERED, S.ACCEPTED),
        "discard": (S.DISCARDED, S.DISCARDING),
    },
    "pickup": {
        "resend": (S.RESEND, S.RESEND),
        "delivered": (S.PLACED, S.PLACED),
        "discard": (S.DISCARDED, S.DISCARDED),
    },
    "import": {
        "resend": (S.RESEND, S.RESEND),
        "delivered": (S.HANDLED, S.HANDLED),
        "discard": (S.DISCARDED, S.DISCARDED),
    },
}
"""By direction and decision: the new state, and the one where a temporary file of ours may be on the server."""

DIRECTIONS = tuple(DECISIONS)

DECIDED: Mapping[State, str] = {
    S.RESEND: "resend",
    S.DISCARDED: "discard",
    S.DISCARDING: "discard",
    S.ACCEPTED: "delivered",
}
"""The decision that a state stands for, whoever asks."""


# --- recovery


class Verdict(Enum):
    """What the next run does with a file that an earlier run left; its value is for people."""

    DELIVERED = "delivered"
    SEND = "nothing of it is there: send it"
    SEND_ANEW = "our own temporary file: remove it, and send the file again"
    REWRITE = "our own unfinished part: write it anew"
    FINISH_RENAME = "whole: give it its final name"
    AWAIT_NAME = "whole, and another file has its final name: wait"
    HOLD_TAKEN_NAME = "another file has this name: hold"
    HOLD_INCOMPLETE = "an incomplete file may have been taken: hold"
    AMBIGUOUS = "no evidence whether it was taken or lost: the `ambiguous` policy decides"
    HELD = "a person decides"
    DISCARDED = "a person decided to leave it alone"
    PUBLISH = "publish the part"
    PUBLISHED = "it was published"
    NO_COPY = "no evidence: somebody took the file, or removed the part: hold"
    COMPARE = "fetch it again; dispose of the original only if the content is the same"
    FETCH = "fetch it"
    CLAIM = "the rename has not happened: claim it again"
    FINISHED = "the original is gone: the pickup is complete"
    FORGET = "another host was faster: forget the claim"
    ABANDON = "there is nothing left to fetch"
    HAND_OVER = "hand it to the handler"
    STILL_RUNNING = "the handler is still running: wait"
    ACCEPTED = "the handler accepted it: move it to `done_dir`"
    TRY_AGAIN = "the handler refused it: try again after a pause"
    SET_ASIDE = "the handler refused it for the last time: move it to `failed_dir`"
    NO_HANDLER = "the handler could not be started: end the run"
    HOLD_STOPPED = "the handler may have processed it, or a part of it: hold"


class Seen(Enum):
    """What the server shows under a name, beside the size that was recorded."""

    NOTHING = "nothing"
    EMPTY = "empty"
    SHORTER = "shorter"
    WHOLE = "our size"
    WHOLE_EMPTY = "empty, as it should be"
    OTHER = "longer, or of unknown size"
    HIDDEN = "a refusal to look"


class Visibility(Enum):
    """Whether the final name was seen on the server while the upload was open."""

    SEEN = "seen"
    UNSEEN = "not seen"
    UNKNOWN = "unknown"
    TAKEN = "not seen, on a server that shows partial uploads"
    UNPROVEN = "the size was not confirmed"


class LocalPart(Enum):
    """What is left here of a pickup that was being published."""

    THERE = "the part"
    PUBLISHED = "no part, and the final name has its content"
    GONE = "neither"


class Original(Enum):
    """Where the original of a pickup is on the server."""

    CLAIMED = "under this host's claim"
    LISTED = "under its own name"
    GONE = "neither"


class HandlerEnd(Enum):
    """What the record of a handler says."""

    NOT_STARTED = "not started"
    RUNNING = "still running"
    UNKNOWN = "started, and no end"
    ACCEPTED = "status 0"
    FAILED = "status 1"
    STOPPED = "another status, a signal or a time-out"
    REFUSED = "no such program"


class TriesLeft(Enum):
    """Whether the handler may refuse a file once more."""

    SOME = "tries left"
    NONE = "no try left"


class Rule(NamedTuple):
    """In one of these states, and with one of each of these sights: the verdict."""

    states: Iterable[State]
    first: Iterable[Enum]
    second: Iterable[Enum]
    verdict: Verdict


_NONE = (Seen.NOTHING,)
_WHOLE = (Seen.WHOLE, Seen.WHOLE_EMPTY)
_EMPTY = (Seen.EMPTY, Seen.WHOLE_EMPTY)
_UNSHOWN = (Seen.NOTHING, Seen.HIDDEN)
_SHOWN = tuple(seen for seen in Seen if seen not in _UNSHOWN)
_NOT_WHOLE = (Seen.EMPTY, Seen.SHORTER, Seen.OTHER)
_PROVEN = (Visibility.SEEN, Visibility.UNSEEN, Visibility.UNKNOWN)
_UNKNOWN = (Visibility.UNKNOWN, Visibility.UNPROVEN)
V = Verdict


def _any_dropoff(second: type[Enum]) -> Iterator[Rule]:
    """What does not depend on what the server shows."""
    for states, verdict in (
        ((S.RENAMED, S.SENT, S.ACCEPTED, S.DELIVERED), V.DELIVERED),
        ((S.RESEND,), V.SEND),
        ((S.DISCARDING, S.DISCARDED), V.DISCARDED),
        ((S.HELD,), V.HELD),
    ):
        yield Rule(states, Seen, second, verdict)


RECOVERY: Mapping[str, tuple[Rule, ...]] = {
    "direct": (  # the final name, and whether it was seen while the upload was open
        *_any_dropoff(Visibility),
        Rule([S.INTENT], _UNSHOWN, Visibility, V.SEND),
        Rule([S.INTENT], _EMPTY, Visibility, V.REWRITE),
        Rule([S.INTENT], [Seen.SHORTER, Seen.WHOLE, Seen.OTHER], Visibility, V.HOLD_TAKEN_NAME),
        Rule([S.CREATED], _NONE, [Visibility.UNSEEN], V.SEND),
        Rule([S.CREATED], _NONE, [Visibility.SEEN, Visibility.TAKEN, *_UNKNOWN], V.HOLD_INCOMPLETE),
        Rule([S.CREATED], [Seen.HIDDEN], Visibility, V.AMBIGUOUS),
        Rule([S.CREATED], [Seen.SHORTER, *_EMPTY, Seen.WHOLE], [Visibility.SEEN, *_UNKNOWN], V.REWRITE),
        Rule([S.CREATED], [Seen.OTHER], [Visibility.SEEN, *_UNKNOWN], V.HOLD_TAKEN_NAME),
        Rule([S.CREATED], _SHOWN, [Visibility.UNSEEN, Visibility.TAKEN], V.HOLD_TAKEN_NAME),
        Rule([S.WRITTEN, S.CLOSED], _WHOLE, Visibility, V.DELIVERED),
        Rule([S.WRITTEN, S.CLOSED], _NOT_WHOLE, Visibility, V.HOLD_TAKEN_NAME),
        Rule([S.WRITTEN, S.CLOSED], _NONE, [Visibility.TAKEN], V.HOLD_INCOMPLETE),
        Rule([S.WRITTEN], _NONE, [Visibility.SEEN], V.DELIVERED),
        Rule([S.WRITTEN], _NONE, [Visibility.UNSEEN, *_UNKNOWN], V.AMBIGUOUS),
        Rule([S.WRITTEN], [Seen.HIDDEN], Visibility, V.AMBIGUOUS),
        Rule([S.CLOSED], _UNSHOWN, _PROVEN, V.DELIVERED),
        Rule([S.CLOSED], [Seen.HIDDEN], [Visibility.TAKEN], V.DELIVERED),
        Rule([S.CLOSED], _UNSHOWN, [Visibility.UNPROVEN], V.AMBIGUOUS),
    ),
    "rename": (  # the final name, and the temporary one
        *_any_dropoff(Seen),
        Rule([S.INTENT, S.CREATED, S.WRITTEN], Seen, _UNSHOWN, V.SEND),
        Rule([S.INTENT, S.CREATED, S.WRITTEN], Seen, _SHOWN, V.SEND_ANEW),
        Rule([S.CLOSED], Seen, _NOT_WHOLE, V.SEND_ANEW),
        Rule([S.CLOSED, S.AWAITING_NAME], _UNSHOWN, [*_WHOLE, Seen.HIDDEN], V.FINISH_RENAME),
        Rule([S.CLOSED, S.AWAITING_NAME], _SHOWN, [*_WHOLE, Seen.HIDDEN], V.AWAIT_NAME),
        Rule([S.CLOSED, S.AWAITING_NAME], _UNSHOWN, _NONE, V.AMBIGUOUS),
        Rule([S.CLOSED], _WHOLE, _NONE, V.DELIVERED),
        Rule([S.CLOSED], _NOT_WHOLE, _NONE, V.HOLD_TAKEN_NAME),
        Rule([S.AWAITING_NAME], _SHOWN, _NONE, V.HOLD_TAKEN_NAME),
        Rule([S.AWAITING_NAME], Seen, _NOT_WHOLE, V.HOLD_TAKEN_NAME),
    ),
    "request": (  # such a server shows nothing
        *_any_dropoff(Visibility),
        Rule([S.INTENT], Seen, Visibility, V.SEND),
        Rule([S.REQUESTED], Seen, Visibility, V.AMBIGUOUS),
        Rule([S.CLOSED], Seen, Visibility, V.DELIVERED),
    ),
    "pickup": (  # the part here, and the original there
        Rule([S.PLACING], [LocalPart.THERE], Original, V.PUBLISH),
        Rule([S.PLACING], [LocalPart.PUBLISHED], Original, V.PUBLISHED),
        Rule([S.PLACING], [LocalPart.GONE], Original, V.NO_COPY),
        Rule([S.PLACED], LocalPart, [Original.CLAIMED, Original.LISTED], V.COMPARE),
        Rule([S.PLACED], LocalPart, [Original.GONE], V.FINISHED),
        Rule([S.CLAIMING], LocalPart, [Original.CLAIMED], V.FETCH),
        Rule([S.CLAIMING], LocalPart, [Original.LISTED], V.CLAIM),
        Rule([S.CLAIMING], LocalPart, [Original.GONE], V.FORGET),
        Rule([S.RESEND], [LocalPart.THERE], Original, V.PUBLISH),
        Rule([S.RESEND], [LocalPart.PUBLISHED, LocalPart.GONE], [Original.CLAIMED, Original.LISTED], V.FETCH),
        Rule([S.RESEND], [LocalPart.PUBLISHED, LocalPart.GONE], [Original.GONE], V.ABANDON),
        Rule([S.HELD], LocalPart, Original, V.HELD),
    ),
    "import": (  # what the record of the handler says, and whether tries are left
        Rule([S.BEGUN], [HandlerEnd.NOT_STARTED], TriesLeft, V.HAND_OVER),
        Rule([S.BEGUN, S.RETRY, S.RESEND], [HandlerEnd.RUNNING], TriesLeft, V.STILL_RUNNING),
        Rule([S.BEGUN], [HandlerEnd.UNKNOWN], TriesLeft, V.AMBIGUOUS),
        Rule([S.BEGUN], [HandlerEnd.ACCEPTED], TriesLeft, V.ACCEPTED),
        Rule([S.BEGUN], [HandlerEnd.FAILED], [TriesLeft.SOME], V.TRY_AGAIN),
        Rule([S.BEGUN], [HandlerEnd.FAILED], [TriesLeft.NONE], V.SET_ASIDE),
        Rule([S.BEGUN], [HandlerEnd.STOPPED], TriesLeft, V.HOLD_STOPPED),
        Rule([S.BEGUN], [HandlerEnd.REFUSED], TriesLeft, V.NO_HANDLER),
        Rule([S.RETRY, S.RESEND], [end for end in HandlerEnd if end is not HandlerEnd.RUNNING], TriesLeft, V.HAND_OVER),
        Rule([S.HANDLED], HandlerEnd, TriesLeft, V.ACCEPTED),
        Rule([S.REFUSED], HandlerEnd, TriesLeft, V.SET_ASIDE),
        Rule([S.HELD], HandlerEnd, TriesLeft, V.HELD),
        Rule([S.DISCARDED], HandlerEnd, TriesLeft, V.DISCARDED),
    ),
}


# --- and how it is looked up


class IllegalStep(RuntimeError):
    """A step that the table does not have: a mistake in the code that asked for it."""


_ALLOWED = {
    track: frozenset((before, step.after) for step in steps for before in step.before) for track, steps in STEPS.items()
}
_VERDICTS = {
    (track, state, first, second): rule.verdict
    for track, rules in RECOVERY.items()
    for rule in rules
    for state, first, second in product(rule.states, rule.first, rule.second)
}


def track_of(direction: str, temporary: str | None, file_id: str | None = None) -> str:
    """The table of a row: by its direction and, for a drop-off, by whether it has a temporary name or a fileId."""
    if direction != "dropoff":
        return direction
    if file_id is not None:
        return "request"
    return "direct" if temporary is None else "rename"


def require_step(track: str, before: State, after: State) -> None:
    """:raises IllegalStep: the table of this track has no such step."""
    if (before, after) not in _ALLOWED[track]:
        raise IllegalStep(f"{track}: there is no step from {before.value or 'new'!r} to {after.value!r}")


def verdict_on(track: str, state: State, first: Enum, second: Enum) -> Verdict:
    """Look up what the recovery decides about a file in this state, by what is seen.

    :param first: what is seen, and ``second``: see `RECOVERY` for what they are on each track.
    :raises LedgerError: ``ledger_damaged``: no file of this track can be in this state.
    """
    try:
        return _VERDICTS[track, state, first, second]
    except KeyError:
        raise LedgerError(
            "ledger_damaged",
            f"The ledger has a file ({track}) in the state {state.value!r}, which such a file cannot have.",
            "Restore the ledger from a backup.",
        ) from None


def state_of(value: str) -> State:
    """Read a state from the database.

    :raises LedgerError: ``ledger_damaged``: there is no such state.
    """
    try:
        return State(value)
    except ValueError:
        raise LedgerError(
            "ledger_damaged", f"The ledger has an unknown state {value!r}.", "Restore the ledger from a backup."
        ) from None


def seen(size: int | None, *, expected: int, is_there: bool) -> Seen:
    """What stands under a name.

    :param size: in bytes, by the server; None where it does not tell.
    :param expected: the size that was recorded, in bytes.
    """
    if not is_there:
        return Seen.NOTHING
    if size is None or size > expected:
        return Seen.OTHER
    if size == expected:
        return Seen.WHOLE if size else Seen.WHOLE_EMPTY
    return Seen.SHORTER if size else Seen.EMPTY


def visibility(visible: bool | None, *, partial_uploads: bool, is_proven: bool = True) -> Visibility:
    """Whether an upload was visible, on a server that is known, or not, to show partial uploads.

    :param is_proven: False if all bytes were acknowledged, and the server has not confirmed the size.
    """
    if not is_proven:
        return Visibility.UNPROVEN
    if visible is None:
        return Visibility.UNKNOWN
    if visible:
        return Visibility.SEEN
    return Visibility.TAKEN if partial_uploads else Visibility.UNSEEN
