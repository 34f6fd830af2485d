# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fuzzing led by coverage, with atheris: all targets for a few seconds, or one for as long as one likes.

make fuzz
make fuzz FUZZ='--seconds 3600 --target servers'

New inputs that reach new code are kept in build/fuzz. One that breaks something is told, and belongs into the corpus
beside this file, which test_corpus.py replays without atheris.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
BUILD = Path(__file__).resolve().parents[3] / "build"
NAMES = ("packets", "file_names", "streams", "servers")
LONGEST_INPUT = 4096  # bytes
SLOWEST = 5  # seconds for one input
MOST_MEMORY = 512  # MiB
AT_A_TIME = 2


def fuzz(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris

    sys.path[:0] = [str(BUILD / "tree"), str(Path(__file__).resolve().parents[2])]
    with atheris.instrument_imports(include=["ansible_collections.courier.filedrop"]):
        from faults.fuzz import targets

    found = BUILD / "fuzz" / name
    found.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}", f"-max_len={LONGEST_INPUT}",
        f"-timeout={SLOWEST}", f"-rss_limit_mb={MOST_MEMORY}",
        f"-artifact_prefix={found}-broken-", "-print_final_stats=1", "-verbosity=0",
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(found), str(CORPUS / name)], targets.TARGETS[name])
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz what a server can send.")
    parser.add_argument("--seconds", type=int, default=6, help="for each target")
    parser.add_argument("--target", choices=NAMES, help="only this one")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        fuzz(options.target, options.seconds)
        return 0
    names = [options.target] if options.target else NAMES
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        return int(not all(list(pool.map(_is_well, names, [options.seconds] * len(names)))))


def _is_well(name: str, seconds: int) -> bool:
    """Fuzz one target in a process of its own, and tell what came of it."""
    command = [sys.executable, __file__, "--here", "--seconds", str(seconds), "--target", name]
    done = subprocess.run(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, check=False)
    executed = [line.split()[-1] for line in done.stdout.splitlines() if "number_of_executed_units" in line]
    verdict = f"{name}: {'BROKEN' if done.returncode else 'well'} after {', '.join(executed) or '?'} inputs"
    print(f"{done.stdout}{verdict}" if done.returncode else verdict, flush=True)
    return not done.returncode


if __name__ == "__main__":
    raise SystemExit(main())
