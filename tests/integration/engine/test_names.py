# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of files: whatever both sides allow arrives unchanged, and what is refused holds nothing else up."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.desk import Desk, assert_delivered, digests, outcomes
from support.sshd import SshServer

ODD = {
    "spaces": " a  b .xml ",
    "single_quote": "it's.xml",
    "double_quote": 'say "hi".xml',
    "backquote": "`id`.xml",
    "dollar": "$(id) $HOME ${x}.xml",
    "shell": "a;b&c|d<e>f(g)h!i.xml",
    "glob": "*?[a-z]{b,c}.xml",
    "backslash": "a\\b\\n.xml",
    "hash_and_tilde": "~root#1.xml",
    "percent": "%s%n%00.xml",
    "braces": "{random}{name}.xml",
    "colon": "host:file.xml",
    "comma": "a,b.xml",
    "leading_dash": "-rf.xml",
    "only_dashes": "--",
    "hidden": ".hidden.xml",
    "three_dots": "...",
    "norwegian": "faktura-æøå-2026.xml",
    "decomposed": "faktura-a\u030a.xml",
    "greek_and_chinese": "λογαριασμός-发票.xml",
    "emoji": "📄 kvittering.xml",
    "no_break_space": "a\u00a0b.xml",
    "255_ascii_bytes": "a" * 251 + ".xml",
    "255_utf8_bytes": "é" * 125 + "a.xml",
    "255_bytes_of_extension": "." + "b" * 254,
}


@pytest.mark.parametrize("upload", ["rename", "direct"])
def test_odd_names_arrive_unchanged(desk: Desk, sshd: SshServer, upload: str) -> None:
    for name in ODD.values():
        (desk.outbox / name).write_bytes(name.encode())
    sent = digests(desk.outbox)
    assert_delivered(desk.drop_off(upload=upload), ODD.values())
    assert digests(sshd.input) == sent
    assert digests(desk.archive) == sent


def test_odd_names_are_fetched_unchanged(desk: Desk, sshd: SshServer) -> None:
    for name in ODD.values():
        sshd.put(name, name.encode())
    there = digests(sshd.pickup)
    assert_delivered(desk.pick_up(), ODD.values())
    assert digests(desk.inbox) == there
    assert digests(sshd.pickup) == {}


@pytest.mark.parametrize("name", ["{name}.tmp", "{stem}-{random}", "{random}"])
def test_the_longest_name_fits_any_temporary_pattern(desk: Desk, sshd: SshServer, name: str) -> None:
    longest = "æ" * 125 + "a.xml"
    (desk.outbox / longest).write_bytes(b"whole")
    assert_delivered(desk.drop_off(temp_name=name), [longest])
    assert digests(sshd.input).keys() == {longest}


@pytest.mark.parametrize("raw", [b"latin-\xe9.xml", b"line\nbreak.xml", b"bell\x07.xml", b"\xc2\x9b31m.xml"])
def test_a_name_that_cannot_be_shown_is_refused_and_the_others_come(desk: Desk, sshd: SshServer, raw: bytes) -> None:
    for folder in (desk.outbox, sshd.pickup):
        (folder / "good.xml").write_bytes(b"good")
        Path(os.fsdecode(os.path.join(os.fsencode(folder), raw))).write_bytes(b"odd")
    for result, side in ((desk.drop_off(), desk.outbox), (desk.pick_up(), sshd.pickup)):
        assert result.error is None
        assert outcomes(result) == {"good.xml": ("delivered", ""), os.fsdecode(raw): ("failed", "name_refused")}
        refused = result.outcomes[0].as_dict()
        assert refused["name"].isprintable()
        assert refused["message"].isprintable()
        assert "Rename it" in refused["message"]
        assert os.fsencode(side) + b"/" + raw in [os.fsencode(path) for path in side.iterdir()]
    assert digests(sshd.input).keys() == digests(desk.inbox).keys() == {"good.xml"}


def test_folders_links_and_unfinished_files_are_left_alone(desk: Desk, sshd: SshServer) -> None:
    secret = desk.ledger.parent / "secret"
    secret.write_bytes(b"secret")
    (desk.outbox / "link.xml").symlink_to(secret)
    (desk.outbox / "folder").mkdir()
    os.mkfifo(desk.outbox / "pipe.xml")
    (desk.outbox / "half.xml.part").write_bytes(b"half")
    (desk.outbox / "good.xml").write_bytes(b"good")
    dropped = desk.drop_off()
    assert_delivered(dropped, ["good.xml"])
    assert [note.partition(":")[0] for note in dropped.notes] == ["Left alone in `src`"]
    assert digests(sshd.input).keys() == {"good.xml"}

    (sshd.pickup / "link.xml").symlink_to("/etc/passwd")
    sshd.give(sshd.pickup / "link.xml")
    (sshd.pickup / "folder").mkdir()
    for name in ("half.xml.part", "half.filepart", "HALF.TMP", "good.xml"):
        sshd.put(name, b"content")
    fetched = desk.pick_up()
    assert_delivered(fetched, ["good.xml"])
    assert [note.partition(":")[0] for note in fetched.notes] == ["Left alone in `remote_dir`"]
    assert desk.pick_up(include=["*.txt"]).notes == []
    assert digests(desk.inbox).keys() == {"good.xml"}
    left = {path.name for path in sshd.pickup.iterdir()}
    assert left == {"link.xml", "folder", "half.xml.part", "half.filepart", "HALF.TMP"}


