# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names in lines of known_hosts, judged by ``ssh-keygen`` as well."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.remote.ssh.known_hosts import names
from support.sshd import user_key


@pytest.mark.parametrize(
    ("pattern", "host", "port", "expected"),
    [
        ("sftp.example.com", "sftp.example.com", 22, True),
        ("sftp.example.com", "SFTP.example.com", 22, True),
        ("sftp.example.com", "sftp.example.com", 2222, False),
        ("[sftp.example.com]:2222", "sftp.example.com", 2222, True),
        ("[sftp.example.com]:2222", "sftp.example.com", 22, False),
        ("a,sftp.example.com,192.0.2.1", "192.0.2.1", 22, True),
        ("*.example.com", "sftp.example.com", 22, True),
        ("sftp?.example.com", "sftp1.example.com", 22, True),
        ("*.example.com,!sftp.example.com", "sftp.example.com", 22, False),
        ("!sftp.example.com,*.example.com", "sftp.example.com", 22, False),
        ("[*.example.com]:*", "sftp.example.com", 2222, True),
        ("2001:db8::1", "2001:db8::1", 22, True),
        ("[2001:db8::1]:2222", "2001:db8::1", 2222, True),
        ("sftp[12].example.com", "sftp1.example.com", 22, False),
        ("|1|notbase64|x", "sftp.example.com", 22, False),
    ],
)
def test_names_and_patterns(pattern: str, host: str, port: int, expected: bool) -> None:
    assert names(pattern, host, port) is expected


@pytest.mark.parametrize(
    ("name", "host", "port"), [("h.example", "h.example", 22), ("[h.example]:2222", "h.example", 2222)]
)
def test_what_ssh_keygen_has_hashed(tmp_path: Path, name: str, host: str, port: int) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"{name} {user_key().public}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    hashed = file.read_text().split()[0]
    assert hashed.startswith("|1|")
    assert names(hashed, host, port)
    assert not names(hashed, host, port + 1)
    assert not names(hashed, f"x{host}", port)
