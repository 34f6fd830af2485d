# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.testing import patch_module_args
from ansible_collections.courier.filedrop.plugins.module_utils._engine.keys import formats
from ansible_collections.courier.filedrop.plugins.modules import keypair

Run = Callable[..., dict[str, Any]]
SECRET = "correct horse"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the module on one path; ``check`` and ``diff`` are the modes."""

    def module(*, check: bool = False, diff: bool = False, **options: Any) -> dict[str, Any]:
        given = {"path": str(tmp_path / "id"), "_ansible_check_mode": check, "_ansible_diff": diff, **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            keypair.main()
        return dict(json.loads(capsys.readouterr().out))

    return module


def files(folder: Path) -> dict[str, tuple[bytes, int, int]]:
    return {
        entry.name: (entry.read_bytes(), entry.stat().st_mode, entry.stat().st_mtime_ns) for entry in folder.iterdir()
    }


def test_documentation_and_spec_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    class Built(Exception):
        pass

    def build(**arguments: Any) -> None:
        raise Built(arguments)

    monkeypatch.setattr(keypair, "AnsibleModule", build)
    with pytest.raises(Built) as caught:
        keypair.main()
    spec = caught.value.args[0]["argument_spec"]
    options = yaml.safe_load(keypair.DOCUMENTATION)["options"]
    assert set(options) == set(spec)
    for name, entry in spec.items():
        for detail, otherwise in (("type", "str"), ("default", None), ("required", False)):
            assert options[name].get(detail, otherwise) == entry.get(detail, otherwise), (name, detail)
        assert options[name].get("choices") == entry.get("choices"), name
    assert spec["passphrase"]["no_log"] is True


def test_check_run_check_run(run: Run, tmp_path: Path) -> None:
    predicted = run(check=True, diff=True, comment="c")
    assert predicted["changed"]
    assert (predicted["action"], predicted["public_key"], predicted["fingerprint"]) == ("create", None, None)
    assert files(tmp_path) == {}

    made = run(diff=True, comment="c")
    there = files(tmp_path)
    assert (made["changed"], made["action"]) == (True, "create")
    assert made["public_key"] + "\n" == there["id.pub"][0].decode()
    assert made["fingerprint"] == formats.parse_line(*made["public_key"].split()[:2]).fingerprint
    assert (made["private_key_file"], made["public_key_file"]) == (str(tmp_path / "id"), str(tmp_path / "id.pub"))

    for check in (True, False):
        kept = run(check=check, diff=True, comment="c")
        assert not kept["changed"]
        assert kept["action"] == "keep"
        assert kept["diff"]["before"] == kept["diff"]["after"] == made["diff"]["after"]
        assert {name: kept[name] for name in kept if name not in ("changed", "action", "diff")} == {
            name: made[name] for name in made if name not in ("changed", "action", "diff")
        }
        assert files(tmp_path) == there


@pytest.mark.parametrize(
    "options",
    [{}, {"type": "rsa", "bits": 2048}, {"type": "ecdsa", "bits": 521, "comment": "c"}, {"passphrase": SECRET}],
)
def test_the_prediction_is_what_happens_but_for_the_key_itself(run: Run, options: dict[str, Any]) -> None:
    def without_key(told: dict[str, Any]) -> list[str]:
        lines = told["diff"]["after"].splitlines()
        return [line for line in lines if not line.startswith(("fingerprint:", "public_key:"))]

    for replace in ("never", "always"):
        predicted = run(check=True, diff=True, replace=replace, **options)
        made = run(diff=True, replace=replace, **options)
        assert without_key(predicted) == without_key(made)
        assert predicted["diff"]["before"] == made["diff"]["before"]
        for name in ("changed", "action", "type", "bits", "comment"):
            assert predicted[name] == made[name]
        assert "SHA256:" not in predicted["diff"]["after"]


def test_nothing_private_is_ever_shown(run: Run, tmp_path: Path) -> None:
    shown = [run(diff=True, passphrase=SECRET), run(diff=True, passphrase=SECRET, replace="always")]
    shown += [run(diff=True, passphrase="battery staple"), run(diff=True)]
    assert [told.get("reason") for told in shown] == [None, None, "key_passphrase", "key_encrypted"]
    text = json.dumps(shown)
    assert "PRIVATE KEY" not in text
    assert SECRET not in text
    assert "staple" not in text
    for line in (tmp_path / "id").read_text().splitlines()[1:-1]:
        assert line not in text


def test_another_key_is_kept_unless_replacing_is_asked_for(run: Run, tmp_path: Path) -> None:
    made = run()
    there = files(tmp_path)
    refused = run(type="rsa")
    assert (refused["failed"], refused["reason"]) == (True, "key_differs")
    assert "set regenerate to full_idempotence" in refused["msg"]
    assert files(tmp_path) == there
    replaced = run(type="ecdsa", replace="mismatch")
    assert replaced["action"] == "replace"
    backup = replaced["backup"]
    assert Path(backup["private_key_file"]).read_bytes() == there["id"][0]
    assert Path(backup["public_key_file"]).read_text() == made["public_key"] + "\n"
    assert "backup" not in run(type="ecdsa", replace="mismatch")


def test_a_key_open_to_others_is_closed_with_a_warning(run: Run, tmp_path: Path) -> None:
    run()
    (tmp_path / "id").chmod(0o644)
    predicted = run(check=True, diff=True)
    assert (tmp_path / "id").stat().st_mode & 0o777 == 0o644
    closed = run(diff=True)
    assert (tmp_path / "id").stat().st_mode & 0o777 == 0o600
    for told in (predicted, closed):
        assert told["changed"]
        assert "mode: 0644" in told["diff"]["before"]
        assert "mode: 0600" in told["diff"]["after"]
        assert "was accessible to users other than its owner" in json.dumps(told["warnings"])
    assert not run()["changed"]


def test_a_lost_public_key_file_comes_back(run: Run, tmp_path: Path) -> None:
    made = run(comment="c")
    (tmp_path / "id.pub").unlink()
    predicted = run(check=True, diff=True, comment="c")
    assert not (tmp_path / "id.pub").exists()
    again = run(diff=True, comment="c")
    assert (predicted["changed"], again["changed"]) == (True, True)
    assert predicted["diff"] == again["diff"]
    assert predicted["public_key"] == again["public_key"] == made["public_key"]
    assert (tmp_path / "id.pub").read_text() == made["public_key"] + "\n"


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"path": "/no/such/folder/id"}, "folder_missing"),
        ({"bits": 1}, "bits_impossible"),
        ({"owner": "no-such-user"}, "owner_unknown"),
        ({"passphrase": ""}, "passphrase_empty"),
    ],
)
def test_bad_input_fails_in_check_mode_too(run: Run, options: dict[str, Any], reason: str, check: bool) -> None:
    told = run(check=check, **options)
    assert (told["failed"], told["reason"]) == (True, reason)


def test_replace_and_regenerate_exclude_each_other(run: Run) -> None:
    told = run(replace="never", regenerate="fail")
    assert "mutually exclusive" in told["msg"]


@pytest.mark.parametrize("mode", ["0400", "400", 0o400])
def test_a_mode_is_text_or_what_yaml_makes_of_it(run: Run, tmp_path: Path, mode: object) -> None:
    run(mode=mode)
    assert (tmp_path / "id").stat().st_mode & 0o777 == 0o400
    assert not run(mode=mode)["changed"]


def test_a_removed_pair_is_kept_as_a_backup(run: Run, tmp_path: Path) -> None:
    made = run()
    gone = run(state="absent", diff=True)
    assert (gone["action"], gone["public_key"], gone["fingerprint"], gone["bits"]) == ("remove", None, None, None)
    assert made["fingerprint"] in gone["diff"]["before"]
    assert gone["diff"]["after"] == ""
    assert Path(gone["backup"]["public_key_file"]).read_text() == made["public_key"] + "\n"
    assert not run(state="absent")["changed"]
    assert sorted(files(tmp_path)) == sorted(Path(path).name for path in gone["backup"].values())


def test_a_kept_pair_that_differs_is_a_warning(run: Run) -> None:
    run()
    told = run(type="rsa", regenerate="never")
    assert (told["action"], told["type"], told["changed"]) == ("keep", "ed25519", False)
    assert "is kept, although it is of type ed25519, not rsa" in json.dumps(told["warnings"])
