# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook rotate_keys, from a key in use to the next one, on hosts with an /etc of their own, against OpenSSH."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.sshd import SshServer, make_key

from .conftest import Shops

if TYPE_CHECKING:
    from .conftest import Played, Stage

ROTATE = "courier.filedrop.rotate_keys"


def public(shops: Shops, suffix: str = "") -> list[str]:
    paths = [host.keys / f"amili{suffix}.pub" for host in shops.hosts.values()]
    return [path.read_text().strip() for path in paths if path.exists()]


def private(shops: Shops) -> list[bytes]:
    return [(host.keys / "amili").read_bytes() for host in shops.hosts.values()]


def mail(stage: Stage) -> str:
    return (stage.folder / "filedrop-onboard" / "onboarding.txt").read_text()


def onboard(shops: Shops, sshd: SshServer, folder: Path, *, shared: bool) -> None:
    """Give each host a key, registered, as the playbook onboard does."""
    key = make_key(folder / "first")
    for host in shops.hosts.values():
        host.keys.mkdir(parents=True)
        host.keys.chmod(0o700)
        if not shared:
            key = make_key(folder / host.etc.parent.name / "own")
        shutil.copy(key.path, host.keys / "amili")
        shutil.copy(f"{key.path}.pub", host.keys / "amili.pub")
    sshd.authorize(public(shops))


def test_each_run_takes_the_next_safe_step(stage: Stage, shops: Shops, sshd: SshServer, tmp_path: Path) -> None:
    """Each host has a key of its own. For a key that all share, see test_rotation_killed.py."""

    def rotate(*words: str, **variables: object) -> Played:
        played = stage.play(ROTATE, "-i", shops.inventory(), *words, **variables)
        assert played.status == 0
        return played

    onboard(shops, sshd, tmp_path, shared=False)
    old, used = public(shops), private(shops)
    rotate("--check")
    assert (public(shops, ".new"), (stage.folder / "filedrop-onboard").exists()) == ([], False)

    made = rotate("-vvv")
    new = public(shops, ".new")
    assert (len(new), len(set(new))) == (2, 2)
    assert all(f"  {line}" in mail(stage) for line in new)
    assert "Please keep the keys that are registered now" in mail(stage)
    secrets = [line for host in shops.hosts.values() for line in (host.keys / "amili.new").read_text().splitlines()]
    assert not [line for line in secrets if "-----" not in line and line in made.output]

    waits = rotate()
    assert (waits.counts["changed"], private(shops)) == (0, used)
    assert "not registered: the login is refused" in waits.output

    sshd.authorize([*old, new[0]])
    rotate()
    assert [line in public(shops) for line in new] == [True, False]
    sshd.authorize([*old, *new])
    rotate()
    assert public(shops) == new
    assert public(shops, ".old") == old

    kept = rotate()
    assert (kept.counts["changed"], public(shops, ".old")) == (0, old)
    assert "Not before 20" in kept.output
    assert "please remove these" not in mail(stage)

    rotate(filedrop_key_grace="0d")
    assert (public(shops), public(shops, ".old")) == (new, [])
    assert "please remove these SSH public keys" in mail(stage)
    assert [len(list(host.keys.glob("amili.retired-*.pub"))) for host in shops.hosts.values()] == [1, 1]
    again = rotate(filedrop_key_grace="0d")
    assert (again.counts["changed"], public(shops, ".new")) == (0, [])


@pytest.mark.full
def test_a_host_that_was_away_gets_the_new_key_of_all(
    stage: Stage, shops: Shops, sshd: SshServer, tmp_path: Path
) -> None:
    """It still has the old key when the other host has switched, and even when that has retired it."""
    onboard(shops, sshd, tmp_path, shared=True)
    old = public(shops)
    variables: dict[str, object] = {"filedrop_key_scope": "account", "filedrop_key_grace": "0d"}
    assert stage.play(ROTATE, "-i", shops.inventory("shop1"), **variables).status == 0
    sshd.authorize([*old, *public(shops, ".new")])
    for _step in ("switch", "retire"):
        assert stage.play(ROTATE, "-i", shops.inventory("shop1"), **variables).status == 0
    new = public(shops)[0]
    assert public(shops) == [new, old[1]]
    assert stage.play(ROTATE, "-i", shops.inventory(), **variables).status == 0
    assert public(shops) == [new, new]
    assert "please remove these" not in mail(stage)


def test_a_key_with_a_certificate_is_left_alone(stage: Stage, shops: Shops, sshd: SshServer, tmp_path: Path) -> None:
    onboard(shops, sshd, tmp_path, shared=True)
    shops.account["certificate_file"] = "/etc/filedrop/keys/amili-cert.pub"
    played = stage.play(ROTATE, "-i", shops.inventory(), filedrop_key_scope="account")
    assert (played.status, public(shops, ".new")) == (0, [])
    assert "A certificate belongs to the key." in played.output
