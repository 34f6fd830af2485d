# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook onboard, on hosts with an /etc of their own, against OpenSSH."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.sshd import SshServer, host_key

from .conftest import Shops

if TYPE_CHECKING:
    from .conftest import Stage

ONBOARD = "courier.filedrop.onboard"


def texts(stage: Stage) -> dict[str, str]:
    return {path.name: path.read_text() for path in (stage.folder / "filedrop-onboard").iterdir()}


@pytest.mark.parametrize("scope", ["host", "account"])
def test_keys_are_made_handed_out_and_seen_registered(stage: Stage, shops: Shops, sshd: SshServer, scope: str) -> None:
    variables = {"filedrop_key_scope": scope}
    check = stage.play(ONBOARD, "-i", shops.inventory(), "--check", **variables)
    assert check.status == 0
    assert not (stage.folder / "filedrop-onboard").exists()
    assert [host.configuration.exists() for host in shops.hosts.values()] == [False, False]

    made = stage.play(ONBOARD, "-i", shops.inventory(), "-vvv", **variables)
    assert made.status == 0
    assert made.output.count("not registered: the login is refused") >= 2
    public = {name: (host.keys / "amili.pub").read_text() for name, host in shops.hosts.items()}
    private = {(host.keys / "amili").read_text() for host in shops.hosts.values()}
    assert len(private) == (2 if scope == "host" else 1)
    for secret in private:
        assert not any(line in made.output for line in secret.splitlines()[1:-1])
    found = texts(stage)
    names = {"amili-shop1.pub", "amili-shop2.pub"} if scope == "host" else {"amili.pub"}
    assert set(found) == {*names, "onboarding.txt"}
    assert {found[name] for name in names} == set(public.values())
    text = found["onboarding.txt"]
    assert all(line.strip() in text for line in public.values())
    assert host_key("ed25519").fingerprint in text
    assert f"please register these SSH public keys for the user {sshd.account_options()['username']}" in text

    sshd.authorize([public["shop1"]])
    played = stage.play(ONBOARD, "-i", shops.inventory(), **variables)
    assert played.status == 0
    assert "amili on shop1: registered: the login works" in played.output
    refused = "amili on shop2: not registered" in played.output
    assert refused is (scope == "host")
    assert all((host.keys / "amili").read_text() in private for host in shops.hosts.values())
    if scope == "account":
        assert "There is nothing to ask the provider for." in texts(stage)["onboarding.txt"]
    again = stage.play(ONBOARD, "-i", shops.inventory(), **variables)
    assert (again.status, again.counts["changed"]) == (0, 0)


def test_host_keys_are_compared_and_another_one_fails(stage: Stage, shops: Shops) -> None:
    """Without any, nothing is compared yet. With another one, a person must decide."""
    shops.account["host_keys"] = []
    first = stage.play(ONBOARD, "-i", shops.inventory("shop1"))
    assert first.status == 0
    assert "is not in host_keys" in first.output
    assert f"{host_key('ed25519').fingerprint} (not yet confirmed)" in texts(stage)["onboarding.txt"]
    shops.account["host_keys"] = [f"SHA256:{'A' * 43}"]
    wrong = stage.play(ONBOARD, "-i", shops.inventory("shop1"))
    assert wrong.status != 0
    assert "not trusted: the server shows another key" in wrong.output
    assert host_key("ed25519").fingerprint in wrong.output


def test_a_key_that_exists_is_never_changed(stage: Stage, shops: Shops) -> None:
    keys = shops.hosts["shop2"].keys
    keys.mkdir(parents=True)
    keys.chmod(0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "mine", "-f", str(keys / "amili")], check=True)
    before = (keys / "amili").read_bytes()
    played = stage.play(ONBOARD, "-i", shops.inventory(), filedrop_key_scope="account")
    assert played.status == 0
    assert {(host.keys / "amili").read_bytes() for host in shops.hosts.values()} == {before}
    assert {(host.keys / "amili").stat().st_mode & 0o777 for host in shops.hosts.values()} == {0o600}
    assert not [path for host in shops.hosts.values() for path in host.keys.glob("*.request")]


@pytest.mark.full
def test_hosts_with_different_keys_cannot_share_one(stage: Stage, shops: Shops) -> None:
    assert stage.play(ONBOARD, "-i", shops.inventory()).status == 0
    before = [path.read_bytes() for host in shops.hosts.values() for path in sorted(host.keys.iterdir())]
    third = shops.add("shop3")
    played = stage.play(ONBOARD, "-i", shops.inventory(), filedrop_key_scope="account")
    assert played.status != 0
    assert "filedrop_key_scope: the hosts have different keys for the account amili (shop1 has SHA256:" in played.output
    assert [p.read_bytes() for h in list(shops.hosts.values())[:2] for p in sorted(h.keys.iterdir())] == before
    assert not (third.keys / "amili").exists()


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"filedrop_account": "amilli"}, "filedrop_account: 'amilli' is not defined in filedrop_accounts"),
        ({"filedrop_key_scope": "fleet"}, "filedrop_key_scope"),
        ({"filedrop_onboard_folder": "relative"}, "filedrop_onboard_folder"),
        ({"filedrop_key_graze": "1d"}, "Did you mean filedrop_key_grace?"),
    ],
)
def test_mistakes_are_told_before_anything_changes(
    stage: Stage, shops: Shops, variables: dict[str, object], told: str
) -> None:
    played = stage.play(ONBOARD, "-i", shops.inventory(), **variables)
    assert played.status != 0
    assert told in played.output
    assert not any(host.configuration.exists() for host in shops.hosts.values())


def test_an_account_with_a_password_gets_a_letter_that_asks(stage: Stage, shops: Shops, tmp_path: Path) -> None:
    shops.account["password"] = "a-secret-of-ours"
    played = stage.play(ONBOARD, "-i", shops.inventory("shop1"), "-vvv")
    assert played.status == 0
    assert "a-secret-of-ours" not in played.output
    text = texts(stage)["onboarding.txt"]
    assert "the password of the user, not by mail" in text
    assert "a-secret-of-ours" not in text
    assert not list((stage.folder / "filedrop-onboard").glob("*.pub"))
