# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Time what the command tells of a ledger with a million files.

make bench-ledger ARGS='--files 100000'
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from ansible_collections.courier.filedrop.plugins.module_utils._build import build, write
from ansible_collections.courier.filedrop.plugins.module_utils._engine.ledger.ledger import Ledger

JOBS = 10
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"
COLUMNS = (
    *("account", "direction", "folder", "name", "size", "mtime_ns", "job", "remote_path", "state", "open"),
    *("local_path", "sha256", "verified_by", "tries", "changed_at"),
)
COMMANDS = (
    ["--version"],
    ["status"],
    ["history", "-n", "50"],
    ["history", "job3", "-n", "50"],
    ["history", "--since", "7d"],
    ["history", "--outcome", "held"],
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(str(folder / "filedrop"), build())
        _configure(folder)
        _fill(folder / "ledger.sqlite3", given.files)
        places = ["--config", str(folder), "--ledger", str(folder / "ledger.sqlite3")]
        for command in COMMANDS:
            seconds = [_seconds([folder / "filedrop", *command, *places]) for _round in range(given.rounds)]
            print(f"{' '.join(command):28} {min(seconds):6.2f} s at best, {max(seconds):6.2f} s at worst")
    return 0


def _configure(folder: Path) -> None:
    for kind in ("accounts", "jobs", "keys"):
        (folder / kind).mkdir()
    account = {"preset": "amili_sftp", "username": "2001234", "host_keys": [HOST_KEY], "password": "not a real one"}
    (folder / "accounts" / "acme.json").write_text(json.dumps(account))
    (folder / "accounts" / "acme.json").chmod(0o600)
    for number in range(JOBS):
        job = {"account": "acme", "direction": "dropoff", "src": f"/srv/out{number}", "expect": {"by": "daily"}}
        (folder / "jobs" / f"job{number}.json").write_text(json.dumps(job))


def _fill(path: Path, files: int) -> None:
    """Create a ledger in which each job delivers a file each five minutes."""
    Ledger(str(path), create=True).close()
    with closing(sqlite3.connect(path)) as ledger:
        marks = ", ".join("?" * len(COLUMNS))
        ledger.executemany(f"INSERT INTO transfer ({', '.join(COLUMNS)}) VALUES ({marks})", _rows(files))
        ledger.commit()


def _rows(files: int) -> Iterator[tuple[object, ...]]:
    now = time.time()
    for number in range(files):
        job, name, at = number % JOBS, f"invoice-{number:07}.xml", now - number * 30
        yield (
            *("acme", "dropoff", f"/srv/out{job}", name, 20480, int(at * 1e9), f"job{job}", f"input/{name}"),
            *("delivered", 0, f"/srv/out{job}/archive/{name}", f"{number:064x}", "size", 0, at),
        )


def _seconds(command: list[object]) -> float:
    began = time.monotonic()
    subprocess.run(list(map(str, command)), stdout=subprocess.DEVNULL, check=False)
    return time.monotonic() - began


if __name__ == "__main__":
    raise SystemExit(main())
