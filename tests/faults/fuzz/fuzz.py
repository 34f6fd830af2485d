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
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
BUILD = Path(__file__).resolve().parents[3] / "build"
NAMES = ("packets", "file_names", "streams", "servers")
LONGEST_INPUT = 4096  # bytes
SLOWEST = 5  # seconds for one input
MOST_MEMORY = 512  # MiB


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
    broken = 0
    for name in [options.target] if options.target else NAMES:
        command = [sys.executable, __file__, "--here", "--seconds", str(options.seconds), "--target", name]
        done = subprocess.run(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            broken += 1
            print(done.stdout)
        executed = [line.split()[-1] for line in done.stdout.splitlines() if "number_of_executed_units" in line]
        print(
            f"{name}: {'BROKEN' if done.returncode else 'well'} after {', '.join(executed) or '?'} inputs", flush=True
        )
    return min(broken, 1)


if __name__ == "__main__":
    raise SystemExit(main())
