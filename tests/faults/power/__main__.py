# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cut the power, by hand.

    python tests/faults/power explore rename-archive pickup-delete
    python tests/faults/power replay build/power/pickup-delete-1a39bebe.json.gz 71 without:16 26
    python tests/faults/power syncs rename-archive

The last one takes each sync out of a record, and sees what notices; mutations/ takes them out of the engine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[2]
_TREE = _TESTS.parent / "build" / "tree"
sys.path[:0] = [str(_TESTS), str(_TREE)]


def main() -> int:
    from faults.power.cuts import Depth
    from faults.power.scenarios import ALL

    parser = argparse.ArgumentParser(description="Cut the power, by hand.")
    commands = parser.add_subparsers(dest="command", required=True)
    explore = commands.add_parser("explore", help="record scenarios, and look at every state that a cut may leave")
    explore.add_argument("scenario", nargs="*", help=f"of {', '.join(ALL)}; none: all")
    explore.add_argument("--depth", choices=[depth.name.lower() for depth in Depth], default="usual")
    explore.add_argument(
        "--first-only", action="store_true", help="end at the first thing that is wrong, with status 1"
    )
    explore.add_argument("--direction", choices=("dropoff", "pickup"), help="only scenarios of this direction")
    replay = commands.add_parser("replay", help="see one state again")
    replay.add_argument("evidence", type=Path)
    replay.add_argument("event", type=int)
    replay.add_argument("survivors")
    replay.add_argument("requests", type=int)
    replay.add_argument("meanwhile", nargs="?", default="")
    syncs = commands.add_parser("syncs", help="take each sync out of a record, and see what notices")
    syncs.add_argument("scenario", nargs="*", help="none: all")
    options = parser.parse_args()
    if options.command == "replay":
        return _replay(options)
    names = options.scenario or list(ALL)
    if options.command == "syncs":
        return _syncs(names)
    names = [name for name in names if options.direction in (None, ALL[name].variant.direction)]
    return _explore(names, Depth[options.depth.upper()], first_only=options.first_only)


def _explore(names: list[str], depth: object, *, first_only: bool) -> int:
    from faults.power.cuts import Depth
    from faults.power.explorer import Explorer, Found
    from faults.power.laboratory import Laboratory, Report
    from faults.power.report import lines
    from faults.power.scenarios import ALL, opened

    reports = []
    for name in names:
        with opened(ALL[name]) as stage:
            reports.append(Report(name))
            try:
                Explorer(stage, Laboratory(stage, reports[-1], depth=Depth(depth)), first_only=first_only).explore()
            except Found:
                break
    print("\n".join(lines(reports)))
    return 1 if any(report.findings for report in reports) else 0


def _syncs(names: list[str]) -> int:
    from faults.power.omissions import Omissions
    from faults.power.scenarios import ALL, opened

    for name in names:
        with opened(ALL[name]) as stage:
            for omission in Omissions(stage).tried():
                print(f"{name}: {omission}", flush=True)
    return 0


def _replay(options: argparse.Namespace) -> int:
    from faults.power.laboratory import Case
    from faults.power.replay import replay

    case = Case(options.event, options.survivors, options.requests, options.meanwhile)
    for line in replay(options.evidence, case):
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
