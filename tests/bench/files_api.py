# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small files through a files API, ours beside curl in the same number of requests; and the memory of a large one.

curl gets its bodies in two ways: already built, and built by a script as users write it (base64 and a here-document).
It looks at no answer, and remembers nothing. Run: ``python tests/bench/files_api.py [--files N] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support import driver
from support.desk import fill
from support.files_api import CLIENT_NO, SECRET, Answer, FilesApi, answer, entry, files_api
from support.relay import RelayProcess

FILES, SIZE, IN_REQUEST = 1000, 2 * 1024, 100
RTTS = (0.0, 0.02)
LARGE = 500 * 1024**2
FLAT = 32 * 1024**2  # bytes that a large file may take more than a small one

# Each request has its files, its body, and its own curl, as in a shell script of a user.
SCRIPT = """
set -eu
token=$(curl -sf "$URL/token" -d grant_type=client_credentials -d client_id=client \\
    --data-urlencode "client_secret=$SECRET" | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/')
for batch in batch-*; do
    if test -n "$BUILDS"; then
        { printf '{"metadata":{"userId":"curl"},"files":['
          comma=
          while read -r name; do
              printf '%s{"fileId":"%s","type":"Doc","name":"%s","content":"' "$comma" "$name" "$name"
              base64 -w0 "$OUTBOX/$name"
              printf '"}'
              comma=,
          done <"$batch"
          printf ']}'
        } >"body-$batch"
    fi
    curl -sf "$URL/arm/clients/$CLIENT_NO/files" -H "Authorization: Bearer $token" \\
        -H 'Content-Type: application/json' -H 'Expect:' --data-binary "@body-$batch" >"answer-$batch"
done
"""


def _take(api: FilesApi, body: Mapping[str, Any]) -> Answer:
    api.requests[-1].clear()
    return answer([entry(file) for file in body["files"]])


@contextlib.contextmanager
def service(*, discards: bool = False) -> Iterator[int]:
    """A service in a process of its own; its port."""
    said, theirs = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            with files_api() as api:
                api.otherwise, api.discards = _take, discards
                os.write(theirs, f"{api.url.rpartition(':')[2]}\n".encode())
                signal.pause()
        finally:
            os._exit(1)
    os.close(theirs)
    try:
        with open(said) as port:
            yield int(port.readline())
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _ours(url: str, outbox: Path, folder: Path, *, prefix: tuple[str, ...] = ()) -> str:
    """Send what lies there; return what the prefix says."""
    job = {"direction": "dropoff", "src": str(outbox), "settle": 0, "file_types": {"*": "Doc"}, "after": "keep"}
    account = FilesApi(url=url).options(max_request_files=IN_REQUEST, timeout=60)
    spec = driver.spec({**job, "protocol": "amili_api"}, account, folder / "ledger.sqlite3", new=True, brief=True)
    process = driver.start(spec, prefix=prefix)
    output, errors = process.communicate()
    counts = json.loads(output)["summary"]
    if counts["delivered"] != len(list(outbox.iterdir())):
        raise RuntimeError(f"{counts}\n{errors}")
    return errors


def _curl(url: str, outbox: Path, folder: Path, *, builds: bool) -> None:
    environment = {"URL": url, "SECRET": SECRET, "CLIENT_NO": CLIENT_NO, "OUTBOX": str(outbox)}
    environment |= {"BUILDS": "yes" if builds else "", "PATH": os.environ["PATH"]}
    subprocess.run(["sh", "-c", SCRIPT], cwd=folder, env=environment, check=True)


def _batches(outbox: Path, folder: Path) -> None:
    names = sorted(path.name for path in outbox.iterdir())
    for number, start in enumerate(range(0, len(names), IN_REQUEST)):
        (folder / f"batch-{number:03}").write_text("".join(f"{name}\n" for name in names[start : start + IN_REQUEST]))


def measured(who: str, files: int, rtt: float) -> float:
    """Seconds of one drop-off of all files."""
    with tempfile.TemporaryDirectory(prefix="filedrop-bench-") as base, service() as port:
        outbox, folder = Path(base) / "outbox", Path(base) / "work"
        folder.mkdir()
        outbox.mkdir()
        fill(outbox, files, SIZE)
        _batches(outbox, folder)
        with RelayProcess(port, rtt=rtt) if rtt else contextlib.nullcontext() as way:
            url = f"http://127.0.0.1:{way.port if way else port}"
            if who == "curl":
                _curl(url, outbox, folder, builds=True)
            began = time.perf_counter()
            if who == "filedrop":
                _ours(url, outbox, folder)
            else:
                _curl(url, outbox, folder, builds=who == "curl and its script")
            return time.perf_counter() - began


_MEASURE = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:])
sys.stderr.write(f"most {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}")
sys.exit(status)
"""


def memory(size: int) -> tuple[int, float]:
    """Bytes and seconds of one file of a size."""
    with tempfile.TemporaryDirectory(prefix="filedrop-bench-") as base, service(discards=True) as port:
        outbox = Path(base) / "outbox"
        outbox.mkdir()
        with (outbox / "large.csv").open("wb") as file:
            file.truncate(size)
        began = time.perf_counter()
        said = _ours(f"http://127.0.0.1:{port}", outbox, Path(base), prefix=(sys.executable, "-c", _MEASURE))
        return int(said.rpartition("most ")[2]), time.perf_counter() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", type=int, default=LARGE, help="bytes of the large file")
    options = parser.parse_args()
    for rtt in RTTS:
        best = {
            who: min(measured(who, options.files, rtt) for _round in range(options.rounds))
            for who in ("filedrop", "curl", "curl and its script")
        }
        told = ", ".join(f"{who} {seconds:.2f} s" for who, seconds in best.items())
        times = best["curl and its script"] / best["filedrop"]
        print(f"{options.files} files, {rtt * 1000:g} ms: {told}: {times:.2f} times the speed of the script (mark 1)")
    (small, _seconds), (large, seconds) = memory(1024), memory(options.large)
    more = (large - small) / 1024**2
    is_flat = "flat" if large - small < FLAT else "NOT FLAT"
    print(f"one file of {options.large // 1024**2} MiB: {seconds:.1f} s, {more:+.1f} MiB of memory: {is_flat}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
