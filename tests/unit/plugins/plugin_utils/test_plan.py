# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.courier.filedrop.plugins.plugin_utils._accounts import Host, InvalidVariables
from ansible_collections.courier.filedrop.plugins.plugin_utils._plan import plan

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0RI5DcFDeWYNfW9OnVZsfZSTbSYrO3bjwjHHmFEAaF"
PEM = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"
AMILI = {"preset": "amili_sftp", "username": "2001234", "host_keys": [KEY]}
BANK = {"host": "bank.example.com", "username": "erp", "password": "hush hush", "host_keys": [KEY]}
INVOICES = {"account": "amili", "direction": "dropoff", "src": "/srv/erp/outbox", "every": "15m"}
REPORTS = {
    "account": "bank",
    "direction": "pickup",
    "dest": "/srv/erp/inbox",
    "remote_dir": "out",
    "on_calendar": "Mon..Fri 06:00",
}
ERP1 = Host(name="erp1.example.com")
CRON1 = Host(name="erp1.example.com", scheduler="cron", keys_owner="filedrop")


def content(found: dict[str, Any], path: str) -> str:
    return next(each["content"] for each in found["files"] if each["path"] == path)


def refusal(accounts: dict[str, Any], jobs: dict[str, Any], host: Host = ERP1) -> str:
    with pytest.raises(InvalidVariables) as refused:
        plan(accounts, jobs, host)
    return str(refused.value)


def test_each_account_and_job_has_its_files() -> None:
    found = plan({"amili": AMILI, "bank": BANK}, {"invoices": INVOICES, "reports": REPORTS}, ERP1)
    assert sorted(each["path"] for each in found["files"]) == [
        "/etc/filedrop/accounts/amili.json",
        "/etc/filedrop/accounts/bank.json",
        "/etc/filedrop/jobs/invoices.json",
        "/etc/filedrop/jobs/reports.json",
        "/etc/systemd/system/filedrop@.service",
        "/etc/systemd/system/filedrop@invoices.service.d/filedrop.conf",
        "/etc/systemd/system/filedrop@invoices.timer",
        "/etc/systemd/system/filedrop@reports.service.d/filedrop.conf",
        "/etc/systemd/system/filedrop@reports.timer",
    ]
    assert json.loads(content(found, "/etc/filedrop/jobs/invoices.json")) == INVOICES
    assert found["triggers"] == {"filedrop@invoices.timer": True, "filedrop@reports.timer": True}
    assert found["calendars"] == {"reports": "Mon..Fri 06:00"}


def test_the_order_of_the_variables_is_no_change() -> None:
    accounts, jobs = {"amili": AMILI, "bank": BANK}, {"invoices": INVOICES, "reports": REPORTS}
    turned = dict(reversed(accounts.items())), dict(reversed(jobs.items()))
    assert plan(*turned, ERP1)["files"] == plan(accounts, jobs, ERP1)["files"]


def test_secrets_are_in_files_of_their_own_and_nowhere_else() -> None:
    accounts = {"bank": BANK, "amili": {**AMILI, "private_key": PEM, "passphrase": "open sesame"}}
    found = plan(accounts, {}, ERP1)
    secrets = {each["path"]: each["content"] for each in found.pop("secrets")}
    assert secrets == {
        "/etc/filedrop/keys/bank.password": "hush hush\n",
        "/etc/filedrop/keys/amili": f"{PEM}\n",
        "/etc/filedrop/keys/amili.passphrase": "open sesame\n",
    }
    for secret in ("hush hush", "c2VjcmV0", "open sesame"):
        assert secret not in str(found)


def test_a_job_gets_the_secrets_of_its_account_only() -> None:
    found = plan({"amili": AMILI, "bank": BANK}, {"invoices": INVOICES, "reports": REPORTS}, ERP1)
    invoices = content(found, "/etc/systemd/system/filedrop@invoices.service.d/filedrop.conf")
    reports = content(found, "/etc/systemd/system/filedrop@reports.service.d/filedrop.conf")
    assert "LoadCredential=amili:/etc/filedrop/keys/amili\n" in invoices
    assert "bank" not in invoices
    assert "LoadCredential=bank.password:/etc/filedrop/keys/bank.password\n" in reports
    assert "amili" not in reports


