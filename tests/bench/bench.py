# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compare filedrop with the tools that people use now: ``python tests/bench/bench.py``.

It needs root for the server's chroot, and Debian's openssh-server, lftp and rclone; a peer that is not there is left
out. ``--only drop-off`` or ``--only 20`` picks cases by words of their names.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build" / "tree"))  # made by any test run, or by make

from contest import CASES, hold
from report import page


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare filedrop with the tools that people use now.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--folder", type=Path, help="where the local files lie, for another file system")
    parser.add_argument("--server", action="append", default=None, help="a line for sshd_config; default MaxSessions 1")
    parser.add_argument("--write", type=Path, help="the page to write; without it, the standard output")
    options = parser.parse_args()
    config = ["MaxSessions 1"] if options.server is None else [line for line in options.server if line]
    cases = [case for case in CASES if options.only in str(case)]
    results = []
    with tempfile.TemporaryDirectory(prefix="filedrop-bench-", dir=options.folder) as folder:
        for case, scores in hold(cases, rounds=options.rounds, folder=Path(folder), config=config):
            results.append((case, scores))
            shown = "; ".join(f"{score.contestant} {score.median:.2f}" for score in scores)
            print(f"{case}: {shown}", file=sys.stderr, flush=True)
    words = ["python", "tests/bench/bench.py", *sys.argv[1:]]
    text = page(results, rounds=options.rounds, command=shlex.join(words), config=config)
    if options.write is None:
        sys.stdout.write(text)
    else:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
