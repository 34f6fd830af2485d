# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What `make demo` runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Stage

QUICKSTART = "courier.filedrop.quickstart"
SAMPLES = ["invoices-1.xml", "invoices-2.xml", "invoices-3.xml"]


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_from_nothing_to_delivered_files_then_nothing_to_do_and_then_a_file_of_ones_own(
    stage: Stage, tmp_path: Path
) -> None:
    folder = tmp_path / "try"
    first = stage.play(QUICKSTART, filedrop_quickstart_folder=str(folder))
    assert first.status == 0
    assert "Picked up report-invoices-1.json, report-invoices-2.json, report-invoices-3.json" in first.output
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert listed(folder / "outbox") == []
    assert listed(folder / "outbox" / "archive") == SAMPLES
    assert listed(folder / "inbox") == [f"report-{Path(name).stem}.json" for name in SAMPLES]
    assert not list((folder / "provider" / "accounts").glob("*/pickup/*"))

    again = stage.play(QUICKSTART, filedrop_quickstart_folder=str(folder))
    assert (again.status, again.counts["changed"]) == (0, 0)
    assert "Nothing to do." in again.output

    (folder / "outbox" / "invoices-mine.xml").write_text("<invoice/>")
    assert stage.play(QUICKSTART, filedrop_quickstart_folder=str(folder)).status == 0
    assert (folder / "outbox" / "archive" / "invoices-mine.xml").read_text() == "<invoice/>"
    assert (folder / "inbox" / "report-invoices-mine.json").exists()


def test_check_mode_on_an_empty_host_says_where_it_ends_and_leaves_no_trace(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "try"
    played = stage.play(QUICKSTART, "--check", "--diff", filedrop_quickstart_folder=str(folder))
    assert played.status == 0
    assert "Check mode starts no provider" in played.output
    assert not folder.exists()


def test_with_billit_pairs_go_out_invoices_come_in_and_an_export_is_by_hand(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "try"
    choice = {"filedrop_quickstart_folder": str(folder), "filedrop_quickstart_provider": "billit"}
    first = stage.play(QUICKSTART, **choice)
    assert first.status == 0
    pairs = [f"invoices-{number}.{kind}" for number in (1, 2) for kind in ("pdf", "xml")]
    assert listed(folder / "outbox" / "archive") == listed(folder / "provider" / "imported" / "company") == pairs
    assert listed(folder / "outbox") == ["invoices-3.xml"]
    (day,) = (folder / "provider" / "accounts" / "company" / "success").iterdir()
    assert listed(day) == pairs
    assert listed(folder / "inbox") == ["received-1.xml"]
    exported = folder / "provider" / "accounts" / "customer" / "input"
    assert listed(exported) == ["issued-1.xml", "statement-1.cod"]
    assert "Waiting in outbox for a PDF of the same name: invoices-3.xml." in first.output
    assert "Exported issued-1.xml, statement-1.cod over FTPS" in first.output

    again = stage.play(QUICKSTART, **choice)
    assert (again.status, again.counts["changed"]) == (0, 0)
    assert "Nothing to do." in again.output

    (folder / "outbox" / "invoices-3.pdf").write_bytes(b"%PDF")
    assert stage.play(QUICKSTART, **choice).status == 0
    assert listed(day) == [*pairs, "invoices-3.pdf", "invoices-3.xml"]
    assert listed(exported) == ["issued-1.xml", "statement-1.cod"]


def test_with_the_files_api_invoices_are_uploaded_and_a_refused_one_is_set_aside(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "try"
    choice = {"filedrop_quickstart_folder": str(folder), "filedrop_quickstart_provider": "amili_api"}
    first = stage.play(QUICKSTART, **choice)
    assert first.status == 0
    assert listed(folder / "outbox") == []
    sent = ["invoices-1.csv", "invoices-3.csv"]
    assert listed(folder / "outbox" / "archive") == listed(folder / "provider" / "imported" / "2218") == sent
    assert listed(folder / "rejected") == ["invoices-2.csv", "invoices-2.csv.reason.txt"]
    assert "The service is ok." in first.output
    assert "The service refused invoices-2.csv" in first.output

    again = stage.play(QUICKSTART, **choice)
    assert (again.status, again.counts["changed"]) == (0, 0)
    assert "Nothing to do." in again.output


def test_an_unknown_provider_is_refused_with_the_known_ones(stage: Stage, tmp_path: Path) -> None:
    folder = tmp_path / "try"
    played = stage.play(QUICKSTART, filedrop_quickstart_folder=str(folder), filedrop_quickstart_provider="bilit")
    assert played.status != 0
    assert "unknown provider 'bilit'. Use one of: amili, billit, amili_api." in played.output
    assert not folder.exists()
