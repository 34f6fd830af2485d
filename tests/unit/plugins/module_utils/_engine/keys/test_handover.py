# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A key pair goes from one host to another, and only that one can read it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import handover, pair
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.spec import KeyPairSpec


def host(folder: Path, name: str) -> KeyPairSpec:
    keys = folder / name
    keys.mkdir(0o700)
    return KeyPairSpec(str(keys / "amili"), comment="all hosts")


def test_the_pair_arrives_as_it_is(tmp_path: Path) -> None:
    giver, taker = host(tmp_path, "giver"), host(tmp_path, "taker")
    pair.ensure(giver, check=False)
    asked = handover.request(taker)
    sealed = handover.seal(giver, asked)
    secret = Path(giver.path).read_bytes()
    assert not any(line in base64.b64decode(sealed) or line in sealed.encode() for line in secret.splitlines()[1:-1])
    handover.unseal(taker, sealed)
    assert Path(taker.path).read_bytes() == secret
    assert Path(taker.public_path).read_bytes() == Path(giver.public_path).read_bytes()
    assert Path(taker.path).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in Path(taker.folder).iterdir()) == ["amili", "amili.pub"]


def test_another_host_cannot_read_it(tmp_path: Path) -> None:
    giver, taker, other = (host(tmp_path, name) for name in ("giver", "taker", "other"))
    pair.ensure(giver, check=False)
    sealed = handover.seal(giver, handover.request(taker))
    handover.request(other)
    with pytest.raises(FiledropError) as caught:
        handover.unseal(other, sealed)
    assert caught.value.reason == "handover_malformed"
    assert not Path(other.path).exists()


@pytest.mark.parametrize("damage", [lambda text: text[:40], lambda text: text[:-8] + "AAAAAAA=", lambda _text: ""])
def test_a_damaged_one_is_refused(tmp_path: Path, damage: object) -> None:
    giver, taker = host(tmp_path, "giver"), host(tmp_path, "taker")
    pair.ensure(giver, check=False)
    sealed = handover.seal(giver, handover.request(taker))
    with pytest.raises(FiledropError) as caught:
        handover.unseal(taker, damage(sealed))  # type: ignore[operator]
    assert caught.value.reason == "handover_malformed"
    assert not Path(taker.path).exists()


def test_an_existing_key_is_never_replaced(tmp_path: Path) -> None:
    giver, taker = host(tmp_path, "giver"), host(tmp_path, "taker")
    pair.ensure(giver, check=False)
    sealed = handover.seal(giver, handover.request(taker))
    pair.ensure(taker, check=False)
    mine = Path(taker.path).read_bytes()
    with pytest.raises(FiledropError) as caught:
        handover.unseal(taker, sealed)
    assert caught.value.reason == "key_appeared"
    assert Path(taker.path).read_bytes() == mine
