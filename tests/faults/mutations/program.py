# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole round: which mutations, who judges them, and what is told of it."""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from .catalogue import CHECKOUT, KINDS, Mutation, mutations
from .judges import INTEGRATION, ROUNDS, UNIT, Touches, read_touches
from .ready import environment
from .report import page, why_harmless
from .verdicts import Verdict, Verdicts, judged
from .workshop import Workshop, workshops

BUILD = CHECKOUT / "build" / "mutations"


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutate the engine, and see what notices.")
    parser.add_argument("word", nargs="*", help="only mutations whose description has one of these in it")
    parser.add_argument("--list", action="store_true", help="only tell what there is")
    parser.add_argument("--again", action="store_true", help="judge anew those that nobody has noticed")
    parser.add_argument("--kind", choices=KINDS, action="append", help="only mutations of this kind, or these")
    parser.add_argument("--whole", action="store_true", help="no parts of conditions")
    parser.add_argument("--rounds", type=int, default=len(ROUNDS), help=f"only so many of: {', '.join(ROUNDS)}")
    parser.add_argument("--old-tests", action="store_true", help="do not find out what tests call that have come since")
    parser.add_argument("--jobs", type=int, default=2, help="how many to judge at a time")
    parser.add_argument("--write", type=Path, help="the page to write the result to")
    options = parser.parse_args()
    every = mutations()
    chosen = [
        one
        for one in every
        if (not options.word or any(word in str(one) for word in options.word))
        and one.kind in (options.kind or KINDS)
        and not (options.whole and one.is_part)
    ]
    if options.list:
        print(*chosen, sep="\n")
        return 0
    verdicts = Verdicts(BUILD / "verdicts.json")
    if options.again:
        for one in chosen:
            if not verdicts[one].noticed:
                verdicts.keep(one, Verdict())
    touches = _touches(find_out=not options.old_tests) if options.rounds else {}
    with workshops(options.jobs if options.rounds else 0) as places:
        for round_ in range(options.rounds):
            _hold_round(round_, [one for one in chosen if not why_harmless(one)], touches, verdicts, places)
    left = [one for one in chosen if not why_harmless(one) and not verdicts[one].noticed]
    print(*(f"{'NOT JUDGED' if verdicts[one].is_open else 'NOBODY NOTICES'} {one}" for one in left), sep="\n")
    print(f"{len(chosen)} mutations, {len(left)} unnoticed")
    if options.write:
        options.write.write_text(page(chosen, verdicts))
    return 1 if left else 0


def _touches(*, find_out: bool) -> Touches:
    """Which test calls what: found out once, and for each test that has come since."""
    path = BUILD / "touches.json"
    known = read_touches(path) if path.exists() else {}
    there = [line for line in _pytest("--collect-only", UNIT, INTEGRATION).splitlines() if "::" in line]
    new = [test for test in there if test not in known]
    if new and find_out:
        _pytest("-p", "faults.mutations.touch", "--touches", str(path), *(new if known else (UNIT, INTEGRATION)))
        known = {**known, **read_touches(path)}
        path.write_text(json.dumps(known, indent=1))
    return {test: known[test] for test in there if test in known}


def _pytest(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=CHECKOUT, env=environment(CHECKOUT), check=False, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout


def _hold_round(
    round_: int, several: Sequence[Mutation], touches: Touches, verdicts: Verdicts, places: Sequence[Workshop]
) -> None:
    """Let one kind of judge look at all that is open."""
    order = list(KINDS)
    due = sorted((one for one in several if _is_due(verdicts[one], round_)), key=lambda one: order.index(one.kind))
    free: queue.SimpleQueue[Workshop] = queue.SimpleQueue()
    for place in places:
        free.put(place)

    def judge(one: Mutation) -> tuple[Mutation, Verdict, float]:
        place, began = free.get(), time.monotonic()
        try:
            return one, judged(one, touches, round_, place), time.monotonic() - began
        finally:
            free.put(place)

    with ThreadPoolExecutor(len(places)) as pool:
        under_way = [pool.submit(judge, one) for one in due]
        for number, (one, verdict, seconds) in enumerate((done.result() for done in as_completed(under_way)), 1):
            verdicts.keep(one, verdict)
            print(f"{ROUNDS[round_]}, {number} of {len(due)}, {seconds:.1f} s: {one}")
            print(f"      {verdict.noticed or 'not noticed'}", flush=True)


def _is_due(verdict: Verdict, round_: int) -> bool:
    return verdict.is_open and verdict.rounds == round_
