# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command as a host has it: one file, run by an interpreter that knows nothing of this checkout."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .sshd import SshServer

RUN_SECONDS = 120.0  # nothing waits for this; it only ends a command that hangs


@dataclass(frozen=True)
class Ended:
    """How an invocation ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on the standard output."""
        found = json.loads(self.out)
        if not isinstance(found, dict):
            raise TypeError(f"no JSON object: {self.out}")
        return found


class Host:
    """What lies on a host: the command, its configuration, its ledger.

    :ivar program: the built command.
    :param python: the interpreter that runs it.
    """

    def __init__(self, folder: Path, program: Path, python: str) -> None:
        self.folder = folder
        self.config = folder / "etc"
        self.ledger = folder / "state" / "ledger.sqlite3"
        self.outbox = folder / "outbox"
        self.inbox = folder / "inbox"
        self.program = program
        self._python = python
        for place in (self.config, self.outbox, self.inbox):
            place.mkdir()
        for kind in ("accounts", "jobs", "keys"):
            (self.config / kind).mkdir()

    def account(self, name: str, options: Mapping[str, object]) -> None:
        """Describe an account; its key becomes the host's own."""
        told = {option: value for option, value in options.items() if value is not None}
        key = told.get("private_key_file")
        if isinstance(key, str) and key.startswith("/"):
            own = self.config / "keys" / name
            own.write_bytes(Path(key).read_bytes())
            own.chmod(0o600)
            told["private_key_file"] = f"credential:{name}"
        (self.config / "accounts" / f"{name}.json").write_text(json.dumps(told))

    def dropoff(self, name: str = "invoices", **options: object) -> None:
        places = {"account": "acme", "direction": "dropoff", "src": str(self.outbox), "remote_dir": "input"}
        self.job(name, {**places, "settle": 0, **options})

    def pickup(self, name: str = "reports", **options: object) -> None:
        places = {"account": "acme", "direction": "pickup", "dest": str(self.inbox), "remote_dir": "pickup"}
        self.job(name, {**places, "settle": 0, **options})

    def job(self, name: str, options: Mapping[str, object]) -> None:
        (self.config / "jobs" / f"{name}.json").write_text(json.dumps(dict(options)))

    def change_ledger(self, statement: str, *values: object) -> None:
        """Change the ledger behind the command's back."""
        with closing(sqlite3.connect(self.ledger)) as db:
            db.execute(statement, values)
            db.commit()

    def command(self, *arguments: str) -> list[str]:
        """How the command is called; its own first line is for /usr/bin/python3, and this one may be another."""
        places = ["--config", str(self.config), "--ledger", str(self.ledger)]
        return [self._python, "-I", str(self.program), *arguments, *places]

    def start(
        self, *arguments: str, prefix: Sequence[str] = (), env: Mapping[str, str] | None = None, err: Any = None
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*prefix, *self.command(*arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if err is None else err,
            text=True,
            encoding="utf-8",
            cwd="/",
            env={**_environment(), **(env or {})},
        )

    def run(self, *arguments: str, **how: Any) -> Ended:
        return self.end(self.start(*arguments, **how))

    @staticmethod
    def end(process: subprocess.Popen[str]) -> Ended:
        """Wait for an invocation."""
        try:
            out, err = process.communicate(timeout=RUN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise RuntimeError(f"the command hung\n{out}\n{err}") from None
        return Ended(process.returncode, out, err or "")


def prepared(host: Host) -> Host:
    """A host with a ledger, and a job in each direction."""
    if host.run("init").status != 0:
        raise RuntimeError("no ledger was made")
    host.dropoff(every="15m")
    host.pickup(on_calendar="Mon..Fri 06:00", include=["*.csv"])
    return host


def is_recent(text: str) -> bool:
    then = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    return abs(datetime.now(timezone.utc) - then) < timedelta(minutes=10)


def hold(host: Host, sshd: SshServer, name: str = "invoice-00000.xml") -> None:
    """A file that only a person can decide about: cut off just where nothing tells whether it was taken."""
    (host.outbox / name).write_bytes(b"content")
    statuses = [host.run("run", "invoices").status]
    (host.outbox / "archive" / name).rename(host.outbox / name)
    host.change_ledger("UPDATE transfer SET state = 'closed', open = 1 WHERE name = ?", name)
    (sshd.input / name).unlink()
    statuses.append(host.run("run", "invoices").status)
    if statuses != [0, 3]:
        raise RuntimeError(f"the file is not held: {statuses}")


def reasons(ended: Ended) -> dict[str, list[str]]:
    """The codes of the problems of each job."""
    return {job["job"]: [problem["reason"] for problem in job["problems"]] for job in ended.document["jobs"]}


def age(host: Host, seconds: float) -> None:
    """Let everything that the ledger and the job's file know have happened earlier."""
    host.change_ledger("UPDATE run SET began = began - ?, ended = ended - ?, well_at = well_at - ?", *[seconds] * 3)
    for path in (host.config / "jobs").iterdir():
        os.utime(path, (time.time() - seconds,) * 2)


def _environment() -> dict[str, str]:
    """This process' environment without what is there only for the tests, or for a unit."""
    ours = ("PYTHONPATH", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY", "LANGUAGE")
    return {**{name: value for name, value in os.environ.items() if name not in ours}, "LC_ALL": "C.UTF-8"}


# Tests that run in the background, or under nohup, ignore these, and the command would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
