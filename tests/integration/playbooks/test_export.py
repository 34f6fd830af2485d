# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook ``export``: a preview, a summary with each file, and what was sent before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.sshd import SshServer

if TYPE_CHECKING:
    from .conftest import Office, Stage

EXPORT = "courier.filedrop.export"


def names(sshd: SshServer) -> set[str]:
    return {path.name for path in sshd.input.iterdir()}


def test_a_preview_an_export_and_a_second_one(stage: Stage, office: Office, sshd: SshServer) -> None:
    inventory = office.inventory(documents=office.job("dropoff", by_hand=True, after="keep"))
    for name in ("a.xml", "b.xml", "c.xml"):
        (office.outbox / name).write_text(name)
    chosen = {"filedrop_export_job": "documents", "filedrop_export_only": ["a.xml", "b.xml"]}

    preview = stage.play(EXPORT, "-i", inventory, "--check", **chosen)
    assert (preview.status, names(sshd), office.ledger.exists()) == (0, set(), False)
    assert "documents: 2 would be delivered" in preview.output
    assert "delivered: a.xml: predicted" in preview.output

    first = stage.play(EXPORT, "-i", inventory, **chosen)
    assert (first.status, first.counts["changed"], names(sshd)) == (0, 1, {"a.xml", "b.xml"})
    assert "delivered: b.xml: -> input/b.xml" in first.output

    for path in sshd.input.iterdir():
        path.unlink()
    second = stage.play(EXPORT, "-i", inventory, **chosen)
    assert (second.status, second.counts["changed"], names(sshd)) == (0, 0, set())
    assert re.search(r"skipped: a\.xml: An earlier run moved this file on \d{4}-\d\d-\d\d at ", second.output)
    assert "export it with filedrop_export_again" in second.output

    again = stage.play(EXPORT, "-i", inventory, **chosen, filedrop_export_again=True)
    assert (again.status, names(sshd)) == (0, {"a.xml", "b.xml"})


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "filedrop_export_job: name exactly one job with direction dropoff."),
        ({"filedrop_export_job": ["a", "b"]}, "filedrop_export_job: name exactly one job"),
        ({"filedrop_export_job": "document"}, "Did you mean documents?"),
        (
            {"filedrop_export_job": "documents", "filedrop_export_from": "soon"},
            "filedrop_export_from: 'soon' is neither",
        ),
        (
            {"filedrop_export_job": "documents", "filedrop_export_kinds": ["coda"]},
            "filedrop_export_kinds: 'coda' is given",
        ),
        ({"filedrop_export_job": "documents", "filedrop_export_again": "perhaps"}, "is neither true nor false"),
        ({"filedrop_export_job": "documents", "filedrop_export_form": "2026"}, "Did you mean filedrop_export_from?"),
        ({"filedrop_export_job": "asleep"}, "filedrop_export_job: 'asleep' is disabled."),
    ],
)
def test_a_choice_that_cannot_be_stops_before_anything_is_sent(
    stage: Stage, office: Office, sshd: SshServer, variables: dict[str, object], words: str
) -> None:
    (office.outbox / "a.xml").write_text("a")
    job = office.job("dropoff", by_hand=True, after="keep")
    inventory = office.inventory(documents=job, asleep={**job, "enabled": False})
    played = stage.play(EXPORT, "-i", inventory, **variables)
    assert (played.status != 0, names(sshd)) == (True, set())
    assert words in played.output


def test_the_playbook_dropoff_leaves_a_job_for_export_alone(stage: Stage, office: Office, sshd: SshServer) -> None:
    (office.outbox / "a.xml").write_text("a")
    inventory = office.inventory(documents=office.job("dropoff", by_hand=True, after="keep"))
    for variables in ({}, {"filedrop_job": "documents"}):
        played = stage.play("courier.filedrop.dropoff", "-i", inventory, **variables)
        assert played.status != 0
        assert "Use the playbook courier.filedrop.export." in played.output
    assert names(sshd) == set()
