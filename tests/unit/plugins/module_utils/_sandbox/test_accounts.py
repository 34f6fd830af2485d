# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from ansible_collections.courier.filedrop.plugins.module_utils._sandbox.accounts import (
    Account,
    account,
    by_name,
    hash_password,
    password_matches,
)
from support.sandbox_client import Key

PASSWORD = "correct horse å"


def test_an_account_keeps_no_password() -> None:
    made = account("alice", password=PASSWORD)
    assert PASSWORD not in repr(made)
    assert PASSWORD not in str(made.to_data())
    assert "password" not in repr(made)


def test_only_the_password_matches_its_hash() -> None:
    hashed = hash_password(PASSWORD)
    assert password_matches(PASSWORD, hashed)
    assert not password_matches(PASSWORD + " ", hashed)
    assert not password_matches(PASSWORD, "damaged")
    assert hashed != hash_password(PASSWORD)


def test_the_same_password_leaves_an_account_as_it_is(key: Key) -> None:
    before = account("alice", public_keys=[key.public], password=PASSWORD)
    assert account("alice", public_keys=[key.public + "\n"], password=PASSWORD, known=before) == before
    assert account("alice", public_keys=[key.public], password="another", known=before) != before
    assert account("alice", public_keys=[key.public], known=before).password is None


def test_an_account_survives_its_settings_file(key: Key) -> None:
    made = account("alice", public_keys=[key.public], password=PASSWORD)
    assert Account.from_data(made.to_data()) == made


def test_a_key_is_known_by_what_it_is_and_not_by_its_comment(key: Key) -> None:
    plain = " ".join(key.public.split()[:2])
    assert account("a", public_keys=[plain]).blobs == account("a", public_keys=[key.public]).blobs
    assert account("a", public_keys=[plain]).blobs == {key.load().asbytes()}


@pytest.mark.parametrize(
    ("public_key", "reason", "text"),
    [
        ("", "public_key_malformed", "it does not consist of a type and a key"),
        ("ssh-ed25519", "public_key_malformed", "it does not consist of a type and a key"),
        ("ssh-ed25519 AAAA!", "public_key_malformed", "not base64"),
        (
            "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIMkPWkUbEDdLSoLZFI57LBLLYhCUeyCZdKZDKIELWSpN",
            "public_key_malformed",
            "ssh-rsa",
        ),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0", "public_key_private", "private key"),
    ],
)
def test_what_is_no_public_key_is_refused_in_words(public_key: str, reason: str, text: str) -> None:
    with pytest.raises(InputError, match=text) as refused:
        account("alice", public_keys=[public_key])
    assert refused.value.reason == reason
    assert ".pub" in refused.value.way_out
    assert "c2VjcmV0" not in str(refused.value)


def test_two_keys_on_two_lines_are_two_keys(key: Key) -> None:
    with pytest.raises(InputError, match="more than one line"):
        account("alice", public_keys=[f"{key.public}\n{key.public}"])


@pytest.mark.parametrize("username", ["", ".", "..", ".hidden", "a/b", "a\0", "a" * 65, "-x", "å", "a\n"])
def test_a_user_name_is_a_safe_name_of_a_folder(username: str, key: Key) -> None:
    with pytest.raises(InputError) as refused:
        account(username, public_keys=[key.public])
    assert refused.value.reason == "username_invalid"


def test_an_account_that_nobody_can_use_is_refused() -> None:
    with pytest.raises(InputError, match="nobody could log in"):
        account("alice")
    with pytest.raises(InputError, match="empty"):
        account("alice", password="")


def test_names_are_given_once(key: Key) -> None:
    one = account("alice", public_keys=[key.public])
    with pytest.raises(InputError, match="alice"):
        by_name([one, one])
