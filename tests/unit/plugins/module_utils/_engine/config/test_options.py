# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config import options as read
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError
from support.summer_time import seconds_in_oslo


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0),
        (500, 500),
        ("500", 500),
        (" 500 ", 500),
        ("500K", 500 * 1024),
        ("500M", 500 * 1024**2),
        ("500MiB", 500 * 1024**2),
        ("500mb", 500 * 1024**2),
        ("1.5G", 3 * 1024**3 // 2),
        ("2 T", 2 * 1024**4),
    ],
)
def test_sizes_are_bytes_or_a_number_with_a_unit_of_1024(value: object, expected: int) -> None:
    assert read.size(value, name="min_free") == expected


@pytest.mark.parametrize(
    "value", [-1, "-1", "", "M", "5X", "5 000", True, 1.5, "1e9", [1], None, 2**63, "8388608T", "9" * 5000]
)
def test_what_is_no_size_is_refused_with_its_name_and_value(value: object) -> None:
    with pytest.raises(InputError) as caught:
        read.size(value, name="min_free")
    assert caught.value.finding.startswith(f"min_free: {read.abbreviated(value)} is ")
    assert "Set min_free to" in caught.value.way_out


@pytest.mark.parametrize(
    ("value", "kind"), [({"a": 1}, "a dictionary"), (7, "an integer"), (True, "a boolean"), (1.5, "a number")]
)
def test_a_list_of_texts_refuses_other_types_and_names_the_type(value: object, kind: str) -> None:
    with pytest.raises(InputError, match=f"src: the value must be text or a list of texts, but is {kind}: "):
        read.strings({"src": value}, "src")
    with pytest.raises(InputError, match=f"src, entry 2: the value must be text, but is {kind}: "):
        read.strings({"src": ["/a", value]}, "src")


@pytest.mark.parametrize("entry", ["", "  ", "a\0b"])
def test_a_list_of_texts_refuses_empty_entries(entry: str) -> None:
    with pytest.raises(InputError, match="include, entry 2: "):
        read.strings({"include": ["*", entry]}, "include")


def test_a_list_may_be_one_text_or_not_given_or_empty() -> None:
    assert read.strings({"include": "a,b"}, "include") == ("a,b",)
    assert read.strings({}, "include") is None
    assert read.strings({"include": []}, "include") == ()


def test_a_pattern_with_a_slash_would_never_match_and_is_refused() -> None:
    with pytest.raises(InputError, match=r"exclude: 'old/\*' contains a /"):
        read.patterns({"exclude": ["old/*"]}, "exclude")


def test_paths_are_absolute_after_the_home_folder_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    assert read.absolute("~/out", name="src") == "/home/ann/out"
    assert read.absolute("/srv//a/./b/", name="src") == "/srv/a/b"
    assert read.absolute("/", name="src") == "/"


ODD = ["/a\0b", "/a\nb", "/a\r", "/a\tb", "/a\x1b[2J", "/a\x7f", "/a\x85b", "/a\u2028b", "/a\u2029b"]


@pytest.mark.parametrize("value", ODD)
def test_control_characters_are_refused_in_every_path(value: str) -> None:
    for reader in (read.local_path, read.remote_folder):
        with pytest.raises(InputError, match=r"path: .* contains a") as caught:
            reader({"path": value}, "path")
        assert caught.value.finding.isprintable()


@pytest.mark.parametrize(
    "value",
    ["out", "./out", "~nobody-of-that-name/out", "$HOME/out", "/a\udcff", "/srv/a/../b", "/..", "~/../b", *ODD],
)
def test_other_paths_are_refused(value: str) -> None:
    with pytest.raises(InputError) as caught:
        read.absolute(value, name="dest")
    assert caught.value.finding.startswith(f"dest: {value!r} ")


@pytest.mark.parametrize(
    ("value", "folder"), [("input", "input"), ("input//", "input"), ("/", "/"), ("//", "/"), (".", ".")]
)
def test_remote_folders_lose_their_trailing_slashes(value: str, folder: str) -> None:
    assert read.remote_folder({"remote_dir": value}, "remote_dir") == folder


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), True, "soon", "1e3", [], -0.5, 86401, "-1", 10**400, "9" * 400]
)
def test_numbers_are_finite_and_in_range(value: object) -> None:
    with pytest.raises(InputError, match="settle: "):
        read.number({"settle": value}, "settle", 5.0, low=0, high=86400)


