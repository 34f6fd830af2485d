# Copyright: (c) 2026, the filedrop authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Prometheus that scrapes a real node exporter, with our rules for alerts."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .ports import free_port

SERVERS = Path(__file__).parents[2] / "build" / "servers" / "usr" / "bin"
PROMTOOL = SERVERS / "promtool"
RULES = Path(__file__).parents[2] / "docs" / "prometheus" / "filedrop.rules.yml"

CONFIGURATION = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: hosts
    # The labels of the metrics stay as they are.
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


def promtool(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROMTOOL, *arguments], input=text, capture_output=True, text=True, check=False)


class Prometheus:
    """Prometheus and node exporter on loopback.

    :ivar folder: what node exporter reads.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "textfiles"
        self.folder.mkdir()
        exporter, self._port = free_port(), free_port()
        rules = folder / "rules.yml"
        rules.write_text(re.sub(r"for: \w+", "for: 0s", RULES.read_text()))  # nobody waits half an hour here
        (folder / "prometheus.yml").write_text(CONFIGURATION.format(rules=rules, port=exporter))
        self._children = [
            _start(
                "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile",
                f"--collector.textfile.directory={self.folder}", f"--web.listen-address=127.0.0.1:{exporter}",
            ),
            _start(
                "prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self._port}",
            ),
        ]  # fmt: skip

    def alerts(self) -> set[str]:
        """Return the names of the alerts that fire now; none while Prometheus starts."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/v1/alerts", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
        except OSError:
            return set()
        return {each["labels"]["alertname"] for each in found["data"]["alerts"] if each["state"] == "firing"}

    def wait_until(self, is_so: Callable[[set[str]], bool]) -> set[str]:
        """Wait until the alerts are as they should be; return them, also if they never are."""
        end = time.monotonic() + 60
        while not is_so(found := self.alerts()) and time.monotonic() < end:
            time.sleep(0.5)
        return found

    def stop(self) -> None:
        for child in self._children:
            child.terminate()
            child.wait()


def _start(name: str, *options: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [SERVERS / name, "--log.level=error", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
