# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every value of regenerate with every pair that may be there: check, run, check again, run again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import openssh, pair, spec
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys.spec import KeyPairSpec

SECRET, OTHER = "correct horse", "battery staple"
WANTED: dict[str, Any] = {"type": "ecdsa", "bits": 256, "comment": "mine", "passphrase": SECRET}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derive keys from passphrases in one round: hundreds of pairs are made here."""
    monkeypatch.setattr(openssh, "_ROUNDS", 1)


def keygen(*words: str) -> str:
    return subprocess.run(["ssh-keygen", *words], check=True, capture_output=True, text=True).stdout.strip()


def make(path: Path, **changes: Any) -> None:
    how = {"kind": "ecdsa", "bits": "256", "comment": "mine", "passphrase": SECRET, "style": "RFC4716", **changes}
    size = [] if how["kind"] == "ed25519" else ["-b", how["bits"]]
    words = ("-a", "1", "-C", how["comment"], "-N", how["passphrase"], "-m", how["style"], "-f", str(path))
    keygen("-q", "-t", how["kind"], *size, *words)


def damaged(path: Path) -> None:
    make(path)
    path.write_bytes(path.read_bytes()[:150])


def exposed(path: Path) -> None:
    make(path)
    path.chmod(0o644)


def public_alone(path: Path) -> None:
    make(path)
    path.unlink()


def public_missing(path: Path) -> None:
    make(path)
    path.with_suffix(".pub").unlink()


def public_of_another(path: Path) -> None:
    make(path)
    path.with_suffix(".pub").write_text(
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF x\n"
    )


def empty(path: Path) -> None:
    path.touch(0o600)


def made(**changes: Any) -> Callable[[Path], None]:
    return lambda path: make(path, **changes)


# What is there; then what never, fail, partial_idempotence, full_idempotence and always do.
NEW = ("create",) * 5
FITS = ("keep", "keep", "keep", "keep", "replace")
DIFFERS = ("keep", "key_differs", "replace", "replace", "replace")
TABLE: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "absent": (lambda _path: None, NEW),
    "fits": (made(), FITS),
    "type": (made(kind="ed25519"), DIFFERS),
    "size": (made(bits="384"), DIFFERS),
    "type-of-pem": (made(kind="rsa", bits="2048", style="PEM"), DIFFERS),
    "comment": (made(comment="of another"), FITS),
    "no-comment": (made(comment=""), FITS),
    "pem": (made(style="PKCS8"), FITS),
    "exposed": (exposed, FITS),
    "passphrase": (made(passphrase=OTHER), (*("key_passphrase",) * 3, "replace", "replace")),
    "passphrase-of-another-type": (
        made(kind="ed25519", passphrase=OTHER),
        (*("key_passphrase",) * 3, *("replace",) * 2),
    ),
    "passphrase-of-pem": (made(passphrase=OTHER, style="PEM"), (*("key_passphrase",) * 3, "replace", "replace")),
    "plain": (made(passphrase=""), (*("key_differs",) * 3, "replace", "replace")),
    "damaged": (damaged, (*("key_malformed",) * 3, "replace", "replace")),
    "empty": (empty, (*("key_malformed",) * 3, "replace", "replace")),
    "public-alone": (public_alone, (*("public_key_alone",) * 3, "create", "create")),
    "public-missing": (public_missing, FITS),
    "public-of-another": (public_of_another, FITS),
}
UNKNOWN = ("fingerprint", "public_key")


def attempt(wanted: KeyPairSpec, *, check: bool) -> pair.Outcome | str:
    try:
        return pair.ensure(wanted, check=check)
    except FiledropError as error:
        return error.reason


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {entry.name: (entry.read_bytes(), entry.stat().st_mode) for entry in folder.iterdir()}


def known(described: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in described.items() if name not in (*UNKNOWN, "backup")}


def run_as_predicted(wanted: KeyPairSpec) -> pair.Outcome | str:
    """Check and run; assert that the check has told all that can be known, and has changed nothing."""
    folder = Path(wanted.folder)
    before = content(folder)
    told = attempt(wanted, check=True)
    assert content(folder) == before
    done = attempt(wanted, check=False)
    if isinstance(told, str) or isinstance(done, str):
        assert told == done
        assert content(folder) == before
        return done
    assert (told.plan, told.before, known(told.result)) == (done.plan, done.before, known(done.result))
    assert (known(told.after), list(told.after)) == (known(done.after), list(done.after))
    if done.plan.action in ("create", "replace"):
        assert "SHA256:" not in "".join(told.after.values())  # no new type beside an old fingerprint
        assert done.after["fingerprint"] != done.before.get("fingerprint")
    else:
        assert (told.after, told.result["fingerprint"]) == (done.after, done.result["fingerprint"])
    assert done.plan.changed == (content(folder) != before)
    return done


@pytest.mark.parametrize("backup", [True, False], ids=["backup", "no-backup"])
@pytest.mark.parametrize("regenerate", spec.REGENERATE)
@pytest.mark.parametrize("there", TABLE)
def test_regenerate(tmp_path: Path, there: str, regenerate: str, backup: bool) -> None:
    prepare, expected = TABLE[there]
    path = tmp_path / "id"
    prepare(path)
    before = content(tmp_path)
    wanted = KeyPairSpec(str(path), regenerate=regenerate, backup=backup, **WANTED)
    done = run_as_predicted(wanted)
    action = expected[spec.REGENERATE.index(regenerate)]
    if isinstance(done, str):
        assert done == action
        return
    assert done.plan.action == action
    old = {name: body for name, (body, _mode) in before.items()}
    new = {name: body for name, (body, _mode) in content(tmp_path).items()}
    replaced = old if action in ("create", "replace") else {}
    assert sorted(new[name] for name in new if ".replaced-" in name) == sorted(replaced.values() if backup else [])
    assert {name for name in new if ".replaced-" not in name} == {"id", "id.pub"}
    differs = there in ("type", "size", "type-of-pem") and regenerate == "never"
    assert bool(done.plan.differences) is differs

    size, fingerprint, comment = keygen("-l", "-f", f"{path}.pub").split(None, 2)
    assert (size, fingerprint) == (done.after["bits"], done.after["fingerprint"])
    assert comment.startswith("mine (")
    line = keygen("-y", "-P", SECRET, "-f", str(path)).split()
    assert line[:2] == done.result["public_key"].split()[:2]
    if there not in ("pem", "type-of-pem") or action != "keep":
        assert line[2:] == ["mine"]  # inside the private key, too
    if regenerate != "always":
        again = run_as_predicted(wanted)
        assert isinstance(again, pair.Outcome)
        assert not again.plan.changed


@pytest.mark.parametrize("backup", [True, False], ids=["backup", "no-backup"])
@pytest.mark.parametrize("there", TABLE)
def test_absent(tmp_path: Path, there: str, backup: bool) -> None:
    path = tmp_path / "id"
    TABLE[there][0](path)
    old = content(tmp_path)
    wanted = KeyPairSpec(str(path), present=False, backup=backup, **WANTED)
    done = run_as_predicted(wanted)
    assert isinstance(done, pair.Outcome)
    assert (done.plan.action, done.after) == ("remove" if old else "keep", {})
    left = content(tmp_path)
    assert sorted(body for body, _mode in left.values()) == sorted(body for body, _mode in old.values() if backup)
    assert not {"id", "id.pub"} & set(left)
    if done.backup.private:
        assert Path(done.backup.private).stat().st_mode & 0o777 == 0o600
    again = run_as_predicted(wanted)
    assert isinstance(again, pair.Outcome)
    assert not again.plan.changed


@pytest.mark.parametrize("there", ["absent", "fits", "comment", "exposed", "type"])
@pytest.mark.parametrize("mode", spec.PRIVATE_MODES)
def test_mode(tmp_path: Path, there: str, mode: int) -> None:
    path = tmp_path / "id"
    TABLE[there][0](path)
    wanted = KeyPairSpec(str(path), mode=mode, regenerate="full_idempotence", **WANTED)
    run_as_predicted(wanted)
    assert path.stat().st_mode & 0o777 == mode
    again = run_as_predicted(wanted)
    assert isinstance(again, pair.Outcome)
    assert not again.plan.changed


@pytest.mark.parametrize("style", ["RFC4716", "PKCS8"])
@pytest.mark.parametrize("comment", ["", "another æøå", None])
@pytest.mark.parametrize("passphrase", [None, SECRET])
@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_a_comment_changes_in_place(
    tmp_path: Path, kind: str, passphrase: str | None, comment: str | None, style: str
) -> None:
    path = tmp_path / "id"
    make(path, kind=kind, bits="2048" if kind == "rsa" else "256", passphrase=passphrase or "", style=style)
    fingerprint = keygen("-l", "-f", str(path)).split()[1]
    path.chmod(0o400)
    wanted = KeyPairSpec(str(path), type=kind, comment=comment, passphrase=passphrase, regenerate="full_idempotence")
    done = run_as_predicted(wanted)
    assert isinstance(done, pair.Outcome)
    assert (done.plan.action, done.after["fingerprint"], done.backup.private) == ("keep", fingerprint, None)
    expected = ("mine" if comment is None else comment).split()
    assert path.with_suffix(".pub").read_text().split()[2:] == expected
    path.with_suffix(".pub").unlink()
    line = keygen("-y", "-P", passphrase or "", "-f", str(path)).split()
    inside = path.read_text().startswith("-----BEGIN OPENSSH")
    assert line[2:] == (expected if inside else [])
    assert path.stat().st_mode & 0o777 == 0o400
    assert done.plan.changed is (comment is not None)


@pytest.mark.parametrize(("replace", "regenerate"), spec.REPLACE.items())
def test_replace_is_an_older_name(replace: str, regenerate: str) -> None:
    options = {"path": "/keys/id", "regenerate": "fail"}
    assert spec.spec_from_options({**options, "replace": replace}).regenerate == regenerate
