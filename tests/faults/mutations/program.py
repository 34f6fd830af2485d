# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole round: which mutations, who judges them, and what is told of it."""

from __future__ import annotations

import argparse
import queue
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from .catalogue import CHECKOUT, ENGINE, Mutation, mutations
from .judges import INTEGRATION, UNIT, Touches, judges_of, read_touches
from .report import page, why_harmless
from .verdicts import Verdicts, judged
from .workshop import Workshop, workshops

BUILD = CHECKOUT / "build" / "mutations"


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutate the engine, and see what notices.")
    parser.add_argument("word", nargs="*", help="only mutations whose description has one of these in it")
    parser.add_argument("--list", action="store_true", help="only tell what there is")
    parser.add_argument("--again", action="store_true", help="judge anew those that nobody has noticed")
    parser.add_argument("--jobs", type=int, default=2, help="how many to judge at a time")
    parser.add_argument("--write", type=Path, help="the page to write the result to")
    options = parser.parse_args()
    every = list(mutations())
    chosen = [one for one in every if not options.word or any(word in str(one) for word in options.word)]
    if options.list:
        print(*chosen, sep="\n")
        return 0
    verdicts = Verdicts(BUILD / "verdicts.json")
    open_ones = [one for one in chosen if one not in verdicts or (options.again and not verdicts[one])]
    if open_ones:
        with workshops(options.jobs) as places:
            _judge_all([one for one in open_ones if not why_harmless(one)], _touches(), verdicts, places)
    unnoticed = [one for one in chosen if not why_harmless(one) and not verdicts[one]]
    print(*(f"NOBODY NOTICES {one}" for one in unnoticed), sep="\n")
    print(f"{len(chosen)} mutations, {len(unnoticed)} unnoticed")
    if options.write:
        options.write.write_text(page(every, verdicts))
    return 1 if unnoticed else 0


def _touches() -> Touches:
    """Which test calls what; found out once, and again when somebody has removed the file."""
    path = BUILD / "touches.json"
    if not path.exists():
        command = [sys.executable, "-m", "pytest", "-q", "-p", "faults.mutations.touch", "--touches", str(path)]
        subprocess.run([*command, UNIT, INTEGRATION], cwd=CHECKOUT, check=False)
    return read_touches(path)


def _judge_all(several: Sequence[Mutation], touches: Touches, verdicts: Verdicts, places: Sequence[Workshop]) -> None:
    free: queue.SimpleQueue[Workshop] = queue.SimpleQueue()
    for place in places:
        free.put(place)

    untouched = replace(several[0], source=(CHECKOUT / ENGINE / several[0].file).read_text())
    first = next(judges_of(untouched, touches))
    if wrong := first.says(places[0]):
        raise RuntimeError(f"without any mutation already: {wrong}")

    def judge(one: Mutation) -> tuple[Mutation, str, float]:
        place, began = free.get(), time.monotonic()
        try:
            return one, judged(one, touches, place), time.monotonic() - began
        finally:
            free.put(place)

    with ThreadPoolExecutor(len(places)) as pool:
        under_way = [pool.submit(judge, one) for one in several]
        for number, (one, noticed, seconds) in enumerate((done.result() for done in as_completed(under_way)), 1):
            verdicts.keep(one, noticed)
            print(f"{number}/{len(several)} {seconds:5.1f} s  {one}\n      {noticed or 'NOBODY NOTICES'}", flush=True)
