# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare filedrop with the tools that people use now: ``python tests/bench/bench.py``.

It needs root for the server's chroot and for a file system in memory, and Debian's openssh-server, lftp, rclone, strace
and time; a peer that is not there is left out.

    bench.py --list
    bench.py --only 'put-1000*' --contestants filedrop,sftp --rounds 1
    bench.py --only get-1000x20KiB-0ms --before /tmp/another-checkout --contestants filedrop,sftp --rounds 5
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cases import CASES, Case
from contest import Contest, Score


def main() -> int:
    options = _options()
    cases = [case for case in CASES if _chosen(case.name, options.only)]
    if options.list:
        print("\n".join(f"{case.name:28} {case}" for case in cases))
        return 0
    contest = Contest(
        cases,
        contestants=options.contestants,
        before=options.before,
        rounds=options.rounds,
        folder=options.folder,
        config=options.server,
    )
    for case, scores in contest.hold():
        print(_line(case, scores), flush=True)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare filedrop with the tools that people use now.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--list", action="store_true", help="only say which cases there are")
    parser.add_argument("--only", type=_words, default=[], metavar="CASE,...", help="names of cases, or patterns")
    parser.add_argument("--contestants", type=_words, metavar="NAME,...", help="such as filedrop,filedrop:4,sftp,lftp")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, whose engine takes part too")
    parser.add_argument("--folder", type=Path, help="where the local files lie, for another file system")
    parser.add_argument("--server", action="append", default=[], help="a line for sshd_config, such as 'MaxSessions 1'")
    return parser.parse_args()


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _chosen(name: str, patterns: Sequence[str]) -> bool:
    return not patterns or any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _line(case: Case, scores: Sequence[Score]) -> str:
    """What the one who waits wants to see: seconds, speed beside the slowest to call, memory on top of idle."""
    reference = next((score.median for score in scores if score.contestant == "sftp"), None)
    shown = []
    for score in scores:
        ratio = f" = {reference / score.median:.2f} x sftp" if reference and score.contestant != "sftp" else ""
        memory = f"{score.on_top / 2**20:+.0f} MiB"
        shown.append(f"  {score.title:30} {score.median:8.2f} s{ratio:16} {memory}   idle {score.idle[-1]:.2f} s")
    return "\n".join([f"{case.name}: {case}", *shown])


if __name__ == "__main__":
    raise SystemExit(main())
