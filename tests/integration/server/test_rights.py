# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an account may do and what it may not, with the stock clients sftp, lftp and curl."""

from __future__ import annotations

import os
import subprocess

import pytest

from .conftest import PASSWORD, DropBox
from .early_client import OverFtp, OverSftp


def test_the_here_documents_of_the_guide_work(box: DropBox) -> None:
    (box.folder / "invoices-2026-04-10.xml").write_text("invoices")
    box.place("report", "2001234", "pickup", "report-2026-04-10.xml")

    box.sftp(f"cd input\nput {box.folder}/invoices-2026-04-10.xml\n")
    listed = box.sftp("ls pickup/\n")
    box.sftp(f"get pickup/report-2026-04-10.xml {box.folder}/report.xml\nrm pickup/report-2026-04-10.xml\n")

    received = box.root / "2001234" / "input" / "invoices-2026-04-10.xml"
    assert received.read_text() == "invoices"
    assert (received.stat().st_mode & 0o777, received.group()) == (0o440, "filedrop-server")
    assert "pickup/report-2026-04-10.xml" in listed.stdout
    assert (box.folder / "report.xml").read_text() == "report"
    assert not (box.root / "2001234" / "pickup" / "report-2026-04-10.xml").exists()


@pytest.mark.parametrize(
    ("line", "refusal"),
    [
        ("put new pickup/new", "denied"),
        ("put new new", "denied"),
        ("get input/there got", "denied"),
        ("put new input/there", "denied"),
        ("reput longer input/there", "denied"),
        ("rename input/moving input/there", "rename"),
        ("rename -l input/moving input/there", "rename"),
        ("rename pickup/report input/report", "denied"),
        ("rename pickup/report pickup/other", "denied"),
        ("rename input/moving pickup/moving", "denied"),
        ("ln -s /etc/passwd input/link", "denied"),
        ("ln input/there input/hard", "denied"),
        ("ln -s /etc/passwd pickup/link", "denied"),
        ("chmod 777 pickup/report", "denied"),
        ("mkdir input/folder", "denied"),
        ("mkdir folder", "denied"),
        ("rmdir pickup", "denied"),
        ("get pickup/out got", "not found|No such|denied"),
        ("get pickup/outside/secret got", "not found|No such|denied"),
        ("get ../2005678/pickup/other got", "not found|No such"),
        ("get /etc/passwd got", "not found|No such"),
        (r'put new "input/a\"b"', "denied|failure"),
    ],
)
def test_over_sftp_all_else_is_refused(box: DropBox, line: str, refusal: str) -> None:
    for name in ("new", "longer"):
        (box.folder / name).write_text("something else " + name)
    (box.folder / "got").unlink(missing_ok=True)
    for name in ("there", "moving"):
        box.place("first", "2001234", "input", name)
    box.place("report", "2001234", "pickup", "report")
    box.place("another account's", "2005678", "pickup", "other")
    pickup = box.root / "2001234" / "pickup"
    for name, target in (("out", "/etc/passwd"), ("outside", str(box.root / "2005678"))):
        if not (pickup / name).is_symlink():
            (pickup / name).symlink_to(target)
    before = sorted((str(path), path.lstat().st_mode) for path in box.root.rglob("*"))

    ran = box.sftp(line + "\n")

    words = (ran.stdout + ran.stderr).lower()
    assert any(word.lower() in words for word in refusal.split("|")), words
    assert not (box.folder / "got").exists()
    assert sorted((str(path), path.lstat().st_mode) for path in box.root.rglob("*")) == before
    assert (box.root / "2001234" / "input" / "there").read_text() == "first"


def test_over_sftp_input_shows_nothing_but_a_name_that_is_asked_for(box: DropBox) -> None:
    box.place("first", "2001234", "input", "there")

    ran = box.sftp("ls input\nls -l input/there\nls input/th*\n")

    assert "sftp> ls input\nsftp> " in ran.stdout
    assert ran.stdout.count("input/there") == 2  # the command and its answer


def test_time_and_mode_that_a_client_sets_are_ignored_and_no_failure(box: DropBox) -> None:
    """`put -p` sets them by the handle. WinSCP sets them by the name, and takes a refusal for a failed upload."""
    (box.folder / "kept").write_text("kept")
    os.utime(box.folder / "kept", (1, 1))
    ran = box.sftp("put -p kept input/kept\nchmod 777 input/kept\n")
    received = (box.root / "2001234" / "input" / "kept").stat()
    assert "denied" not in ran.stderr
    assert (received.st_mode & 0o777, received.st_mtime > 1) == (0o440, True)


def test_a_file_that_was_received_cannot_be_cut_by_its_own_account(box: DropBox) -> None:
    client = OverSftp(box, "shop")
    client.upload("input/whole.xml", b"content")
    with pytest.raises(PermissionError):
        client.client.truncate("input/whole.xml", 3)
    client.remove("input/whole.xml")
    client.close()


