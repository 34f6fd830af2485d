# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import FiledropError, TransferError
from ansible_collections.courier.filedrop.plugins.module_utils._engine.local import names

NOT_UTF_8 = os.fsdecode(b"caf\xe9.xml")


@pytest.mark.parametrize(
    "name",
    [
        "report.xml",
        " leading and trailing ",
        "-rf",
        "'; rm -rf $HOME `id` \"&|<>*?\\",
        "...",
        "..report",
        ".hidden",
        "Überweisung.xml",
        "日本語.csv",
        "e\N{COMBINING ACUTE ACCENT}.xml",
        "\N{FILE FOLDER}",
        "a" * 255,
        "ü" * 127 + "x",
    ],
)
def test_what_can_only_mean_one_file_is_accepted(name: str) -> None:
    names.check_name(name)
    assert len(name.encode()) <= 255


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is not the name of a file"),
        (".", "it is not the name of a file"),
        ("..", "it is not the name of a file"),
        ("a/b", "path separator"),
        ("/etc/passwd", "path separator"),
        ("../up", "path separator"),
        (".filedrop-report.xml", "own temporary files"),
        (".filedrop-claim-vm-0123-0-a.xml.part", "own temporary files"),
        ("a/", "path separator"),
        ("nul\0.xml", "control character"),
        ("line\nbreak", "control character"),
        ("tab\t", "control character"),
        ("escape\x1b[2J", "control character"),
        ("delete\x7f", "control character"),
        ("next\x85line", "control character"),
        (NOT_UTF_8, "not UTF-8"),
        ("a" * 256, "256 bytes, but at most 255 are allowed"),
        ("ü" * 128, "256 bytes"),
        ("x" * 100_000, "100000 bytes"),
    ],
)
def test_anything_else_is_refused_with_the_name_the_reason_and_a_way_out(name: str, why: str) -> None:
    with pytest.raises(TransferError) as caught:
        names.check_name(name)
    assert caught.value.reason == "name_refused"
    assert why in caught.value.finding
    assert names.shown(name[:10]) in caught.value.finding.replace("\\\\", "\\")
    assert len(caught.value.finding) < 500
    assert caught.value.way_out


def test_a_refusal_can_be_printed_whatever_the_name() -> None:
    with pytest.raises(TransferError) as caught:
        names.check_name(NOT_UTF_8 + "\x1b]0;title\x07")
    assert str(caught.value).isprintable()
    str(caught.value).encode("utf-8")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain ü 日", "plain ü 日"),
        (NOT_UTF_8, "caf\\xe9.xml"),
        ("\x00\n\x1b\x7f\x85", "\\x00\\x0a\\x1b\\x7f\\x85"),
    ],
)
def test_what_is_not_fit_to_print_is_shown_escaped(name: str, shown: str) -> None:
    assert names.shown(name) == shown


@pytest.mark.parametrize(
    "name",
    ["a.part", "a.xml.tmp", "A.PART", "a.filepart", "a.partial", "a.temp", "a.inprocess", "a.uploading", ".part"],
)
def test_what_senders_give_to_unfinished_files_is_known(name: str) -> None:
    assert names.is_temporary(name)


@pytest.mark.parametrize("name", ["part", "a.part.xml", "apart", "a.tmpl", "temp", "a.tmp "])
def test_other_names_are_not_taken_for_unfinished(name: str) -> None:
    assert not names.is_temporary(name)


@pytest.mark.parametrize(
    ("name", "second"),
    [
        ("report.xml", "report.2.xml"),
        ("report", "report.2"),
        ("report.tar.gz", "report.tar.2.gz"),
        (".hidden", ".hidden.2"),
        ("report.2.xml", "report.2.2.xml"),
        ("report.", "report.2."),
        ("日本.csv", "日本.2.csv"),
    ],
)
def test_another_version_keeps_its_extension(name: str, second: str) -> None:
    assert names.version(name, 2) == second


@pytest.mark.parametrize("number", [2, 10, 99_999])
@pytest.mark.parametrize(
    "name",
    [
        "a" * 255,
        "a" * 251 + ".xml",
        "ü" * 125 + "a.xml",
        "a" + "ü" * 125 + ".xml",
        "\N{FILE FOLDER}" * 62 + "ab.xml",
        "a." + "x" * 253,
        "a" * 10 + "." + "ü" * 122,
        "." + "x" * 254,
        "a." + "x" * 249,
        "日." + "x" * 247,
    ],
)
def test_another_version_is_never_too_long_and_never_the_same(name: str, number: int) -> None:
    found = names.version(name, number)
    names.check_name(found)
    assert found != name
    assert f".{number}" in found
    assert len({names.version(name, other) for other in range(2, 50)}) == 48