def test_a_key_pair_is_generated_where_nothing_else_proves_who_we_are() -> None:
    others = {"file": {**AMILI, "private_key_file": "/root/key"}, "text": {**AMILI, "private_key": PEM}, "bank": BANK}
    found = plan({"amili": AMILI, **others}, {}, ERP1)
    assert found["keys"] == ["amili"]
    account = json.loads(content(found, "/etc/filedrop/accounts/amili.json"))
    assert account["private_key_file"] == "credential:amili"


def test_generated_keys_change_hands_with_what_starts_the_jobs() -> None:
    owners = {host.scheduler: plan({"amili": AMILI, "bank": BANK}, {}, host)["kept"] for host in (ERP1, CRON1)}
    assert [(each["path"], each["owner"], each["mode"]) for each in owners["cron"]] == [
        ("/etc/filedrop/keys/amili", "filedrop", "0600"),
        ("/etc/filedrop/keys/amili.pub", "filedrop", "0644"),
    ]
    assert {each["owner"] for each in owners["systemd"]} == {"root"}


def test_a_disabled_job_keeps_its_files_and_its_timer_is_stopped() -> None:
    found = plan({"amili": AMILI}, {"invoices": {**INVOICES, "enabled": False}}, ERP1)
    assert found["triggers"] == {"filedrop@invoices.timer": False}
    assert found["places"] == []


def test_what_is_null_is_left_out() -> None:
    assert plan({"amili": None}, {"invoices": None}, ERP1)["files"] == []
    nulls = {"host": None, "password": None, "private_key": None, "private_key_file": None}
    assert plan({"amili": {**AMILI, **nulls}}, {}, ERP1) == plan({"amili": AMILI}, {}, ERP1)


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"include": None}, "filedrop_jobs.invoices.include: the value is empty."),
        ({"enabled": None}, "filedrop_jobs.invoices.enabled: the value is empty."),
        ({"include": []}, "filedrop_jobs.invoices.include: [] contains no pattern, which would mean all files."),
    ],
)
def test_an_option_that_holds_files_back_must_not_be_empty(option: dict[str, Any], told: str) -> None:
    text = refusal({"amili": AMILI}, {"invoices": {**INVOICES, **option, "settle": "x"}})
    assert told in text
    assert "settle" in text  # the rest is validated, too


def test_null_takes_back_an_option_without_danger() -> None:
    job = {**INVOICES, "exclude": None, "settle": None, "max_files": None}
    assert plan({"amili": AMILI}, {"invoices": job}, ERP1)["files"]
    assert plan({"amili": AMILI}, {"invoices": {**job, "exclude": []}}, ERP1)["files"]


def test_a_job_by_hand_has_no_timer() -> None:
    job = {key: value for key, value in INVOICES.items() if key != "every"}
    found = plan({"amili": AMILI}, {"invoices": job}, ERP1)
    assert found["triggers"] == {}
    assert not [each["path"] for each in found["files"] if each["path"].endswith(".timer")]


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"every": 15}, "filedrop_jobs.invoices.every: 15 is not a duration."),
        ({"every": 15}, "(The value is an integer.)"),
        ({"src": 5}, "filedrop_jobs.invoices.src: the value must be text or a list of texts, but is an integer"),
        ({"exlude": []}, "Did you mean exclude?"),
        ({"name": "x"}, "filedrop_jobs.invoices.name: unknown option. The name of the entry is the name of the job."),
        ({"ledger": "/x"}, "filedrop_ledger selects another one for the playbooks dropoff and pickup."),
        ({"account": "amil"}, "'amil' is not defined in filedrop_accounts, which has: amili"),
        ({"dest": "/srv"}, "It is an option for jobs with direction pickup."),
    ],
)
def test_a_job_that_cannot_be_meant_is_refused_by_name(option: dict[str, Any], told: str) -> None:
    assert told in refusal({"amili": AMILI}, {"invoices": {**INVOICES, **option}})


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"usrname": None}, "filedrop_accounts.amili.usrname: unknown option. Did you mean username?"),
        ({"usrname": None, "prt": None}, "filedrop_accounts.amili.prt: unknown option. Did you mean port?"),
        ({"prt": None, "password": 5}, "filedrop_accounts.amili.prt: unknown option. Did you mean port?"),
        ({"username": 2001234}, "filedrop_accounts.amili.username: the value must be text, but is an integer"),
        ({"host_keys": ["x"]}, "filedrop_accounts.amili.host_keys[0] is 'x'"),
        ({"host_keys": []}, "filedrop_accounts.amili.host_keys: this option is missing"),
        ({"private_key_file": "/my key"}, "'/my key' cannot be used in a unit file"),
        ({"password": 5}, "filedrop_accounts.amili: password: the value must be text, but is an integer."),
        ({"private_key": KEY}, "private_key: the text is no private key that can be used. It contains a public key"),
        (
            {"private_key": "hush"},
            "private_key: the text is no private key that can be used.",
        ),
        ({"password": "a", "password_file": "/b"}, "password_file: cannot be used together with password."),
        ({"private_key": PEM, "private_key_file": "/b"}, "private_key_file: cannot be used together with private_key."),
    ],
)
def test_an_account_that_cannot_be_meant_is_refused_by_name(option: dict[str, Any], told: str) -> None:
    assert told in refusal({"amili": {**AMILI, **option}}, {"invoices": INVOICES})


