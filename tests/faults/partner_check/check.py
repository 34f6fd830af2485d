# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check itself: look, probe, drop off, cut, pick up, clean away."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from _engine.config.accounts.account import Account
from _engine.config.jobs.job import Dropoff, Pickup
from _engine.errors import FiledropError, RemoteError
from _engine.loop.loop import Loop
from _engine.remote.interface import Remote, entries_in, join
from _engine.remote.registry import connect
from _engine.run import diagnose, listing, runner
from _engine.transfer.result import RunResult
from relay import Fault, Relay
from report import MEANING, Report

_KIB = 1024
#: What is odd about a name -> the rest of the name, and how many bytes the file has.
ODD = {
    "empty": ("empty.txt", 0),
    "one byte": ("one.txt", 1),
    "longer than a packet": ("packet.xml", 300 * _KIB),
    "with a space": ("with a space.xml", 20 * _KIB),
    "with comma, quote and semicolon": ("a,b'c;d.xml", 20 * _KIB),
    "not ASCII": ("räksmörgås.xml", 20 * _KIB),
    "two extensions": ("archive.tar.gz", 20 * _KIB),
    "long": ("l" * 180 + ".xml", 20 * _KIB),
}
_CUT = "cut.xml"
_CUT_BYTES, _CUT_AT = 1024 * _KIB, 400 * _KIB


