# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""keypair: check, run, check, run; then OpenSSH is asked what it thinks of the key."""

from __future__ import annotations

import re
import stat
import subprocess
from pathlib import Path

import pytest
from support.peers import OpenSsh, Target
from support.sshd import SshServer, make_key
from support.stage import InProcess, Stage, Step

PASSPHRASE = "a passphrase: 'with' \"quotes\" & æøå"


def _keygen(*words: str) -> str:
    return subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, text=True).stdout.strip()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _assert_no_key_material(text: str, private_key: Path) -> None:
    """Nothing of the private part may stand in a text; the public part, which such a file begins with, may."""
    assert "PRIVATE KEY" not in text
    body = private_key.read_text().split("\n")[1:-2]
    for line in body[len(body) // 2 :]:
        assert line not in text


@pytest.mark.parametrize(
    ("options", "described"),
    [
        ({}, "256 {fingerprint} erp for Amili (ED25519)"),
        ({"type": "ecdsa", "bits": 384}, "384 {fingerprint} erp for Amili (ECDSA)"),
        ({"type": "rsa", "bits": 2048, "passphrase": PASSPHRASE}, "2048 {fingerprint} erp for Amili (RSA)"),
    ],
)
def test_check_run_check_run(stage: Stage, sshd: SshServer, options: dict[str, object], described: str) -> None:
    path = stage.folder / "keys" / "amili"
    wanted = {"path": str(path), "comment": "erp for Amili", **options}
    (predicted,), output = stage.play(Step("keypair", wanted, check=True, diff=True))
    assert predicted["changed"]
    assert (predicted["fingerprint"], predicted["public_key"], predicted["action"]) == (None, None, "create")
    assert not path.parent.exists()
    assert predicted["diff"]["before"] != predicted["diff"]["after"]

    (made, foreseen, kept), output = stage.play(
        Step("keypair", wanted, diff=True), Step("keypair", wanted, check=True, diff=True), Step("keypair", wanted)
    )
    assert [made["changed"], foreseen["changed"], kept["changed"]] == [True, False, False]
    public = path.with_name("amili.pub")
    assert made["public_key"] == foreseen["public_key"] == kept["public_key"] == public.read_text().strip()
    assert made["public_key"].endswith(" erp for Amili")
    assert _keygen("-l", "-f", str(public)) == described.format(fingerprint=made["fingerprint"])
    phrase = str(options.get("passphrase", ""))
    assert _keygen("-y", "-P", phrase, "-f", str(path)).split()[:2] == made["public_key"].split()[:2]
    assert (_mode(path), _mode(public), _mode(path.parent)) == (0o600, 0o644, 0o700)
    assert sorted(made["diff"]) == ["after", "after_header", "before", "before_header"]
    assert made["fingerprint"] in made["diff"]["after"]
    assert foreseen["diff"]["before"] == foreseen["diff"]["after"] == made["diff"]["after"]
    _assert_no_key_material(output, path)
    assert not phrase or phrase not in output

    if not phrase:  # OpenSSH's client has no way to be given one
        sshd.authorize([made["public_key"]])
        target = Target(sshd.host, sshd.port, sshd.username, str(path), sshd.host_keys, stage.folder)
        assert OpenSsh(target).idle("pickup").seconds > 0


def test_the_private_key_is_private_from_its_first_instant(stage: Stage) -> None:
    path = stage.folder / "the-key"
    log = stage.folder / "strace.log"
    calls = "trace=open,openat,creat,link,linkat,rename,renameat,renameat2"
    strace = ["strace", "-f", "-qq", "-s", "500", "-e", calls, "-o", str(log)]
    wrapper = ["sh", "-c", 'umask 000; exec "$@"', "sh", *strace]
    (made,), _output = stage.play(Step("keypair", {"path": str(path)}), wrapper=wrapper)
    assert made["changed"]
    assert _mode(path) == 0o600
    trace = log.read_text()
    # The file may have had another name before: the last one whose name was changed into the key's.
    renamed = re.findall(r'(?:rename|link)\w*\(.*"([^"]+)", .*"(?:[^"]*/)?the-key"', trace)
    name = renamed[-1] if renamed else str(path)
    created = re.findall(rf'open(?:at)?\(.*"{re.escape(name)}", (\S*O_CREAT\S*), (0\d+)\) = \d', trace)
    assert len(created) == 1
    flags, mode = created[0]
    assert "O_EXCL" in flags
    assert int(mode, 8) == 0o600


def test_another_pair_is_kept_unless_a_new_one_is_asked_for(here: InProcess) -> None:
    path = here.folder / "key"
    old = make_key(path)
    wanted = {"path": str(path), "type": "ecdsa"}
    refused, foreseen, replaced, kept = here.play(
        Step("keypair", wanted),
        Step("keypair", {**wanted, "replace": "mismatch"}, check=True, diff=True),
        Step("keypair", {**wanted, "replace": "mismatch"}, diff=True),
        Step("keypair", {**wanted, "replace": "mismatch"}),
    ).results
    assert refused["failed"]
    assert refused["reason"] == "key_differs"
    assert str(path) in refused["msg"]
    assert [foreseen["changed"], replaced["changed"], kept["changed"]] == [True, True, False]
    assert foreseen["action"] == replaced["action"] == "replace"
    assert old.fingerprint in replaced["diff"]["before"]
    assert replaced["fingerprint"] in replaced["diff"]["after"]
    backup = Path(replaced["backup"]["private_key_file"])
    assert _keygen("-y", "-f", str(backup)).split()[:2] == old.public.split()
    assert _mode(backup) == 0o600
    assert Path(replaced["backup"]["public_key_file"]).read_text().split()[:2] == old.public.split()


@pytest.mark.parametrize(("passphrase", "reason"), [(None, "key_encrypted"), ("another one", "key_passphrase")])
def test_a_pair_that_cannot_be_looked_into_is_left_alone(here: InProcess, passphrase: str | None, reason: str) -> None:
    path = here.folder / "key"
    make_key(path, passphrase="the right one")
    before = path.read_bytes()
    options = {"path": str(path), **({"passphrase": passphrase} if passphrase else {})}
    (refused,), output = here.play(Step("keypair", options))
    assert refused["failed"]
    assert refused["reason"] == reason
    assert str(path) in refused["msg"]
    assert path.read_bytes() == before
    assert passphrase is None or passphrase not in output


def test_an_exposed_key_is_closed_with_a_warning(stage: Stage) -> None:
    path = stage.folder / "key"
    make_key(path)
    path.chmod(0o644)
    foreseen, closed, kept = stage.play(
        Step("keypair", {"path": str(path)}, check=True),
        Step("keypair", {"path": str(path)}),
        Step("keypair", {"path": str(path)}),
    ).results
    assert [foreseen["changed"], closed["changed"], kept["changed"]] == [True, True, False]
    assert str(path) in closed["warnings"][0]
    assert _mode(path) == 0o600


def test_the_whole_life_of_a_pair(stage: Stage) -> None:
    """Made, another comment, another type, removed: each step in check mode first, and again."""
    path = stage.folder / "key"
    steps: list[tuple[dict[str, object], str]] = [
        ({"comment": "one", "mode": "0400"}, "create"),
        ({"comment": "two", "mode": "0600"}, "keep"),
        ({"type": "rsa", "bits": 2048, "regenerate": "partial_idempotence", "backup": False}, "replace"),
        ({"state": "absent"}, "remove"),
    ]
    wanted = [Step("keypair", {"path": str(path), **options}, diff=True) for options, _action in steps]
    asked = [each._replace(check=check) for each in wanted for check in (True, False, True, False)]
    results, output = stage.play(*asked)
    for number, (_options, action) in enumerate(steps):
        foreseen, done, *again = results[4 * number : 4 * number + 4]
        assert (foreseen["changed"], done["changed"]) == (True, True)
        assert foreseen["action"] == done["action"] == action
        assert foreseen["diff"]["before"] == done["diff"]["before"]
        if action != "create" and action != "replace":
            assert foreseen["diff"]["after"] == done["diff"]["after"]
        assert [each["changed"] for each in again] == [False, False]
    assert results[1]["fingerprint"] == results[5]["fingerprint"] != results[9]["fingerprint"]
    kept = Path(results[13]["backup"]["private_key_file"])
    assert _keygen("-l", "-f", str(kept)).split()[:2] == ["2048", results[9]["fingerprint"]]
    assert sorted(each.name for each in stage.folder.glob("key*")) == [kept.name, f"{kept.name}.pub"]
    assert _mode(kept) == 0o600
    _assert_no_key_material(output, kept)
