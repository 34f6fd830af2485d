# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/development/mutations.md: what was taken out of the engine, and what noticed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .catalogue import KINDS, Mutation
from .rooms import HARMLESS
from .verdicts import Verdict, Verdicts

_HEAD = """# What happens without it

Each mutation changes one thing in a copy of the engine. It removes a sync, a check, a commit to the ledger or a
removal, swaps two steps, or changes a flag or a number that protects something. At least one test must fail each time.
Otherwise the changed line has no purpose.

`make mutations` runs them, continues after an interruption, and writes this page. Beside each change is what noticed it
first: a test, the crash matrix with its finding and place, or a power cut.
"""


def page(mutations: Sequence[Mutation], verdicts: Verdicts) -> str:
    return "\n".join(_lines(mutations, verdicts)) + "\n"


def _lines(mutations: Sequence[Mutation], verdicts: Verdicts) -> Iterator[str]:
    yield _HEAD
    counted = [one for one in mutations if not why_harmless(one)]
    unnoticed = [one for one in counted if not verdicts[one].noticed]
    not_judged = sum(verdicts[one].is_open for one in unnoticed)
    missed = len(unnoticed) - not_judged
    yield (
        f"{len(mutations)} changes: {len(mutations) - len(counted)} change nothing; of the other {len(counted)},"
        f" {len(counted) - len(unnoticed)} are noticed and {missed} are not."
    )
    if not_judged:
        yield f"\n{not_judged} more have not been judged to the end, or not since their function changed."
    for kind, title in KINDS.items():
        some = [one for one in counted if one.kind == kind and not verdicts[one].is_open]
        if some:
            yield f"\n## {title}\n\n{len(some)} changes.\n"
            yield "| in | change | noticed by |\n|---|---|---|"
            for one in some:
                noticed = _shown(verdicts[one])
                yield f"| `{one.file}` {_cell(one.where)} | {_cell(one.what)} | {_cell(noticed)} |"
    harmless = [one for one in mutations if why_harmless(one)]
    if harmless:
        yield "\n## Changes that change nothing\n"
        yield "| in | change | why |\n|---|---|---|"
        for one in harmless:
            yield f"| `{one.file}` {_cell(one.where)} | {_cell(one.what)} | {why_harmless(one)} |"


def why_harmless(mutation: Mutation) -> str:
    return HARMLESS.get((mutation.where, mutation.what), "")


def _shown(verdict: Verdict) -> str:
    noticed = verdict.noticed.partition(", 1 times")[0]
    if ".py::" in noticed:
        file, _colons, test = noticed.partition("::")
        noticed = f"{file.rpartition('/')[2]}::{test.partition('[')[0]}"
    return noticed or "**nobody**"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
