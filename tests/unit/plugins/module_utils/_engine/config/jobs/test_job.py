# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.accounts.presets import (
    Preset,
    preset_named,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.config.jobs.job import (
    Dropoff,
    ListingJob,
    Pickup,
    Share,
    dropoff_from_options,
    folders_from_options,
    listing_from_options,
    pickup_from_options,
)
from ansible_collections.courier.filedrop.plugins.module_utils._engine.errors import InputError

NONE = Preset()
AMILI = preset_named("amili_sftp")


def dropoff(**options: object) -> Dropoff:
    return dropoff_from_options({"src": "/srv/out", "remote_dir": "in", **options}, NONE)


def pickup(**options: object) -> Pickup:
    return pickup_from_options({"dest": "/srv/in", "remote_dir": "out", **options}, NONE)


def refusal(make: object, **options: object) -> InputError:
    with pytest.raises(InputError) as caught:
        make(**options)  # type: ignore[operator]
    assert caught.value.way_out
    return caught.value


def test_a_dropoff_with_nothing_but_its_folders_has_the_defaults() -> None:
    assert dropoff() == Dropoff(name="dropoff:/srv/out", sources=("/srv/out",), remote_dir="in")
    assert dropoff().direction == "dropoff"


def test_a_pickup_with_nothing_but_its_folders_has_the_defaults() -> None:
    assert pickup() == Pickup(name="pickup:out > /srv/in", dest="/srv/in", remote_dir="out")
    assert pickup().min_free == 104857600
    assert pickup().direction == "pickup"


def test_none_means_not_given() -> None:
    options = dict.fromkeys(("include", "settle", "upload", "temp_name", "after", "archive_dir", "max_bytes", "empty"))
    assert dropoff(**options) == dropoff()


def test_everything_given_for_a_dropoff() -> None:
    job = dropoff_from_options(
        {
            "src": ["/srv/a", "/srv/b/"],
            "remote_dir": "in/",
            "include": ["*.xml"],
            "exclude": ["~*"],
            "settle": 0,
            "upload": "direct",
            "temp_name": "{stem}.{random}.tmp",
            "after": "delete",
            "archive_dir": "/srv/done",
            "ambiguous": "resend",
            "empty": "refuse",
            "max_files": 10,
            "max_bytes": "500M",
            "max_results": 0,
        },
        NONE,
        name="invoices",
    )
    assert job == Dropoff(
        name="invoices",
        sources=("/srv/a", "/srv/b"),
        remote_dir="in",
        include=("*.xml",),
        exclude=("~*",),
        settle=0.0,
        upload="direct",
        temp_name="{stem}.{random}.tmp",
        after="delete",
        archive_dir="/srv/done",
        ambiguous="resend",
        empty="refuse",
        max_files=10,
        max_bytes=500 * 1024**2,
        max_results=0,
    )


def test_everything_given_for_a_pickup() -> None:
    job = pickup(
        after="move", move_dir="done", verify="reread", on_duplicate="hold", min_free=0, empty="skip", include="*.csv"
    )
    assert (job.after, job.move_dir, job.verify, job.on_duplicate) == ("move", "done", "reread", "hold")
    assert (job.min_free, job.empty, job.include) == (0, "skip", ("*.csv",))


@pytest.mark.parametrize("move_dir", ["done/{day}", "{Date}", "done/{}", "{date}/{name}"])
def test_a_placeholder_that_is_unknown_is_refused(move_dir: str) -> None:
    assert "unknown placeholder" in refusal(pickup, after="move", move_dir=move_dir).finding


@pytest.mark.parametrize(
    ("move_dir", "path", "expected"),
    [
        ("out/done", "out/done", True),
        ("out/done/{date}", "out/done", True),
        ("out/{date}", "out/2026-11-30", True),
        ("out/{date}/all", "out/2026-11-30", True),
        ("out/{date}", "out/{date}", False),
        ("out/done", "out/don", False),
        ("out/done", "out/done2", False),
        ("done", "out/done", False),
    ],
)
def test_the_folders_of_all_days_are_known(move_dir: str, path: str, expected: bool) -> None:
    assert pickup(after="move", move_dir=move_dir).is_move_dir(path) is expected


def test_a_preset_fills_in_and_an_explicit_option_beats_it() -> None:
    job = dropoff_from_options({"src": "/srv/out"}, AMILI)
    assert (job.remote_dir, job.upload) == ("input", "direct")
    job = dropoff_from_options({"src": "/srv/out", "remote_dir": "test/input", "upload": "rename"}, AMILI)
    assert (job.remote_dir, job.upload) == ("test/input", "rename")
    assert pickup_from_options({"dest": "/srv/in"}, AMILI).remote_dir == "pickup"