def test_what_is_no_dictionary_or_has_no_name_is_refused() -> None:
    text = refusal({"amili": AMILI}, {"invoices": "x", "In voices": INVOICES})
    assert "filedrop_jobs.invoices: the value must be a dictionary of options, but is text: 'x'." in text
    assert "filedrop_jobs.In voices: 'In voices' is not a valid name" in text


def test_a_path_that_is_not_absolute_is_refused_without_a_way_out_that_the_role_has_not() -> None:
    text = refusal({"amili": AMILI}, {"invoices": {**INVOICES, "src": "out"}})
    assert "Set src to an absolute path, such as /srv/files." in text


def test_a_change_to_a_mistyped_job_is_told_with_the_job_that_is_meant() -> None:
    text = refusal({"amili": AMILI}, {"invoices": INVOICES, "invoces": {"every": "5m"}})
    assert text == "filedrop_jobs.invoces: this job has neither account nor direction. Did you mean invoices?"


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = refusal({"amili": AMILI, "bank": 7}, {"invoices": {**INVOICES, "every": "7m"}, "x": {**INVOICES, "src": 5}})
    assert [line.split(":")[0] for line in text.splitlines()] == [
        "filedrop_accounts.bank",
        "filedrop_jobs.invoices.every",
        "filedrop_jobs.x.src",
    ]


def test_no_secret_is_told() -> None:
    text = refusal({"bank": {**BANK, "port": "x", "passphrase": "open sesame"}}, {})
    assert "hush" not in text
    assert "sesame" not in text


def test_a_job_that_waits_for_files_has_a_path_unit_beside_its_timer() -> None:
    job = {**INVOICES, "src": ["/srv/a", "/srv/100%"], "on_arrival": True, "settle": 2.5, "time_limit": "10m"}
    found = plan({"amili": AMILI}, {"invoices": job}, ERP1)
    assert found["triggers"] == {"filedrop@invoices.timer": True, "filedrop@invoices.path": True}
    unit = content(found, "/etc/systemd/system/filedrop@invoices.path")
    assert "PathChanged=/srv/a\nPathChanged=/srv/100%%\n" in unit
    drop_in = content(found, "/etc/systemd/system/filedrop@invoices.service.d/filedrop.conf")
    assert "ExecStart=\nExecStart=/usr/local/bin/filedrop run %i --wait\n" in drop_in
    assert f"TimeoutStartSec={63 + 2 * 600 + 120}\n" in drop_in


def test_with_cron_there_is_one_file_and_no_unit() -> None:
    found = plan({"amili": AMILI, "bank": BANK}, {"invoices": INVOICES, "reports": REPORTS}, CRON1)
    assert [each["path"] for each in found["files"] if "/etc/filedrop/" not in each["path"]] == ["/etc/cron.d/filedrop"]
    lines = content(found, "/etc/cron.d/filedrop").splitlines()
    assert [line.split(" filedrop ")[0] for line in lines[4:]] == ["5-59/15 * * * *", "0 6 * * 1-5"]
    assert lines[4].endswith(" run invoices --quiet")
    assert (found["triggers"], found["calendars"]) == ({}, {})
    assert {each["owner"] for each in found["secrets"]} == {"filedrop"}


def test_with_cron_a_disabled_job_and_one_by_hand_have_no_line() -> None:
    by_hand = {key: value for key, value in INVOICES.items() if key != "every"}
    jobs = {"invoices": {**INVOICES, "enabled": False}, "other": by_hand}
    found = plan({"amili": AMILI}, jobs, CRON1)
    assert not [each for each in found["files"] if each["path"] == "/etc/cron.d/filedrop"]
    assert "/etc/cron.d/filedrop" in found["exclusive"]


