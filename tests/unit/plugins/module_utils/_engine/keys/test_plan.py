# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is decided about a key pair, from nothing but what is wanted and what is there."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import (
    AuthenticationError,
    DiskError,
    FiledropError,
    InputError,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import describe, formats, spec
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import plan as plan_module
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.found import (
    Found,
    FoundPrivate,
    FoundPublic,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.plan import Plan
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.spec import KeyPairSpec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ED25519 = formats.public_part(ed25519.Ed25519PrivateKey.generate())
OTHER = formats.public_part(ed25519.Ed25519PrivateKey.generate())
ECDSA = formats.public_part(ec.generate_private_key(ec.SECP384R1()))
RSA = formats.public_part(rsa.generate_private_key(public_exponent=65537, key_size=2048))
SMALL_RSA = formats.PublicKey("ssh-rsa", b"\0\0\0\7ssh-rsa\0\0\0\3\1\0\1\0\0\0\x80" + b"\xff" * 128)
WANTED = KeyPairSpec("/keys/id")
PRIVATE = FoundPrivate(ED25519, None, encrypted=False, mode=0o600, uid=0, gid=0)
PUBLIC = FoundPublic(f"{ED25519.line} hello there", uid=0, gid=0)
PAIR = Found(PRIVATE, PUBLIC)


def wanted(**changes: Any) -> KeyPairSpec:
    return dataclasses.replace(WANTED, **changes)


def found(**changes: Any) -> Found:
    return Found(dataclasses.replace(PRIVATE, **changes), PUBLIC)


def refusal(want: KeyPairSpec, there: Found) -> FiledropError:
    with pytest.raises(FiledropError) as caught:
        plan_module.make_plan(want, there)
    assert want.path in caught.value.finding
    assert "regenerate to full_idempotence" in caught.value.way_out
    return caught.value


def test_nothing_there_is_created() -> None:
    for regenerate in spec.REGENERATE:
        plan = plan_module.make_plan(wanted(regenerate=regenerate, comment="c"), Found(None, None))
        assert plan == Plan("create", "c")
        assert plan.changed


def test_a_pair_that_fits_is_kept_as_it_is() -> None:
    for want in (
        WANTED,
        wanted(bits=256),
        wanted(comment="hello there"),
        wanted(uid=0, gid=0, regenerate="full_idempotence"),
    ):
        assert not plan_module.make_plan(want, PAIR).changed


def test_always_is_always() -> None:
    assert plan_module.make_plan(wanted(regenerate="always"), PAIR) == Plan("replace", "hello there")


@pytest.mark.parametrize(
    ("want", "there", "words"),
    [
        (wanted(type="rsa"), PAIR, "it is of type ed25519, not rsa"),
        (wanted(type="ecdsa"), found(public=RSA), "it is of type rsa, not ecdsa"),
        (wanted(type="ecdsa", bits=256), found(public=ECDSA), "it has 384 bits, not 256"),
        (wanted(type="rsa", bits=4096), found(public=RSA), "it has 2048 bits, not 4096"),
        (wanted(type="rsa"), found(public=SMALL_RSA), "it has 1024 bits, which is too few"),
    ],
)
def test_another_key_than_wanted_is_never_replaced_unasked(want: KeyPairSpec, there: Found, words: str) -> None:
    error = refusal(want, there)
    assert isinstance(error, InputError)
    assert error.reason == "key_differs"
    assert words in error.finding
    assert "secret" not in repr(error)
    assert plan_module.make_plan(dataclasses.replace(want, regenerate="full_idempotence"), there).action == "replace"


@pytest.mark.parametrize("there", [found(public=ECDSA), found(public=RSA)])
def test_without_bits_any_sound_size_will_do(there: Found) -> None:
    assert there.private is not None
    assert there.private.public is not None
    kind = "rsa" if there.private.public.type == "ssh-rsa" else "ecdsa"
    assert plan_module.make_plan(wanted(type=kind), there).action == "keep"


@pytest.mark.parametrize("reason", ["key_malformed", "key_encrypted", "key_passphrase", "key_unsupported"])
def test_a_key_that_cannot_be_used_is_never_replaced_unasked(reason: str) -> None:
    there = found(public=None, trouble=AuthenticationError(reason, "/keys/id is bad.", "Mend it."))
    error = refusal(WANTED, there)
    assert (error.reason, error.finding) == (reason, "/keys/id is bad.")
    assert error.way_out.startswith("Mend it. To generate a new pair")
    assert plan_module.make_plan(wanted(regenerate="full_idempotence"), there).action == "replace"


def test_a_public_key_without_its_private_key_is_not_thrown_away() -> None:
    error = refusal(WANTED, Found(None, PUBLIC))
    assert error.reason == "public_key_alone"
    assert plan_module.make_plan(wanted(regenerate="full_idempotence"), Found(None, PUBLIC)).action == "create"


@pytest.mark.parametrize(
    ("public", "comment"),
    [
        (None, ""),
        (FoundPublic("", 0, 0), ""),
        (FoundPublic("rubbish", 0, 0), ""),
        (FoundPublic(f"{OTHER.line} of another key", 0, 0), ""),
        (FoundPublic(f"{ED25519.line} mine\nand more", 0, 0), "mine"),
    ],
)
def test_a_wrong_public_key_file_is_written_anew(public: FoundPublic | None, comment: str) -> None:
    plan = plan_module.make_plan(WANTED, Found(PRIVATE, public))
    assert (plan.action, plan.write_public, plan.comment) == ("keep", True, comment)


def test_the_comment_is_kept_unless_another_is_wanted() -> None:
    assert plan_module.make_plan(WANTED, PAIR).comment == "hello there"
    plan = plan_module.make_plan(wanted(comment="new"), PAIR)
    assert (plan.action, plan.write_public, plan.comment) == ("keep", True, "new")
    assert plan_module.make_plan(wanted(comment=""), PAIR).comment == ""


def test_a_private_key_open_to_others_is_closed() -> None:
    plan = plan_module.make_plan(WANTED, found(mode=0o640))
    assert (plan.action, plan.exposed, plan.mode, plan.write_public) == ("keep", True, 0o600, False)
    assert not plan_module.make_plan(WANTED, found(mode=0o400)).changed


@pytest.mark.parametrize(("change", "give"), [({"uid": 1}, True), ({"gid": 1}, True), ({"uid": 0, "gid": 0}, False)])
def test_files_are_given_to_whom_they_shall_belong(change: dict[str, int], give: bool) -> None:
    assert plan_module.make_plan(wanted(**change), PAIR).give is give


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"path": "/keys/id.pub"}, "path_is_public"),
        ({"type": "ed25519", "bits": 512}, "bits_impossible"),
        ({"type": "ecdsa", "bits": 512}, "bits_impossible"),
        ({"type": "rsa", "bits": 1024}, "bits_impossible"),
        ({"type": "rsa", "bits": 65536}, "bits_impossible"),
        ({"comment": "two\nlines"}, "comment_malformed"),
        ({"passphrase": ""}, "passphrase_empty"),
        ({"owner": "no-such-user"}, "owner_unknown"),
        ({"group": "no-such-group"}, "group_unknown"),
        *(({"mode": mode}, "mode_exposed") for mode in ("0640", "640", 0o604, 600, 0, "rw", "u=rw", "0200", ["0600"])),
    ],
)
def test_options_that_cannot_be_meant(options: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError) as caught:
        spec.spec_from_options({"path": "/keys/id", **options})
    assert caught.value.reason == reason
    assert caught.value.way_out