def test_a_preset_s_values_are_validated_too() -> None:
    with pytest.raises(InputError, match="upload: 'sideways'"):
        dropoff_from_options(
            {"src": "/srv/out"}, Preset(name="own", dropoff={"remote_dir": "in", "upload": "sideways"})
        )


def test_commas_and_odd_characters_in_src_survive() -> None:
    assert dropoff(src="/srv/a,b $x 'q'").sources == ("/srv/a,b $x 'q'",)
    assert dropoff(src=["/srv/a", "/srv/a/", "/srv/b"]).sources == ("/srv/a", "/srv/b")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "src: this option is missing."),
        ([], "src: [] contains nothing to send."),
        ("", "src, entry 1: '' is empty"),
        (["/a", " "], "src, entry 2: ' ' is empty"),
        ("outbox", "src: 'outbox' is not an absolute path."),
        (["/a", "b"], "src: 'b' is not an absolute path."),
        ({"path": "/a"}, "src: the value must be text or a list of texts, but is a dictionary: {'path': ...}."),
        (7, "src: the value must be text or a list of texts, but is an integer: 7."),
        (["/a", 7], "src, entry 2: the value must be text, but is an integer: 7."),
        (True, "src: the value must be text or a list of texts, but is a boolean: True."),
    ],
)
def test_src_says_what_was_found(value: object, found: str) -> None:
    assert refusal(dropoff, src=value).finding.startswith(found)


@pytest.mark.parametrize("make", [dropoff, pickup])
@pytest.mark.parametrize(
    "options",
    [
        {"settle": -1},
        {"settle": "soon"},
        {"after": "burn"},
        {"empty": True},
        {"max_files": 0},
        {"max_files": "many"},
        {"max_bytes": 0},
        {"max_bytes": "5X"},
        {"max_results": -1},
        {"max_results": 100_001},
        {"include": ["a/b"]},
        {"include": []},
        {"exclude": ["a/b"]},
    ],
    ids=str,
)
def test_bad_values_are_refused_with_name_and_value(make: object, options: dict[str, object]) -> None:
    ((name, value),) = options.items()
    value = value[0] if isinstance(value, list) and value else value
    error = refusal(make, **options)
    assert error.reason == "option_invalid"
    assert error.finding.startswith(f"{name}: {value!r} ")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (dropoff, "upload"),
        (dropoff, "ambiguous"),
        (dropoff, "after"),
        (pickup, "after"),
        (pickup, "verify"),
        (pickup, "on_duplicate"),
        (pickup, "empty"),
    ],
)
def test_choices_are_listed_when_another_is_given(make: object, name: str) -> None:
    error = refusal(make, **{name: "other"})
    assert error.finding == f"{name}: 'other' is not a valid value."
    assert error.way_out.startswith(f"Set {name} to one of: ")


@pytest.mark.parametrize(("make", "after"), [(dropoff, "move"), (pickup, "archive")])
def test_the_two_directions_have_their_own_afters(make: object, after: str) -> None:
    assert refusal(make, after=after).finding == f"after: {after!r} is not a valid value."


@pytest.mark.parametrize("value", ["", "in\0put", 7, ["in"]])
def test_remote_dir_is_text_with_something_in_it(value: object) -> None:
    assert refusal(dropoff, remote_dir=value).finding.startswith("remote_dir: the value ")


def test_remote_dir_is_needed_unless_a_preset_names_it() -> None:
    error = refusal(pickup, remote_dir=None)
    assert (error.reason, error.finding) == ("option_missing", "remote_dir: this option is missing.")
    with pytest.raises(InputError, match="the preset own has no default for it"):
        pickup_from_options({"dest": "/srv/in"}, Preset(name="own"))


def test_moving_needs_another_folder() -> None:
    assert "after=move requires it" in refusal(pickup, after="move").finding
    assert "is remote_dir itself" in refusal(pickup, after="move", move_dir="out/").finding
    assert pickup(after="keep", move_dir="done").move_dir is None


def test_dest_is_needed_and_absolute() -> None:
    assert refusal(pickup, dest=None).reason == "option_missing"
    assert refusal(pickup, dest="in").finding.startswith("dest: 'in' is not an absolute path")


def test_the_archive_is_no_source() -> None:
    assert refusal(dropoff, archive_dir="/srv/out/").finding.startswith("archive_dir: '/srv/out' is also in src")
    assert refusal(dropoff, archive_dir="done").finding.startswith("archive_dir: 'done' is not an absolute path")
    assert dropoff(archive_dir="/srv/out/done").archive_dir == "/srv/out/done"


