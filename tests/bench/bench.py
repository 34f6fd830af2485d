# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare filedrop with the tools that people use now: ``python tests/bench/bench.py``.

It needs root for the server's chroot and for a file system in memory, and Debian's openssh-server, lftp, rclone, strace
and time; a peer that is not there is left out.

    bench.py --list
    bench.py --only 'put-1000*' --contestants filedrop,sftp --rounds 1
    bench.py --only get-1000x20KiB-0ms --before /tmp/another-checkout --contestants filedrop,sftp --rounds 5
    bench.py --only memory,costs
    bench.py --only nothing --write docs     the page anew, from what was kept
"""

from __future__ import annotations

import argparse
import fnmatch
import shlex
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import costs
import memory
import page
from arena import relay_bandwidth
from cases import CASES, REFERENCE, Case
from circumstances import Circumstances
from contest import Rules, Score, hold
from marks import MARKS
from results import Results, keep

APART = {"memory": memory.measure, "costs": costs.measure}
"""What is measured on demand, or in the course of a whole bench, of ours alone."""


def main() -> int:
    # An end from outside is an end like any other: the server goes, and the file system in memory.
    signal.signal(signal.SIGTERM, lambda *_received: sys.exit("ended from outside"))
    options = _options()
    cases = [case for case in CASES if _chosen(case.name, options.only)]
    if options.list:
        _list(cases)
        return 0
    command = shlex.join(["bench.py", *sys.argv[1:]])
    if cases:
        _hold(cases, options, command)
    for name, measure in APART.items():
        if name in options.only:
            print(name, flush=True)
            measure(command, options.folder)
    if options.write is not None:
        page.write(options.write)
    return 0


def _hold(cases: Sequence[Case], options: argparse.Namespace, command: str) -> None:
    marked = {name for mark in MARKS for name in (mark.case, mark.than)}
    rules = Rules(
        rounds=options.rounds,
        seconds=options.minutes * 60,
        once=() if options.only else {case.name for case in cases} - marked,
        contestants=options.contestants,
        before=options.before,
        count_syncs=options.write is not None,
        folder=options.folder,
        server=options.server,
    )
    delay = max(case.rtt for case in cases)
    about = Circumstances.now(command)
    versions = {one.title: one.version for case in cases for one in rules.entrants(case)}
    results = Results(about, options.server, delay and relay_bandwidth(delay), versions)
    started = time.monotonic()
    for case, scores, syncs in hold(sorted(cases, key=lambda case: case.name not in marked), rules):
        print(_lines(case, scores, syncs, seconds=time.monotonic() - started), flush=True)
        about.look()
        results.scores[case.name] = scores
        if syncs:
            results.syncs[case.name] = syncs
        if options.write is not None:
            keep("contest", results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare filedrop with the tools that people use now.")
    parser.add_argument(
        "--rounds", type=int, default=5, help="at most; the first one is held whole, the others for the marks"
    )
    parser.add_argument("--minutes", type=float, default=13.5, help="after that, nothing is begun again")
    parser.add_argument("--list", action="store_true", help="only say which cases there are")
    parser.add_argument("--only", type=_words, default=[], metavar="CASE,...", help="names of cases, or patterns")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="keep the results, and write the page there")
    parser.add_argument("--contestants", type=_words, metavar="NAME,...", help="such as filedrop,filedrop:4,sftp,lftp")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, whose engine takes part too")
    parser.add_argument("--folder", type=Path, help="where the local files lie, for another file system")
    parser.add_argument("--server", action="append", default=[], help="a line for sshd_config, such as 'MaxSessions 1'")
    return parser.parse_args()


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _chosen(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _list(cases: Sequence[Case]) -> None:
    for case in cases:
        print(f"{case.name:28} {case}")
    for name, measure in APART.items():
        print(f"{name:28} {(sys.modules[measure.__module__].__doc__ or '').partition('.')[0]}")


def _lines(case: Case, scores: Sequence[Score], syncs: Mapping[str, int], *, seconds: float) -> str:
    """What the one who waits wants to see: seconds, speed in multiples of sftp's, memory on top of idle."""
    reference = next((score.median for score in scores if score.contestant == REFERENCE), None)
    rounds = max(len(score.seconds) for score in scores)
    lines = [f"{case.name}: {case} (round {rounds}, after {seconds:.0f} s)"]
    for score in scores:
        ratio = f" = {reference / score.median:.2f} x sftp" if reference else ""
        on_top = f"{score.on_top / 2**20:+.0f} MiB"
        lines.append(f"  {score.title:30} {score.median:8.2f} s{ratio:16} {on_top:10} idle {score.idle[-1]:.2f} s")
    if syncs:
        lines.append(f"  syncs: {', '.join(f'{count} {call}' for call, count in syncs.items())}")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