def test_options_become_what_is_wanted() -> None:
    options = {"path": "keys/../id", "comment": " c ", "passphrase": "secret", "owner": "root", "group": "12345"}
    want = spec.spec_from_options(options)
    assert want == KeyPairSpec(os.path.abspath("id"), comment="c", passphrase="secret", uid=0, gid=12345)
    assert "secret" not in repr(want)


def test_a_folder_that_cannot_be_used_is_told_before_anything_is_done(tmp_path: Path) -> None:
    plan = Plan("create", "")
    plan_module.check_possible(KeyPairSpec(str(tmp_path / "new" / "id")), plan)
    with pytest.raises(DiskError) as caught:
        plan_module.check_possible(KeyPairSpec(str(tmp_path / "a" / "b" / "id")), plan)
    assert caught.value.reason == "folder_missing"
    (tmp_path / "file").touch()
    with pytest.raises(DiskError, match="is not a folder"):
        plan_module.check_possible(KeyPairSpec(str(tmp_path / "file" / "id")), plan)
    plan_module.check_possible(KeyPairSpec(str(tmp_path / "a" / "b" / "id")), Plan("keep", "", write_public=False))


@pytest.mark.parametrize(
    ("want", "there"),
    [
        (WANTED, Found(None, None)),
        (wanted(regenerate="always", type="rsa", bits=4096), PAIR),
        (wanted(comment="new"), PAIR),
        (
            wanted(regenerate="full_idempotence"),
            found(public=None, trouble=AuthenticationError("key_malformed", "/keys/id")),
        ),
    ],
)
def test_the_prediction_invents_no_fingerprint_and_differs_from_what_is_there(want: KeyPairSpec, there: Found) -> None:
    plan = plan_module.make_plan(want, there)
    before, after = describe.describe(there), describe.predict(want, there, plan)
    assert before != after
    if plan.action == "keep":
        assert after["fingerprint"] == ED25519.fingerprint
    else:
        assert "SHA256" not in after["fingerprint"] + after["public_key"]
        assert (after["type"], after["mode"]) == (want.type, "0600")


def test_the_prediction_of_nothing_is_what_is_there() -> None:
    plan = plan_module.make_plan(WANTED, PAIR)
    assert describe.predict(WANTED, PAIR, plan) == describe.describe(PAIR)