def test_hosts_with_cron_are_spread_as_those_with_systemd_are() -> None:
    lines = {
        content(plan({"bank": BANK}, {"reports": REPORTS}, host), "/etc/cron.d/filedrop").splitlines()[4]
        for host in (Host(name=f"erp{number}", scheduler="cron", keys_owner="filedrop") for number in range(20))
    }
    assert len(lines) > 15
    at_once = Host(name="erp1", scheduler="cron", keys_owner="filedrop", spread=0)
    assert "sleep" not in content(plan({"bank": BANK}, {"reports": REPORTS}, at_once), "/etc/cron.d/filedrop")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (
            {"on_calendar": "Mon *-*-1..7 06:00", "every": None},
            "filedrop_jobs.invoices.on_calendar: cron cannot express 'Mon *-*-1..7 06:00'",
        ),
        ({"on_calendar": "06:00 UTC", "every": None, "enabled": False}, "cron cannot express"),
        ({"on_arrival": True}, "filedrop_jobs.invoices.on_arrival: cron does not support this option"),
    ],
)
def test_what_cron_cannot_do_is_refused(option: dict[str, Any], told: str) -> None:
    assert told in refusal({"amili": AMILI}, {"invoices": {**INVOICES, **option}}, CRON1)


def test_secrets_that_are_there_already_are_named_where_nobody_hands_them_over() -> None:
    accounts = {"bank": {**BANK, "password": None, "password_file": "/srv/secret/bank"}}
    found = plan(accounts, {"reports": REPORTS}, CRON1)
    assert json.loads(content(found, "/etc/filedrop/accounts/bank.json"))["password_file"] == "/srv/secret/bank"
    [secret] = found["given_secrets"]
    assert secret["variable"] == "filedrop_accounts.bank.password_file"
    assert (secret["path"], secret["handed_over"]) == ("/srv/secret/bank", False)
    handed = plan(accounts, {"reports": REPORTS}, ERP1)
    assert (
        json.loads(content(handed, "/etc/filedrop/accounts/bank.json"))["password_file"] == "credential:bank.password"
    )
    assert handed["given_secrets"][0]["handed_over"]


FTPS = {"protocol": "ftps", "host": "ftp.example.com", "username": "acme", "password": "word"}


def test_an_account_of_ftps_gets_no_key_pair_and_needs_no_host_keys() -> None:
    account = {**FTPS, "ca_file": "/etc/ssl/partner.pem", "connections": 4}
    found = plan({"local": account}, {"invoices": {**INVOICES, "account": "local", "remote_dir": "in"}}, ERP1)
    assert found["keys"] == []
    given = json.loads(content(found, "/etc/filedrop/accounts/local.json"))
    assert "password" not in given
    assert given["password_file"] == "credential:local.password"
    assert "local.password" in content(found, "/etc/systemd/system/filedrop@invoices.service.d/filedrop.conf")


@pytest.mark.parametrize(
    ("account", "told"),
    [
        ({**FTPS, "host_keys": ["x"]}, "filedrop_accounts.local.host_keys: unknown option for protocol ftps"),
        ({**FTPS, "private_key_file": "/x"}, "unknown option for protocol ftps"),
        ({**FTPS, "password": None}, "filedrop_accounts.local.password: this option is missing"),
        ({**FTPS, "protocol": "ftp"}, "filedrop_accounts.local.allow_cleartext"),
        ({**FTPS, "tls_fingerprints": ["SHA256:x"]}, "filedrop_accounts.local.tls_fingerprints"),
    ],
)
def test_what_does_not_go_with_ftps_is_refused(account: dict[str, Any], told: str) -> None:
    assert told in refusal({"local": account}, {"invoices": {**INVOICES, "account": "local"}})


FOLDER = {"protocol": "folder", "root": "/srv/sftp/2001234"}
INTO_FOLDER = {**INVOICES, "account": "local", "remote_dir": "pickup", "group": "sftp", "file_mode": "0640"}


def test_a_job_into_a_folder_may_write_there_and_needs_no_key() -> None:
    found = plan({"local": FOLDER}, {"invoices": INTO_FOLDER}, ERP1)
    unit = content(found, "/etc/systemd/system/filedrop@invoices.service.d/filedrop.conf")
    assert "ReadWritePaths=-/srv/sftp/2001234\n" in unit
    assert "ReadWritePaths=-/srv/erp/outbox\n" in unit
    assert "SystemCallFilter=@chown" in unit
    assert "LoadCredential" not in unit
    assert found["keys"] == []
    assert {"variable": "filedrop_accounts.local.root", "path": "/srv/sftp/2001234", "write": False} in found["places"]


