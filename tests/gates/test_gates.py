# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Galaxy, execution environments and the documentation site ask of a collection, judged by their own tools."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
import yaml

from .conftest import Run

# These plugins are for the playbooks and roles of the collection alone. Nothing lists what is in such a folder.
INTERNAL = "fqcn[deep]"


def test_the_importer_of_galaxy_accepts_the_artefact(artefact: Path, run: Run) -> None:
    done = run(sys.executable, "-m", "galaxy_importer.main", str(artefact))
    said = done.stdout + done.stderr
    assert "Importer processing completed successfully" in said
    assert [line for line in said.splitlines() if re.match("ERROR|WARNING", line) and INTERNAL not in line] == []


def test_the_documentation_of_plugins_and_roles_is_valid(installed: Path, run: Run) -> None:
    done = run(
        "antsibull-docs",
        "lint-collection-docs",
        "--plugin-docs",
        "--validate-collection-refs",
        "self",
        ".",
        cwd=installed,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_a_documentation_site_builds(tmp_path: Path, run: Run) -> None:
    site = tmp_path / "site"
    site.mkdir(mode=0o755)
    run(
        "antsibull-docs",
        "sphinx-init",
        "--use-current",
        "--squash-hierarchy",
        "--dest-dir",
        str(site),
        "courier.filedrop",
    )
    with (site / "conf.py").open("a") as settings:
        settings.write("intersphinx_mapping = {}\n")  # no test asks other sites for their labels
    done = run("bash", "build.sh", cwd=site)
    pages = {path.name for path in (site / "build" / "html").glob("*.html")}
    assert {"dropoff_module.html", "pickup_module.html", "filedrop_role.html", "filedrop_server_role.html"} <= pages
    assert not [name for name in pages if "apply_plan" in name or "look_at_host" in name]
    found = [line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line]
    of_other_sites = re.compile(r"undefined label: '(?!ansible_collections\.courier)")
    assert [line for line in found if not of_other_sites.search(line)] == []


def test_an_execution_environment_gets_what_the_collection_needs(installed: Path, run: Run) -> None:
    done = run("ansible-builder", "introspect", str(installed.parents[2]))
    assert done.returncode == 0
    needs = yaml.safe_load(done.stdout)
    assert any("paramiko" in str(line) for line in needs["python"])
    assert any("openssh-clients" in str(line) for line in needs["system"])


def test_a_play_runs_through_ansible_runner(tmp_path: Path, run: Run) -> None:
    project = tmp_path / "project"
    project.mkdir()
    task = {"courier.filedrop.keypair": {"path": str(tmp_path / "key")}}
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"name": "Make a key", **task}]}
    (project / "site.yml").write_text(json.dumps([play]))
    done = run("ansible-runner", "run", str(tmp_path), "--playbook", "site.yml", "--ident", "smoke")
    assert done.returncode == 0
    assert (tmp_path / "key.pub").exists()
    assert (tmp_path / "artifacts" / "smoke" / "status").read_text() == "successful"


def pages(installed: Path) -> list[Path]:
    return sorted(installed.rglob("*.md"))


def test_no_link_of_the_artefact_leads_nowhere(installed: Path) -> None:
    nowhere = []
    for page in pages(installed):
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _hash, anchor = target.partition("#")
            if re.match(r"[a-z]+:", target):
                continue
            there = (page.parent / path).resolve() if path else page
            if not there.exists() or (anchor and anchor not in anchors(there)):
                nowhere.append(f"{page.relative_to(installed)}: {target}")
    assert nowhere == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", ["tests", "extensions", "build", "Makefile", ".ci", ".hypothesis"])
def test_what_is_for_developers_alone_is_not_in_the_artefact(installed: Path, name: str) -> None:
    assert not (installed / name).exists()
