# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Go one way through the crash matrix again, step by step, and tell what is seen.

    python tests/faults/replay.py rename-archive-openssh 121 28

kills a run at its step 121, the next one at its step 28, and lets a third one go to its end. Instead of a number there
may be an event that happens between two runs (`take`) or in the middle of one (`replace@60`), or a connection
that is lost at its request 5, which the server gets before the next connection's request 7 (`late@5@7`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

_TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_TESTS), str(_TESTS.parent / "build" / "tree")]


def main() -> int:
    from faults import books
    from faults.explorer import Explorer, Report, State
    from faults.runs import stage
    from faults.variants import ALL

    parser = argparse.ArgumentParser(description="Go one way through the crash matrix again.")
    parser.add_argument("variant", choices=ALL)
    parser.add_argument("move", nargs="*", help="a step to be killed at, or an event")
    options = parser.parse_args()
    variant = ALL[options.variant]
    with stage(variant) as place:
        explorer = Explorer(place, Report(variant.name))

        def tell(state: State) -> None:
            for row in place.world.rows(state.picture):
                print("    row", {key: row[key] for key in ("name", "state", "open", "visible", "reason", "temporary")})
            for path, file in sorted(state.picture.items()):
                if (
                    file is not None
                    and "ledger.sqlite3" not in path
                    and Path(path) not in books.bystanders(place.world)
                ):
                    print(f"    {len(file.content):>8} {path}")

        state = explorer.start
        for move in options.move:
            state = explorer.follow(int(move) if move.isdigit() else move)
            print(f"{move}: {explorer.latest}")
            tell(state)
            for what in books.at_any_instant(place.world, variant, state.puts):
                print(f"  WRONG {what}")
        result = place.run()
        print("the last run, left in peace:", result.error or "")
        for one in result.outcomes:
            print(f"    {one.name}: {one.outcome} {one.reason} {one.message}")
        tell(State(place.world.photograph(), state.puts, ()))
        for what in books.at_the_end(place.world, variant, state.puts, result):
            print(f"  WRONG {what}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
