# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of the engine in a process of its own, for tests that kill it and for benches that measure it.

The program reads one run as JSON from its standard input, and writes what came of it as JSON to its standard output:

    {"job": {"direction": "dropoff", "src": ...}, "account": {...}, "ledger": "...", "check": false, "new": true}

``job`` and ``account`` are options by their public names; ``new`` makes a ledger where there is none; ``brief`` leaves
out what came of each file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

TREE = Path(__file__).resolve().parents[2] / "build" / "tree"
RUN_SECONDS = 300.0  # nothing waits for this; it only ends a run that hangs


def spec(job: Mapping[str, object], account: Mapping[str, object], ledger: Path, **more: object) -> dict[str, object]:
    """What the driver reads."""
    return {"job": dict(job), "account": dict(account), "ledger": str(ledger), **more}


def start(run: Mapping[str, object], *, prefix: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a run, by way of the command ``prefix`` if there is one; kill it by its pid, or ``finish`` it."""
    environment = {**os.environ, "PYTHONPATH": str(TREE)}
    process = subprocess.Popen(
        [*prefix, sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    if process.stdin is None:
        raise RuntimeError("no pipe to the driver")
    process.stdin.write(json.dumps(run))
    process.stdin.close()
    process.stdin = None
    return process


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a run and return what came of it."""
    try:
        output, errors = process.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        output, errors = process.communicate()
        raise RuntimeError(f"the run hung\n{output}\n{errors}") from None
    if process.returncode:
        raise RuntimeError(f"the driver ended with {process.returncode}\n{output}\n{errors}")
    found: dict[str, Any] = json.loads(output)
    return found


def _execute(run: Mapping[str, Any]) -> dict[str, Any]:
    from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.account import (
        account_from_options,
    )
    from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import preset_named
    from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
        dropoff_from_options,
        pickup_from_options,
    )
    from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
    from ansible_collections.courier.filedrop.plugins.module_utils._engine.run import runner

    options = dict(run["job"])
    readers: dict[str, Callable[..., Any]] = {"dropoff": dropoff_from_options, "pickup": pickup_from_options}
    from_options = readers[options.pop("direction")]
    try:
        account = account_from_options(run["account"])
        job = from_options(options, preset_named(account.preset))
        result = runner.run(
            job, account, ledger=run["ledger"], check=run.get("check", False), create_ledger=run.get("new", True)
        )
    except FiledropError as error:
        return {"outcomes": [], "summary": {}, "changed": False, "error": [error.reason, str(error)]}
    return {
        "outcomes": [] if run.get("brief", False) else [outcome.as_dict() for outcome in result.outcomes],
        "summary": result.summary,
        "changed": result.changed,
        "error": None if result.error is None else [result.error.reason, str(result.error)],
    }


def main() -> int:
    json.dump(_execute(json.load(sys.stdin)), sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