class Check:
    """One check of one account in one remote folder.

    :ivar prefix: how all names begin that are made there.
    """

    def __init__(
        self, account: Account, folder: str, local: Path, report: Report, *, upload: str | None = None
    ) -> None:
        self.account = account
        self.folder = folder
        self.report = report
        self.prefix = f"filedrop-check-{secrets.token_hex(4)}-"
        self._upload = upload
        self._ledger = str(local / "ledger.sqlite3")
        self._outbox, self._inbox = local / "outbox", local / "inbox"
        self._outbox.mkdir()
        self._inbox.mkdir()
        self._known: dict[str, bool] = {}
        self._before: list[str] = []

    def look(self) -> None:
        """Connect, and tell what the server says of itself. Nothing is changed."""
        info = self._describe(probe=False)
        place = info["folders"][0]
        known = [f"{name}: {value}" for name, value in info.items() if name not in ("folders", "capabilities")]
        self.report.say("the server", *known)
        self._before = self._there()
        found = "is there" if place["exists"] else "is not there"
        listed = f"{place['entries']} names" if place["listable"] else "it cannot be listed"
        self.report.say("the folder", f"{self.folder} {found}; {listed}.")
        if not place["exists"]:
            self.report.worry(f"The folder {self.folder} is not there. Name one that the account may write to.")

    def plan(self) -> str:
        """What a check would do, for people to agree to."""
        return "\n".join(
            [
                f"In the folder {self.folder} of {self.account.username}@{self.account.host}, and nowhere else:",
                "- make, rename and delete two empty hidden files, to learn what is allowed;",
                f"- drop off {len(ODD)} files of random bytes with odd names and sizes, from 0 bytes to 300 KiB;",
                "- drop off one of 1 MiB, and cut the connection in the middle;",
                "- pick these files up again, one of them over a connection that is cut, and compare them;",
                f"- remove whatever is left of them. Their names begin with {self.prefix}",
            ]
        )

    def try_all(self) -> None:
        """Do it, and clean up whatever happens."""
        if self.report.worries:
            return
        try:
            self._probe()
            self._drop_off()
            self._cut_upload()
            self._pick_up()
        finally:
            self._clean()
        self.report.say(
            "what the promises mean here",
            *(MEANING[name].there if yes else MEANING[name].missing for name, yes in self._known.items()),
        )

    def _describe(self, *, probe: bool) -> Mapping[str, Any]:
        return diagnose.describe(self.account, [self.folder], self.folder if probe else None, ledger=self._ledger)

    def _probe(self) -> None:
        capabilities = self._describe(probe=True)["capabilities"]
        self._known = {name: value == "yes" for name, value in capabilities.items() if value != "unknown"}
        self._upload = self._upload or ("rename" if self._known.get("rename") else "direct")
        self.report.say("capabilities", *(f"{name}: {value}" for name, value in capabilities.items()))

    def _drop_off(self) -> None:
        for name, size in ODD.values():
            (self._outbox / f"{self.prefix}{name}").write_bytes(os.urandom(size))
        result = self._run(self._dropoff(), self.account)
        self._tell("drop-off", result)
        sent = {one.name for one in result.outcomes if one.outcome == "delivered"}
        self._known["stays"] = sent <= set(self._there())

    def _cut_upload(self) -> None:
        (self._outbox / f"{self.prefix}{_CUT}").write_bytes(os.urandom(_CUT_BYTES))
        result = self._over_cut(self._dropoff(), "up")
        self._tell("drop-off over a connection that is cut", result)
        self._known["cut"] = all(one.outcome in ("delivered", "skipped") for one in result.outcomes)

    def _pick_up(self) -> None:
        wanted = [name for name in self._there() if name.startswith(self.prefix)]
        if not wanted:
            self.report.say("pickup", "Nothing that was sent is there any more, so nothing can be picked up again.")
            return
        result = self._over_cut(self._pickup(), "down")
        if {one.reason for one in result.outcomes if one.outcome == "failed"} == {"remote_denied"}:
            self._known["read"] = False
            self.report.say("pickup", "Files in this folder cannot be read.")
            return
        self._known["read"] = True
        self._tell("pickup over a connection that is cut", result)
        for path in self._inbox.iterdir():
            if _digest(path) != _digest(self._outbox / path.name):
                self.report.worry(f"{path.name} came back with another content.")

    def _tell(self, title: str, result: RunResult) -> None:
        lines = [f"{one.outcome}: {one.name} ({one.size} bytes)" for one in result.outcomes]
        self.report.say(title, *lines, *([f"The run ended: {result.error}"] if result.error else []))
        for one in result.outcomes:
            if one.outcome in ("failed", "held"):
                self.report.worry(f"{title}: {one.name}: {one.outcome}, {one.reason}: {one.message}")
        if result.error is not None:
            self.report.worry(f"{title}: {result.error} ({result.error.reason})")

    def _over_cut(self, job: Dropoff | Pickup, direction: str) -> RunResult:
        """A run whose first connection is cut in the middle, as a network does it."""
        cut = Fault("cut", direction, after=_CUT_AT)
        with Relay(self.account.port, to_host=self.account.host, faults=[cut]) as relay:
            there = dataclasses.replace(self.account, host=relay.host, port=relay.port)
            result = self._run(job, there)
            cuts = relay.passed[direction] >= _CUT_AT
        self.report.say(
            "the cut",
            f"Cut after {_CUT_AT} bytes; {relay.connections} connections in all."
            if cuts
            else f"Fewer than {_CUT_AT} bytes went this way, so nothing was cut.",
        )
        return result

    def _run(self, job: Dropoff | Pickup, account: Account) -> RunResult:
        try:
            return runner.run(job, account, ledger=self._ledger, create_ledger=True)
        except FiledropError as error:
            return RunResult(error=error)

    def _dropoff(self) -> Dropoff:
        return Dropoff(
            name="partner-check-dropoff",
            sources=(str(self._outbox),),
            remote_dir=self.folder,
            settle=0.0,
            after="keep",
            upload=self._upload or "direct",
            temp_name=f".{self.prefix}{{random}}.part",
        )

    def _pickup(self) -> Pickup:
        # Only by our own names: whatever else is in the folder is left alone.
        return Pickup(
            name="partner-check-pickup",
            dest=str(self._inbox),
            remote_dir=self.folder,
            include=(f"{self.prefix}*",),
            settle=0.0,
            after="delete",
            min_free=0,
        )

    def _there(self) -> list[str]:
        try:
            return [one.name for one in listing.list_folder(self.account, self.folder)]
        except RemoteError:
            return []

    def _clean(self) -> None:
        """Remove what is left, by names that only this check can have made."""
        try:
            with closing(connect(self.account)) as remote:
                Loop(remote).run(self._remove_all(remote))
        except FiledropError as error:
            self.report.worry(f"It could not be cleaned up: {error} Look for {self.prefix}* in {self.folder}.")

    async def _remove_all(self, remote: Remote) -> None:
        removed = 0
        for entry in await entries_in(remote, self.folder):
            if entry.name.startswith(".filedrop-probe-") and entry.name not in self._before:
                self.report.worry(f"{entry.name} was left in {self.folder}, empty, and could not be removed.")
            if not entry.name.startswith((self.prefix, f".{self.prefix}")):
                continue
            try:
                await remote.remove(join(self.folder, entry.name))
                removed += 1
            except RemoteError as error:
                self.report.worry(f"{entry.name} was left in {self.folder}, and cannot be removed: {error}")
        self.report.say("cleaned up", f"{removed} files were removed at the end.")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
