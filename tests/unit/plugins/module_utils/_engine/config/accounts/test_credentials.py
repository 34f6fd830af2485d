# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.credentials import (
    forbidden_mode,
    read_secret,
    require_reachable,
    resolve_reference,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from support.rights import without_privileges


@pytest.fixture
def handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as systemd makes it for a unit."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder


@pytest.fixture(autouse=True)
def _no_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def secret(path: Path, body: bytes = b"s3cret words\n", mode: int = 0o600) -> str:
    path.write_bytes(body)
    path.chmod(mode)
    return str(path)


def test_a_path_is_itself() -> None:
    assert resolve_reference("/keys/amili", "/etc/filedrop/keys", option="private_key_file") == "/keys/amili"


def test_a_credential_is_among_the_keys_when_no_unit_hands_one_over() -> None:
    assert resolve_reference("credential:amili", "/etc/filedrop/keys", option="o") == "/etc/filedrop/keys/amili"


def test_what_a_unit_hands_over_comes_first(handed_over: Path) -> None:
    secret(handed_over / "amili")
    assert resolve_reference("credential:amili", "/keys", option="o") == str(handed_over / "amili")
    assert resolve_reference("credential:other", "/keys", option="o") == "/keys/other"


@pytest.mark.parametrize(
    ("option", "reason"), [("private_key_file", "key_unreadable"), ("password_file", "secret_unreadable")]
)
def test_a_run_by_hand_is_told_how_the_keys_of_root_reach_a_job(tmp_path: Path, option: str, reason: str) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    secret(keys / "amili")
    keys.chmod(0)
    with pytest.raises(InputError, match=r"permission denied.*systemctl start filedrop@JOB\.service") as raised:
        without_privileges(lambda: require_reachable(str(keys / "amili"), option=option))
    assert raised.value.reason == reason


@pytest.mark.parametrize("name", ["", "../shadow", "a/b", ".hidden", "a b", "x" * 300])
def test_a_name_that_is_no_credential_s_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a valid credential name"):
        resolve_reference(f"credential:{name}", "/keys", option="password_file")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_secret_is_read_in_the_encodings_of_windows(tmp_path: Path, encoding: str) -> None:
    path = secret(tmp_path / "one", "s3cret words\r\n".encode(encoding))
    assert read_secret(path, option="password_file") == "s3cret words"


@pytest.mark.parametrize("body", [b"s3cret words", b"s3cret words\n", b"s3cret words\r\n"])
def test_a_secret_is_read_without_its_line_break(tmp_path: Path, body: bytes) -> None:
    assert read_secret(secret(tmp_path / "one", body), option="password_file") == "s3cret words"


def test_spaces_belong_to_a_secret(tmp_path: Path) -> None:
    assert read_secret(secret(tmp_path / "one", b" a  \n"), option="password_file") == " a  "


@pytest.mark.parametrize("body", [b"", b"\n", b"one\ntwo\n", b"a\0b", b"ab\0c", b"\0\0", b"\xff\xfe", b"x" * 5000])
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path: Path, body: bytes) -> None:
    with pytest.raises(InputError) as caught:
        read_secret(secret(tmp_path / "one", body), option="password_file")
    assert caught.value.reason == "secret_malformed"
    assert "two" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_secret_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(InputError, match=f"has mode {mode:04o}") as caught:
        read_secret(secret(tmp_path / "one", mode=mode), option="password_file")
    assert "chmod 600" in caught.value.way_out
    assert "s3cret" not in str(caught.value)


def test_the_mask_of_an_access_control_list_is_no_group_s_right(handed_over: Path, tmp_path: Path) -> None:
    """systemd 250 and later: root's file, mode 0440, the unit's user in an access control list."""
    assert read_secret(secret(handed_over / "one", mode=0o440), option="password_file") == "s3cret words"
    for mode in (0o444, 0o460):
        with pytest.raises(InputError):
            read_secret(secret(handed_over / "two", mode=mode), option="password_file")
    assert forbidden_mode(str(handed_over / "deeper" / "one")) == forbidden_mode(str(tmp_path / "one")) == 0o077


def test_what_is_not_there_and_what_is_no_file_is_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("absent", "no such file"), ("pipe", "contains no valid secret")):
        with pytest.raises(InputError, match=why):
            read_secret(str(tmp_path / name), option="passphrase_file")
