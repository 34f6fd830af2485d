# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook rotate_keys on three hosts with two partners, killed in each stage, while their jobs go on."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.desk import Desk, outcomes, put
from support.repeated import repeated
from support.sshd import SshServer, make_key

from .conftest import Shops

if TYPE_CHECKING:
    from .conftest import Stage

ROTATE = "courier.filedrop.rotate_keys"


class Partners:
    """Two providers, each with one key for all hosts, and the jobs of each host with each of them."""

    def __init__(self, folder: Path, shops: Shops, servers: dict[str, SshServer]) -> None:
        self._shops = shops
        self._servers = servers
        self._desks: list[Desk] = []
        self._numbers = itertools.count()
        for name, server in servers.items():
            key = make_key(folder / name)
            for shop, host in shops.hosts.items():
                host.keys.mkdir(parents=True, exist_ok=True)
                host.keys.chmod(0o700)
                shutil.copy(key.path, host.keys / name)
                shutil.copy(f"{key.path}.pub", host.keys / f"{name}.pub")
                place = folder / f"{shop}-{name}"
                place.mkdir()
                options = server.account_options(private_key_file=str(host.keys / name))
                self._desks.append(Desk(place, options))
            server.authorize([key.public])

    def inventory(self) -> str:
        accounts = {
            name: {key: value for key, value in server.account_options().items() if key != "private_key_file"}
            for name, server in self._servers.items()
        }
        return self._shops.inventory(filedrop_accounts=accounts)

    def files(self, pattern: str) -> list[Path]:
        """The files of keys on all hosts."""
        return [path for host in self._shops.hosts.values() for path in sorted(host.keys.glob(pattern))]

    def public(self, name: str, suffix: str = "") -> set[str]:
        """The public keys of one partner; there is to be one."""
        return {path.read_text().strip() for path in self.files(f"{name}{suffix}.pub")}

    def register(self, *suffixes: str) -> None:
        """Let each provider register these public keys, and no others."""
        for name, server in self._servers.items():
            server.authorize(sorted(line for suffix in suffixes for line in self.public(name, suffix)))

    def run_jobs(self) -> list[str]:
        """Run the job of each host with each partner once; return the errors."""
        errors = []
        for number, desk in enumerate(self._desks):
            name = f"{number}-{next(self._numbers)}.xml"
            put(desk.outbox, b"invoice", name)
            result = desk.drop_off(after="delete")
            if result.error is not None or outcomes(result) != {name: ("delivered", "")}:
                errors.append(f"{result.error} {outcomes(result)}")
        return errors

    @contextmanager
    def at_work(self) -> Iterator[list[str]]:
        """Run the jobs again and again; yield what goes wrong."""
        errors: list[str] = []
        with repeated(lambda: errors.extend(self.run_jobs()), pause=0.2):  # this machine has other work
            yield errors


@pytest.mark.full
def test_no_job_lacks_a_key_while_the_rotation_is_killed_in_each_stage(
    stage: Stage, shops: Shops, start_sshd: Callable[..., SshServer], tmp_path: Path
) -> None:
    shops.add("shop3")
    servers = {name: start_sshd() for name in ("amili", "bank")}
    partners = Partners(tmp_path, shops, servers)
    first = {name: partners.public(name) for name in servers}
    inventory = partners.inventory()
    options: dict[str, object] = {"filedrop_key_scope": "account", "filedrop_key_grace": "0d"}

    def complete() -> None:
        assert stage.play(ROTATE, "-i", inventory, **options).status == 0

    with partners.at_work() as errors:
        stage.kill(lambda: partners.files("*.new"), ROTATE, "-i", inventory, **options)
        complete()
        new = {name: partners.public(name, ".new") for name in servers}
        assert {name: len(keys) for name, keys in new.items()} == {"amili": 1, "bank": 1}
        letter = (stage.folder / "filedrop-onboard" / "onboarding.txt").read_text()
        assert all(line in letter for keys in new.values() for line in keys)

        partners.register("", ".new")
        stage.kill(lambda: partners.files("*.old"), ROTATE, "-i", inventory, **options)
        stage.kill(lambda: partners.files("*.retired-*"), ROTATE, "-i", inventory, **options)
        complete()
    assert errors == []
    assert {name: partners.public(name) for name in servers} == new != first
    partners.register("")
    assert partners.run_jobs() == []