def test_a_long_stem_is_cut_and_its_extension_kept() -> None:
    assert names.version("a" * 251 + ".xml", 2) == "a" * 249 + ".2.xml"
    # 249 bytes are free, and half a letter is none.
    assert names.version("ü" * 125 + "a.xml", 2) == "ü" * 124 + ".2.xml"
    assert names.version("a." + "x" * 253, 2) == "a." + "x" * 251 + ".2"


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [
        ("abc", 3, "abc"),
        ("abc", 2, "ab"),
        ("aü", 2, "a"),
        ("aü", 3, "aü"),
        ("日本", 5, "日"),
        ("\N{FILE FOLDER}", 3, ""),
        ("abc", 0, ""),
    ],
)
def test_a_text_is_cut_between_letters(text: str, length: int, expected: str) -> None:
    assert names.cut(text, length) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (".{random}.part", r"\.[0-9a-f]{8}\.part"),
        ("{name}.{random}.tmp", r"report\.xml\.[0-9a-f]{8}\.tmp"),
        ("{stem}-{random}", r"report-[0-9a-f]{8}"),
        ("{name}.filepart", r"report\.xml\.filepart"),
    ],
)
def test_a_temporary_name_follows_its_pattern(pattern: str, expected: str) -> None:
    assert re.fullmatch(expected, names.temporary(pattern, "report.xml"))


@pytest.mark.parametrize("pattern", ["{name}.{random}.tmp", "{stem}.{random}.tmp", "ü{name}", "{random}" + "l" * 100])
@pytest.mark.parametrize("name", ["a" * 255, "ü" * 127 + "x", "a." + "x" * 253, "\N{FILE FOLDER}" * 63])
def test_a_temporary_name_is_never_too_long(pattern: str, name: str) -> None:
    found = names.temporary(pattern, name)
    names.check_name(found)
    assert found.endswith(pattern.rpartition("}")[2])


def test_temporary_names_of_the_same_file_differ() -> None:
    assert len({names.temporary(".{random}.part", "a") for _name in range(100)}) == 100


@pytest.mark.parametrize("name", ["report.xml", "{braces}.xml", "a" * 255, "ü" * 127])
def test_a_claim_says_whose_it_is_and_is_taken_for_no_whole_file(name: str) -> None:
    claim = names.claim("0123", name)
    assert len(claim.encode()) <= 255
    assert names.is_claim(claim)
    assert names.is_temporary(claim)
    assert claim != names.claim("0123", name)
    assert os.uname().nodename.partition(".")[0][:32] in claim
    assert names.is_claim_of("0123", claim)
    assert not names.is_claim_of("4567", claim)
    assert not names.is_claim(name)


HIDDEN = {
    "direction": "a\u202excod.exe",
    "isolate": "a\u2066b\u2069",
    "no width": "a\u200bb\u200d\ufeff",
    "soft hyphen": "a\xadb",
    "line": "a\u2028b",
    "paragraph": "a\u2029b",
    "tag": "a\U000e0041",
    "private": "a\ue000",
}


@pytest.mark.parametrize("name", HIDDEN.values(), ids=HIDDEN)
def test_format_characters_are_escaped_for_people_and_kept_as_data(name: str) -> None:
    names.check_name(name)
    for told in (names.shown(name), names.quoted(name), str(FiledropError("reason", name, name))):
        assert told.isprintable()
        assert "\\" in told
    assert names.as_data(name) == name


@pytest.mark.parametrize("name", ["a\nb", "a\udcff", "a\x85"])
def test_what_no_file_of_ours_can_be_called_is_escaped_as_data_too(name: str) -> None:
    assert names.as_data(name).isprintable()
    names.as_data(name).encode("utf-8")


@pytest.mark.parametrize("name", ["a b.xml", "ü€漢字🙂.xml", "a\xa0b", "back\\slash"])
def test_other_names_are_shown_as_they_are(name: str) -> None:
    assert names.shown(name) == names.as_data(name) == name
