# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine import _paramiko
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import DependencyError, InputError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh import connect, handshake
from support.odd_server import OddSshServer


def test_a_host_without_paramiko_is_told_so(ssh_server: OddSshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    account = dataclasses.replace(ssh_server.account(), private_key_file=None, password="a password")
    monkeypatch.setattr(_paramiko, "IMPORT_ERROR", ImportError("No module named 'paramiko'"))
    with pytest.raises(DependencyError, match="python3-paramiko"):
        connect.open_transport(account)
    with pytest.raises(DependencyError, match="python3-paramiko"):
        connect.offered_host_keys(account.host, account.port, 5.0)


def test_an_account_with_neither_key_nor_password_is_refused_before_anybody_is_called(ssh_server: OddSshServer) -> None:
    account = dataclasses.replace(ssh_server.account(), private_key_file=None, port=1)  # nobody listens there
    with pytest.raises(InputError) as caught:
        connect.open_transport(account)
    assert caught.value.reason == "no_credentials"


def test_no_signature_with_sha_1_is_ever_made(ssh_server: OddSshServer) -> None:
    account = ssh_server.account()
    transport = handshake.negotiate(account.host, account.port, 10.0)
    with contextlib.closing(transport):
        assert not set(transport.preferred_pubkeys) & set(handshake.WEAK_SIGNATURES)
