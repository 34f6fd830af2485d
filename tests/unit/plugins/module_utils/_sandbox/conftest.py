# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sandboxes in this process, and clients that are logged in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import paramiko
import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import account
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.sandbox import Sandbox
from support.sandbox_client import USERNAME, Key, Raw, begin, connect, make_key


@pytest.fixture
def key(tmp_path: Path) -> Key:
    return make_key(tmp_path / "keys")


@pytest.fixture
def start(tmp_path: Path, key: Key) -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes in this process, each with one account that has the key; stopped at the end."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            Sandbox(
                options.pop("path", tmp_path / "sandbox"),
                accounts=options.pop("accounts", [account(USERNAME, public_keys=[key.public])]),
                **options,
            )
        )


@pytest.fixture
def sandbox(start: Callable[..., Sandbox]) -> Sandbox:
    return start()


@pytest.fixture
def transport(sandbox: Sandbox, key: Key) -> Iterator[paramiko.Transport]:
    with connect(sandbox, key) as connected:
        yield connected


@pytest.fixture
def client(transport: paramiko.Transport) -> paramiko.SFTPClient:
    found = paramiko.SFTPClient.from_transport(transport)
    if found is None:
        raise LookupError("no channel")
    return found


@pytest.fixture
def raw(transport: paramiko.Transport) -> Raw:
    return begin(transport)


@pytest.fixture
def openssh(sandbox: Sandbox, key: Key, tmp_path: Path) -> list[str]:
    """The options for OpenSSH's clients: this key, and these host keys alone."""
    known = tmp_path / "known_hosts"
    known.write_text("".join(f"[{sandbox.host}]:{sandbox.port} {line}\n" for line in sandbox.host_keys))
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityFile": str(key.path),
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(known),
        "GlobalKnownHostsFile": "none",
    }
    return ["-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