def test_numbers_may_be_written_as_text_and_keep_their_bounds() -> None:
    assert read.number({"settle": "2.5"}, "settle", 5.0, low=0, high=86400) == 2.5
    assert read.number({"settle": 0}, "settle", 5.0, low=0, high=86400) == 0
    assert read.number({}, "settle", 5.0, low=0, high=86400) == 5.0
    with pytest.raises(InputError, match="timeout: 0 is out of range"):
        read.number({"timeout": 0}, "timeout", 30.0, low=0, high=86400, above=True)


@pytest.mark.parametrize("value", ["x" * 1_000_000, "x" * 1_000_000 + "@"])
def test_a_long_value_is_cut_in_the_error_and_takes_no_long_time(value: str) -> None:
    with pytest.raises(InputError) as caught:
        read.integer({"port": value}, "port", 22, low=1, high=65535)
    assert len(str(caught.value)) < 500


def test_a_secret_of_a_wrong_type_is_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        read.text({"password": 428801}, "password", secret=True)
    assert "428801" not in str(caught.value)
    assert "password: the value must be text, but is an integer." in str(caught.value)


@pytest.mark.parametrize("value", ["a", "0", "amili_1", "a" * 63])
def test_labels(value: str) -> None:
    assert read.label(value, name="account") == value


@pytest.mark.parametrize("value", ["", "_a", "A", "a-b", "a b", "a" * 64, "é", "a\n", 7, None])
def test_what_is_no_label_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"account: .*lower-case letters"):
        read.label(value, name="account")


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-11-30", "2026-11-30 00:00:00"),
        ("2026-07-01", "2026-07-01 00:00:00"),
        ("2026-03-29", "2026-03-29 00:00:00"),
        (" 2026-11-30T18:00:00+01:00 ", "2026-11-30 18:00:00"),
        ("2026-11-30T17:00:00Z", "2026-11-30 18:00:00"),
        ("2026-11-30 17:00:00 +00:00", "2026-11-30 18:00:00"),
        ("2026-11-30T13:30-0330", "2026-11-30 18:00:00"),
        ("2026-11-30T18:00+01", "2026-11-30 18:00:00"),
    ],
)
@pytest.mark.usefixtures("in_oslo")
def test_a_moment_is_a_local_day_or_a_time_with_its_zone(written: str, moment: str) -> None:
    frame = read.time_frame({"modified_from": written}, "modified_from", "modified_to")
    assert frame == (seconds_in_oslo(moment) * SECOND, None)


def test_a_fraction_of_a_second_is_kept() -> None:
    frame = read.time_frame({"modified_to": "1970-01-01T00:00:01.25Z"}, "modified_from", "modified_to")
    assert frame == (None, 1_250_000_000)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("2026-11-31", "not in the calendar"),
        ("2026-11-30T25:00:00Z", "not in the calendar"),
        ("2026-11-30T18:00:00+25:00", "not in the calendar"),
        ("0001-01-01", "not in the calendar"),
        ("2026-11-30T18:00:00", "has no time zone"),
        ("2026-11-30 18:00", "has no time zone"),
        ("30.11.2026", "neither a date nor a time"),
        ("yesterday", "neither a date nor a time"),
        ("20261130", "neither a date nor a time"),
        ("2026-11-30T18:00:00 Europe/Oslo", "neither a date nor a time"),
        ("", "the value is empty"),
        (20261130, "must be text"),
    ],
)
def test_what_is_no_moment_is_refused_with_its_name_and_value(value: object, why: str) -> None:
    with pytest.raises(InputError, match=f"modified_to.*{why}"):
        read.time_frame({"modified_to": value}, "modified_from", "modified_to")


@pytest.mark.parametrize(("start", "end"), [("2026-12-01", "2026-11-01"), ("2026-11-01", "2026-11-01")])
def test_a_frame_that_is_reversed_or_empty_is_refused(start: str, end: str) -> None:
    with pytest.raises(InputError, match=r"modified_from: '.*' is not before modified_to"):
        read.time_frame({"modified_from": start, "modified_to": end}, "modified_from", "modified_to")


def test_the_end_of_a_frame_is_not_in_it() -> None:
    frame = read.TimeFrame(10, 20)
    assert [frame.includes(time) for time in (9, 10, 19, 20, None)] == [False, True, True, False, False]
    assert read.TimeFrame().includes(None)
