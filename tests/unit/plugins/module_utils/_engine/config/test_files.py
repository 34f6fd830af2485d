# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import Configuration, ConfiguredJob
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import Dropoff, Pickup, Share
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.retention import Retention
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.schedule import Schedule
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from support.rights import without_privileges

DROPOFF = {"account": "amili", "direction": "dropoff", "src": "/srv/erp/outbox"}
PICKUP = {"account": "amili", "direction": "pickup", "dest": "/srv/erp/inbox"}
ACCOUNT = {"preset": "amili_sftp", "username": "2001234", "private_key_file": "credential:amili"}


class House:
    """A configuration on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("accounts", "jobs", "keys"):
            (folder / name).mkdir()
        self.put("accounts/amili.json", ACCOUNT)
        self.read = Configuration(str(folder))

    def put(self, path: str, content: object, mode: int = 0o644) -> Path:
        found = self.folder / path
        found.write_text(content if isinstance(content, str) else json.dumps(content))
        found.chmod(mode)
        return found

    def job(self, content: object) -> ConfiguredJob:
        self.put("jobs/one.json", content)
        return self.read.job("one")

    def refusal(self, content: object) -> InputError:
        with pytest.raises(InputError) as caught:
            self.job(content)
        assert caught.value.finding.startswith(f"{self.folder}/jobs/one.json: ")
        return caught.value


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return House(tmp_path)


def test_a_job_with_nothing_but_its_needs(house: House) -> None:
    assert house.job(DROPOFF) == ConfiguredJob(
        max_age=86400,
        job=Dropoff(name="one", sources=("/srv/erp/outbox",), remote_dir="input", upload="direct"),
        account="amili",
        schedule=Schedule(),
    )


@pytest.mark.parametrize("option", ["include", "enabled"])
def test_an_option_that_holds_files_back_must_not_be_null(house: House, option: str) -> None:
    house.put("jobs/invoices.json", {**DROPOFF, "exclude": None, "settle": None, option: None})
    with pytest.raises(InputError, match=f"{option}: the value is empty") as caught:
        house.read.job("invoices")
    assert caught.value.way_out == f"Give {option} a value, or remove it."


def test_a_job_with_all_that_only_its_file_can_say(house: House) -> None:
    found = house.job(
        {
            **PICKUP,
            "every": "15m",
            "enabled": False,
            "time_limit": "10m",
            "retention": "90d",
            "group": "erp",
            "file_mode": "0640",
            "share": {"index": 0, "count": 3},
        }
    )
    assert isinstance(found.job, Pickup)
    assert (found.job.group, found.job.file_mode, found.job.share) == ("erp", 0o640, Share(0, 3))
    assert (found.enabled, found.time_limit, found.retention) == (False, 600, Retention(90 * 86400))
    assert found.schedule == Schedule(every=900)


def test_retention_by_age_and_by_number(house: House) -> None:
    both = house.job({**DROPOFF, "retention": {"age": "30d", "files": 1000}})
    assert both.retention == Retention(30 * 86400, 1000)
    assert house.job({**DROPOFF, "retention": {"files": 1000}}).retention == Retention(None, 1000)


def test_a_preset_fills_in_and_the_job_beats_it(house: House) -> None:
    assert house.job(PICKUP).job.remote_dir == "pickup"
    assert house.job({**PICKUP, "remote_dir": "elsewhere"}).job.remote_dir == "elsewhere"


@pytest.mark.parametrize(
    ("option", "way_out"),
    [
        ("setle", "Did you mean settle?"),
        ("dest", "It is an option for jobs with direction pickup."),
        ("ledger", "--ledger"),
        ("xyzzy", "Known options: account, after, ambiguous, archive_dir, "),
    ],
)
def test_an_unknown_option_is_refused_by_name_with_the_nearest(house: House, option: str, way_out: str) -> None:
    error = house.refusal({**DROPOFF, option: 1})
    assert (error.reason, f"'{option}'" in error.finding, way_out in error.way_out) == ("option_unknown", True, True)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"direction": "sideways"}, "direction: 'sideways'"),
        ({"direction": None}, "direction: this option is missing"),
        ({"account": None}, "account: this option is missing"),
        ({"account": "../amili"}, "account: '../amili' is not a valid name"),
        ({"src": None}, "src: this option is missing"),
        ({"settle": "soon"}, "settle: 'soon' is not a number"),
        ({"enabled": "false"}, "enabled: 'false' is neither true nor false"),
        ({"time_limit": "0s"}, "time_limit: '0s' is out of range"),
        ({"retention": 90}, "retention: 90 is not a duration"),
        ({"retention": {}}, "retention: {} sets no limit"),
        ({"retention": {"files": 0}}, "retention.files: 0"),
        ({"retention": {"age": "1h"}}, "retention.age: '1h' is out of range"),
        ({"retention": {"count": 5}}, "is not a dictionary with age and files"),
        ({"every": "7m"}, "every: '7m' divides neither"),
    ],
)
def test_a_bad_value_is_told_with_its_file(house: House, change: dict[str, object], finding: str) -> None:
    assert finding in house.refusal({**DROPOFF, **change}).finding


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        ("", "expecting value (line 1, column 1)"),
        ("[]", "it must be a dictionary, but is a list"),
        ('{"src": "/a", "src": "/b"}', "it has 'src' twice"),
        ('{"settle": NaN}', "NaN is not a valid number"),
        ("[" * 100_000, "it is nested too deeply"),
        (" " * (1024**2 + 1), "larger than 1048576 bytes"),
    ],
)
def test_a_file_that_is_not_the_json_expected(house: House, content: str, finding: str) -> None:
    error = house.refusal(content)
    assert (error.reason, finding in error.finding) == ("file_malformed", True)


def test_a_file_that_is_no_text(house: House) -> None:
    (house.folder / "jobs" / "one.json").write_bytes(b'{"src": "\xff"}')
    with pytest.raises(InputError, match="it is not UTF-8"):
        house.read.job("one")


def test_a_job_that_there_is_not_is_told_what_there_is(house: House) -> None:
    house.put("jobs/invoices.json", DROPOFF)
    with pytest.raises(InputError, match="no such file") as caught:
        house.read.job("invoice")
    assert caught.value.way_out == "Did you mean invoices? Existing jobs: invoices."
    with pytest.raises(InputError, match=r"jobs: '\.\./accounts/amili' is not a valid name of a job"):
        house.read.job("../accounts/amili")


def test_a_job_whose_account_there_is_not(house: House) -> None:
    house.put("jobs/one.json", {**DROPOFF, "account": "billit"})
    with pytest.raises(InputError, match=r"accounts/billit\.json: no such file") as caught:
        house.read.job("one")
    assert caught.value.way_out == "Existing accounts: amili."


def test_the_jobs_by_name(house: House) -> None:
    for name in ("b.json", "a.json", ".c.json", "d.json~", "e.txt"):
        house.put(f"jobs/{name}", DROPOFF)
    assert house.read.job_names() == ["a", "b"]
    house.put("jobs/My Job.json", DROPOFF)
    assert house.read.job_names() == ["My Job", "a", "b"]
    with pytest.raises(InputError, match="jobs: 'My Job' is not a valid name of a job"):
        house.read.job("My Job")


def test_no_folder_of_jobs_is_an_error_not_an_empty_list(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs: no such folder"):
        Configuration(str(tmp_path)).job_names()


def test_an_account_is_named_like_its_file_and_its_key_is_among_the_keys(house: House) -> None:
    found = house.read.account("amili")
    assert (found.name, found.host) == ("amili", "sftp.amili.se")
    assert found.private_key_file == str(house.folder / "keys" / "amili")


def test_an_account_s_secrets_come_from_files_of_their_own(house: House) -> None:
    house.put("keys/amili.password", "s3cret\n", 0o600)
    other = house.put("other", "words\n", 0o600)
    house.put(
        "accounts/amili.json",
        {**ACCOUNT, "password_file": "credential:amili.password", "passphrase_file": str(other)},
    )
    found = house.read.account("amili")
    assert (found.password, found.passphrase) == ("s3cret", "words")
    assert "s3cret" not in repr(found)


def test_a_password_in_a_file_that_others_can_read_is_refused(house: House) -> None:
    house.put("accounts/amili.json", {**ACCOUNT, "password": "s3cret"}, 0o640)
    with pytest.raises(InputError, match=r"password: .* has mode 0640") as caught:
        house.read.account("amili")
    assert "s3cret" not in str(caught.value)
    house.put("accounts/amili.json", {**ACCOUNT, "password": "s3cret"}, 0o600)
    assert house.read.account("amili").password == "s3cret"


def test_a_job_can_be_read_by_who_may_not_read_the_secrets(house: House) -> None:
    house.put("accounts/amili.json", {**ACCOUNT, "password_file": "/nowhere/password"})
    assert house.job(DROPOFF).account == "amili"
    with pytest.raises(InputError, match="password_file: /nowhere/password cannot be read"):
        house.read.account("amili")


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ({"user": "x"}, "'user': unknown option"),
        ({"account": "amili"}, "'account': unknown option"),
        ({"password": "a", "password_file": "/b"}, "password_file: cannot be used together with password"),
        ({"password_file": "relative"}, "password_file: the value (not shown, because it may be a secret) is not"),
        ({"preset": "other"}, "preset: unknown preset 'other'"),
        ({"port": 0}, "port: 0 is out of range"),
    ],
)
def test_a_bad_account_is_told_with_its_file(house: House, change: dict[str, object], finding: str) -> None:
    house.put("accounts/amili.json", {**ACCOUNT, **change}, 0o600)
    with pytest.raises(InputError) as caught:
        house.read.account("amili")
    assert finding in caught.value.finding
    assert caught.value.finding.startswith(str(house.folder / "accounts" / "amili.json"))


def test_an_account_can_be_checked_by_who_may_not_use_its_key(house: House) -> None:
    """Root keeps the keys where systemd passes them to the jobs, and the jobs' user asks for the status."""
    house.put("keys/amili", "a key", 0o600)
    (house.folder / "keys").chmod(0)
    without_privileges(lambda: house.read.account_without_secrets("amili"))
    with pytest.raises(InputError, match="systemctl start") as refused:
        without_privileges(lambda: house.read.account("amili"))
    assert refused.value.reason == "key_unreadable"
