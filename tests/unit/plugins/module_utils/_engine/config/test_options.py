# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config import options as read
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError


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


def test_a_long_value_is_cut_in_the_error() -> None:
    with pytest.raises(InputError) as caught:
        read.integer({"port": "x" * 100_000}, "port", 22, low=1, high=65535)
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