def test_billit_moves_what_it_has_read_into_its_success_folder_by_day(box: DropBox) -> None:
    (box.folder / "sent").write_text("invoice")
    box.place("document", "billit", "documents", "document.xml")

    lines = "put sent invoices/1.xml\nget documents/document.xml\nmkdir read/2026-11-29\n"
    box.sftp(lines + "rename documents/document.xml read/2026-11-29/document.xml\n", account="billit", key="billit")

    assert (box.root / "billit" / "read" / "2026-11-29" / "document.xml").read_text() == "document"
    assert (box.root / "billit" / "invoices" / "1.xml").read_text() == "invoice"
    assert (
        "denied" in box.sftp("rename read/2026-11-29/document.xml invoices/x\n", account="billit", key="billit").stderr
    )


@pytest.mark.parametrize("protocol", ["ftps", "ftp"])
def test_over_ftp_a_final_name_comes_by_a_rename_only(box: DropBox, protocol: str) -> None:
    folder = box.root / "shop" / "input"
    (box.folder / "new").write_text("new")
    for name in ("invoice.xml", "invoice.xml.part"):
        (folder / name).unlink(missing_ok=True)

    refused = box.curl("input/invoice.xml", "--upload-file", "new", protocol=protocol)
    box.curl("input/invoice.xml.part", "--upload-file", "new", protocol=protocol)
    assert refused.returncode != 0
    assert [path.name for path in folder.glob("invoice*")] == ["invoice.xml.part"]

    rename = ["--quote", "RNFR /input/invoice.xml.part", "--quote", "RNTO /input/invoice.xml"]
    box.curl("pickup/", *rename, protocol=protocol)
    assert (folder / "invoice.xml").read_text() == "new"

    (box.folder / "new").write_text("other")
    box.curl("input/invoice.xml.part", "--upload-file", "new", protocol=protocol)
    over = box.curl("pickup/", *rename, protocol=protocol)
    assert (over.returncode, (folder / "invoice.xml").read_text()) == (21, "new")


def test_ascii_mode_changes_no_byte(box: DropBox) -> None:
    """The default of old clients, which also servers may translate."""
    content = bytes(range(256)) + b"\n\r\n\r"
    (box.emptied("shop").parent / "pickup" / "ascii.bin").write_bytes(content)
    client = OverFtp(box, "shop", "ftp")
    client.ftp.voidcmd("TYPE A")
    client.upload("input/ascii.bin.part", content)
    with client.ftp.transfercmd("RETR pickup/ascii.bin") as data:
        got = data.makefile("rb").read()
    client.close()
    assert (box.root / "shop" / "input" / "ascii.bin.part").read_bytes() == content
    assert got == content


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("input/there", []),
        ("input/", ["--list-only"]),
        ("input/there", ["--upload-file", "new", "--append"]),
        ("pickup/new.part", ["--upload-file", "new"]),
        ("new.part", ["--upload-file", "new"]),
        ("%2f../../etc/passwd", []),
        ("", ["--quote", "MKD /input/folder"]),
        ("", ["--quote", "SITE CHMOD 777 /input/there"]),
        ("", ["--quote", "SITE SYMLINK /etc/passwd /input/link"]),
        ("", ["--quote", "SITE CPFR /input/there", "--quote", "SITE CPTO /pickup/there"]),
    ],
)
def test_over_ftps_all_else_is_refused(box: DropBox, path: str, words: list[str]) -> None:
    (box.folder / "new").write_text("new")
    box.place("first", "shop", "input", "there")
    ran = box.curl(path, *words)
    assert ran.returncode != 0, ran.stdout
    assert not ran.stdout
    assert (box.root / "shop" / "input" / "there").read_text() == "first"


def test_lftp_takes_what_is_placed_and_sends_by_a_temporary_name(box: DropBox) -> None:
    (box.folder / "lftp.xml").write_text("sent")
    box.place("report", "shop", "pickup", "for-lftp.xml")
    script = (
        f"set ssl:ca-file {box.configuration}/certificate.pem; set ftp:ssl-force true; set ssl:check-hostname false;"
        "set xfer:use-temp-file yes; set xfer:temp-file-name *.part; set net:max-retries 1;"
        f"open -u 'shop,{PASSWORD}' ftp://127.0.0.1:{box.ports['ftps']};"
        "put -O input lftp.xml; get pickup/for-lftp.xml; rm pickup/for-lftp.xml"
    )
    ran = subprocess.run(
        ["lftp", "-c", script], cwd=box.folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert (box.root / "shop" / "input" / "lftp.xml").read_text() == "sent"
    assert (box.folder / "for-lftp.xml").read_text() == "report"


def test_the_log_has_an_object_for_each_transfer(box: DropBox) -> None:
    box.place("report", "2001234", "pickup", "logged.xml")
    box.sftp("get pickup/logged.xml\nrm pickup/logged.xml\n")
    seen = [line for line in box.transfers() if line["path"].endswith("/2001234/pickup/logged.xml")]
    assert [(line["account"], line["command"], line["status"]) for line in seen] == [
        ("2001234", "RETR", "226"),
        ("2001234", "DELE", "250"),
    ]