def test_a_job_out_of_a_folder_may_write_there_and_does_not_watch_it() -> None:
    reports = {**REPORTS, "account": "local"}
    found = plan({"local": FOLDER}, {"reports": reports, "invoices": {**INTO_FOLDER, "on_arrival": True}}, ERP1)
    unit = content(found, "/etc/systemd/system/filedrop@reports.service.d/filedrop.conf")
    assert "ReadWritePaths=-/srv/sftp/2001234\n" in unit
    assert "@chown" not in unit
    watched = content(found, "/etc/systemd/system/filedrop@invoices.path")
    assert "/srv/erp/outbox" in watched
    assert "/srv/sftp" not in watched


@pytest.mark.parametrize(
    ("account", "job", "told"),
    [
        ({**FOLDER, "host": "h"}, INTO_FOLDER, "filedrop_accounts.local.host: unknown option for protocol folder"),
        ({**FOLDER, "password": "x"}, INTO_FOLDER, "unknown option for protocol folder"),
        ({**FOLDER, "private_key": "x"}, INTO_FOLDER, "unknown option for protocol folder"),
        ({"protocol": "folder"}, INTO_FOLDER, "filedrop_accounts.local.root: this option is missing"),
        ({**FOLDER, "root": "srv"}, INTO_FOLDER, "is not an absolute path"),
        ({**BANK, "root": "/srv"}, INTO_FOLDER, "filedrop_accounts.local.root: unknown option for protocol sftp"),
        (BANK, INTO_FOLDER, "filedrop_jobs.invoices.group: unknown option for a drop-off over the protocol sftp"),
    ],
)
def test_what_does_not_go_with_a_folder_is_refused(account: dict[str, Any], job: dict[str, Any], told: str) -> None:
    assert told in refusal({"local": account}, {"invoices": job})


WATCHED = {**INVOICES, "notify": {"command": ["/usr/local/bin/alarm"]}}
METRICS = "/var/lib/node-exporter/filedrop.prom"


def test_a_job_with_a_receiver_is_looked_at_even_if_it_does_not_run() -> None:
    found = plan({"amili": AMILI}, {"invoices": WATCHED}, ERP1)
    assert found["triggers"] == {"filedrop@invoices.timer": True, "filedrop-status.timer": True}
    service = content(found, "/etc/systemd/system/filedrop-status.service")
    assert "ExecStart=/usr/local/bin/filedrop status --notify\n" in service
    assert "SuccessExitStatus=1 2 3\n" in service
    assert "OnCalendar=*-*-* *:0" in content(found, "/etc/systemd/system/filedrop-status.timer")


@pytest.mark.parametrize("job", [INVOICES, {**WATCHED, "enabled": False}])
def test_without_a_receiver_nobody_looks(job: dict[str, Any]) -> None:
    found = plan({"amili": AMILI}, {"invoices": job}, ERP1)
    assert "filedrop-status.timer" not in found["triggers"]
    assert not any("filedrop-status" in each["path"] for each in found["files"])


def test_all_that_runs_writes_the_metrics() -> None:
    host = Host(name="erp1.example.com", metrics_file=METRICS)
    found = plan({"amili": AMILI}, {"invoices": {**INVOICES, "on_arrival": True}}, host)
    for name in ("filedrop@.service", "filedrop@invoices.service.d/filedrop.conf", "filedrop-status.service"):
        assert f" --metrics {METRICS}\n" in content(found, f"/etc/systemd/system/{name}")
    assert "ReadWritePaths=-/var/lib/node-exporter\n" in content(found, "/etc/systemd/system/filedrop@.service")
    assert {"variable": "filedrop_metrics_file", "path": "/var/lib/node-exporter", "write": True} in found["places"]


def test_cron_looks_at_jobs_as_systemd_does() -> None:
    host = Host(name="erp1.example.com", scheduler="cron", keys_owner="filedrop", metrics_file=METRICS)
    lines = content(plan({"amili": AMILI}, {"invoices": WATCHED}, host), "/etc/cron.d/filedrop").splitlines()
    assert lines[-2].endswith(f"exec /usr/local/bin/filedrop run invoices --quiet --metrics {METRICS}")
    assert lines[-1].endswith(f"/usr/local/bin/filedrop status --notify --metrics {METRICS} >/dev/null 2>&1")
