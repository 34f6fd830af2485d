# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is expected of a job, as it is read."""

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.files import GivenConfiguration
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.watch import Watch
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError, JobStopped

ACCOUNT = {"protocol": "folder", "root": "/srv/box"}
JOB = {"account": "acme", "direction": "dropoff", "src": "/srv/out", "remote_dir": "input"}


def watched(**options: object) -> Watch:
    configuration = GivenConfiguration({"acme": ACCOUNT}, {"invoices": {**JOB, **options}})
    return configuration.job("invoices").watch


def test_nothing_is_expected_unless_the_job_says_so() -> None:
    assert watched() == Watch()


def test_sizes_and_times_are_numbers() -> None:
    found = watched(
        expect={"by": "Mon..Fri 09:00"}, stop_above={"bytes": "2G"}, taken_within="60m",
        notify={"command": "/usr/bin/alarm", "webhook": "http://localhost:8080/x"},
    )  # fmt: skip
    assert found.expect is not None
    assert (found.expect.files, found.expect.event.fields) == (1, "0 9 * * 1-5")
    assert found.stop_above is not None
    assert (found.stop_above.files, found.stop_above.bytes) == (None, 2 * 1024**3)
    assert found.notify is not None
    assert (found.notify.command, found.notify.webhook) == (("/usr/bin/alarm",), "http://localhost:8080/x")
    assert found.taken_within == 3600


@pytest.mark.parametrize(("files", "size"), [(3, 0), (1, 101)])
def test_more_than_the_limit_ends_the_run(files: int, size: int) -> None:
    ceiling = watched(stop_above={"files": 2, "bytes": 100}).stop_above
    assert ceiling is not None
    ceiling.require(2, 100)
    with pytest.raises(JobStopped, match="The limit is files: 2, bytes: 100"):
        ceiling.require(files, size)


@pytest.mark.parametrize("options", [{"taken_within": "1h", "verify": "close", "upload": "direct"}])
def test_what_cannot_be_looked_at_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="nothing can be looked at with verify=close"):
        watched(**options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"expect": {"files": 0, "by": "09:00"}}, "expect.files"),
        ({"expect": {"files": 1}}, "expect.by: this option is missing"),
        ({"expect": {"files": 1, "by": "2026-*-* 09:00"}}, "cron does not support years"),
        ({"expect": {"file": 1, "by": "09:00"}}, "is not a dictionary with files and by"),
        ({"stop_above": {}}, "sets no limit"),
        ({"stop_above": 500}, "is not a dictionary with files and bytes"),
        ({"notify": {}}, "names no receiver"),
        ({"notify": {"webhook": "http://alarm.example/x"}}, "is not the https URL of a host"),
        ({"notify": {"webhook": "https://me:secret-word@alarm.example/x"}}, "without a user or a password"),
        ({"notify": {"command": ["alarm"]}}, "does not begin with the absolute path"),
        ({"taken_within": "10s"}, "taken_within: '10s' is out of range"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError) as caught:
        watched(**options)
    assert words in str(caught.value)
    assert "secret-word" not in str(caught.value)