def test_files_that_want_the_same_name_at_the_same_time_get_one_each(desk: Desk, sshd: SshServer) -> None:
    (desk.inbox / "report.xml").write_bytes(b"old")
    contents = {"report.xml": b"one", "report.2.xml": b"two", "report.3.xml": b"three"}
    for name, content in contents.items():
        sshd.put(name, content)
    result = desk.pick_up()
    assert_delivered(result, contents)
    assert {one.name: Path(one.local_path).read_bytes() for one in result.outcomes} == contents
    assert (desk.inbox / "report.xml").read_bytes() == b"old"


def test_a_taken_name_is_never_overwritten(desk: Desk, sshd: SshServer) -> None:
    longest = "n" * 251 + ".xml"
    for name in ("report.xml", longest):
        (desk.inbox / name).write_bytes(b"old")
        sshd.put(name, b"new")
    (desk.inbox / "report.2.xml").write_bytes(b"old")
    result = desk.pick_up()
    assert_delivered(result, ["report.xml", longest])
    placed = {one.name: Path(one.local_path).name for one in result.outcomes}
    assert placed == {"report.xml": "report.3.xml", longest: "n" * 249 + ".2.xml"}
    for name in ("report.xml", "report.2.xml", longest):
        assert (desk.inbox / name).read_bytes() == b"old"
    for name in placed.values():
        assert (desk.inbox / name).read_bytes() == b"new"

    sshd.put("report.xml", b"theirs", folder="input")
    (desk.outbox / "report.xml").write_bytes(b"ours")
    (desk.outbox / "other.xml").write_bytes(b"other")
    for upload in ("direct", "rename"):
        dropped = desk.drop_off(upload=upload)
        assert dropped.error is None
        assert outcomes(dropped)["report.xml"] == ("waiting", "name_taken")
        assert (sshd.input / "report.xml").read_bytes() == b"theirs"
        assert (desk.outbox / "report.xml").read_bytes() == b"ours"
        assert {path.name for path in sshd.input.iterdir()} == {"report.xml", "other.xml"}
    (sshd.input / "report.xml").unlink()
    assert_delivered(desk.drop_off(), ["report.xml"])
    assert (sshd.input / "report.xml").read_bytes() == b"ours"


@pytest.mark.parametrize(
    "name",
    [
        ".filedrop-report.xml",
        ".filedrop-claim-report.xml",
        ".filedrop-0123456789ab-0123.part",
        ".filedrop-",
        ".filedrop-x",
    ],
)
@pytest.mark.parametrize("include", [[], [".filedrop-*"]])
def test_a_name_like_those_of_our_own_files_is_never_moved(
    desk: Desk, sshd: SshServer, name: str, include: list[str]
) -> None:
    """It stays where it is, on either side. The others come."""
    for folder in (desk.outbox, sshd.pickup):
        (folder / name).write_text("x")
        (folder / "other.xml").write_text("y")
    for result in (desk.pick_up(include=[*include, "*"]), desk.drop_off(include=[*include, "*"])):
        found = outcomes(result)
        assert found.pop("other.xml")[0] == "delivered"
        assert found in ({}, {name: ("failed", "name_refused")})
    assert digests(sshd.pickup).keys() == {name}
    assert digests(desk.outbox).keys() == {name}
    assert [list(digests(folder)) for folder in (desk.inbox, sshd.input)] == [["other.xml"]] * 2


@pytest.mark.parametrize("name", ["a\u202efdp.xml", "a\u200d.xml", "a\u2028b.xml"])
def test_a_name_with_format_characters_is_moved_and_told_escaped(desk: Desk, sshd: SshServer, name: str) -> None:
    (sshd.pickup / name).write_text("x")
    result = desk.pick_up()
    assert_delivered(result, [name])
    assert result.outcomes[0].as_dict()["name"] == name
    (desk.inbox / name).rename(desk.outbox / name)
    (sshd.input / name).write_text("taken")
    (outcome,) = desk.drop_off().outcomes
    assert outcome.reason == "name_taken"
    assert outcome.message.isprintable()
