# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wrong keys and passwords ban an address, for a short time. Each test comes from an address of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from .conftest import DropBox

Login = Callable[[str, bool], bool]


@pytest.fixture
def keys_alone(box: DropBox) -> Iterator[None]:
    """The server as it is if no account has a password for SFTP."""
    path = box.configuration / "proftpd.conf"
    written = path.read_text()
    path.write_text(written.replace("MaxLoginAttempts 3", "MaxLoginAttempts 1"))
    box.reload()
    yield
    path.write_text(written)
    box.reload()


def ban(login: Login, address: str) -> None:
    for _number in range(4):
        assert not login(address, False)
    assert login(address, True)
    assert not login(address, False)
    assert not login(address, True), "the address is banned"
    assert login("127.0.0.1", True)
    while not login(address, True):
        time.sleep(0.5)


@pytest.mark.usefixtures("keys_alone")
def test_wrong_keys_ban_their_address_for_a_short_time(box: DropBox) -> None:
    box.key("wrong")

    def login(address: str, is_right: bool) -> bool:
        ran = box.sftp("pwd\n", "-o", f"BindAddress={address}", key="amili" if is_right else "wrong")
        return "Remote working directory: /" in ran.stdout

    ban(login, "127.0.0.11")


def test_wrong_passwords_over_ftps_ban_their_address_for_a_short_time(box: DropBox) -> None:
    def login(address: str, is_right: bool) -> bool:
        password = [] if is_right else ["--user", "shop:wrong pass-word"]
        return box.curl("pickup/", "--interface", address, *password).returncode == 0

    ban(login, "127.0.0.12")