@pytest.mark.parametrize("pattern", [".{random}.part", "{name}.tmp", "{stem}.{random}", "~{name}{random}", "{random}"])
def test_temp_name_patterns(pattern: str) -> None:
    assert dropoff(temp_name=pattern).temp_name == pattern


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{name}", "is the same as the final name"),
        ("part", "contains neither {random} nor {name}"),
        ("{stem}.part", "contains neither {random} nor {name}"),
        ("tmp/{name}", "contains a / or a control character"),
        ("{name}\n", "contains a / or a control character"),
        ("{name}.{date}", "contains an unknown placeholder: {date}"),
        ("{name.__class__}", "contains an unknown placeholder: {name.__class__}"),
        ("{name}{", "contains a brace without its counterpart"),
        ("{{random}}", "contains a brace without its counterpart"),
        ("{name}" + "x" * 101, "too long"),
        ("{name}{name}", "too long"),
        ("{name}.{stem}", "too long"),
    ],
)
def test_temp_name_patterns_that_are_refused(pattern: str, why: str) -> None:
    error = refusal(dropoff, temp_name=pattern)
    assert error.finding.startswith(f"temp_name: {pattern!r} ")
    assert why in error.finding


def test_a_derived_name_is_the_same_for_the_same_places() -> None:
    assert dropoff(src=["/srv/b", "/srv/a"]).name == dropoff(src=["/srv/a", "/srv/b/"]).name == "dropoff:/srv/a, /srv/b"
    assert pickup(remote_dir="a").name != pickup(remote_dir="b").name


def test_a_derived_name_stays_short_and_apart() -> None:
    first = [f"/srv/out/file-{number}" for number in range(1000)]
    one, two = dropoff(src=first), dropoff(src=[*first, "/srv/more"])
    assert len(one.name) < 250
    assert one.name != two.name


def test_a_given_name_is_checked() -> None:
    with pytest.raises(InputError, match="name: 'My Job'"):
        dropoff_from_options({"src": "/srv/out"}, AMILI, name="My Job")


def test_a_listing_looks_where_the_preset_picks_up_unless_told_otherwise() -> None:
    assert listing_from_options({}, AMILI) == ListingJob(remote_dir="pickup")
    found = listing_from_options({"remote_dir": "input", "include": ["*.xml"], "max_results": 5}, AMILI)
    assert found == ListingJob(remote_dir="input", include=("*.xml",), max_results=5)
    with pytest.raises(InputError, match="remote_dir: this option is missing"):
        listing_from_options({}, NONE)


def test_a_listing_takes_only_the_folder_from_a_preset() -> None:
    preset = Preset(name="own", pickup={"remote_dir": "out", "include": ["*.csv"], "max_results": 3})
    assert listing_from_options({}, preset) == ListingJob(remote_dir="out")


def test_the_folders_to_look_at_are_those_named_or_the_preset_s_or_the_login_folder() -> None:
    assert folders_from_options({"folders": ["in/", "in", "/"], "probe_dir": "try/"}, AMILI) == (("in", "/"), "try")
    assert folders_from_options({}, AMILI) == (("input", "pickup"), None)
    assert folders_from_options({}, NONE) == ((".",), None)


def test_a_share_is_one_of_so_many() -> None:
    assert dropoff(share={"index": 2, "count": 3}).share == Share(2, 3)
    assert pickup(share={"index": "0", "count": "1"}).share == Share(0, 1)


@pytest.mark.parametrize(
    "share", [3, "1/3", {}, {"index": 1}, {"index": 1, "count": 2, "of": 3}, {"index": None, "count": 2}]
)
def test_what_is_no_share_is_refused(share: object) -> None:
    assert "is not a dictionary with index and count" in refusal(pickup, share=share).finding


@pytest.mark.parametrize(("index", "count"), [(3, 3), (-1, 3), (0, 0), ("first", 3), (0, 10**6)])
def test_a_share_that_there_is_not_is_refused_by_name(index: object, count: object) -> None:
    assert refusal(dropoff, share={"index": index, "count": count}).finding.startswith("share.")


def test_whose_the_delivered_files_are() -> None:
    found = pickup(group="erp", file_mode="0640")
    assert (found.group, found.file_mode) == ("erp", 0o640)
    assert pickup(group=1001, file_mode="440") == pickup(group="1001", file_mode="0440")


@pytest.mark.parametrize("mode", ["640x", "0240", "1777", "04755", "u=rw", "", "888", ["0640"], True, 0o640])
def test_permissions_that_cannot_be_meant_are_refused(mode: object) -> None:
    assert refusal(pickup, file_mode=mode).finding.startswith("file_mode: ")


def test_a_number_of_yaml_s_is_told_why_it_is_refused() -> None:
    assert "is a number, so it is not clear whether it is octal" in refusal(pickup, file_mode=416).finding


@pytest.mark.parametrize("group", ["a group", "-erp", "x" * 33, -1, True, "erp\nroot"])
def test_what_cannot_be_a_group_is_refused(group: object) -> None:
    assert refusal(pickup, group=group).finding.startswith("group: ")
