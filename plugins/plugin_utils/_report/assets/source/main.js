// Copyright: (c) 2026, the filedrop authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import { drawCharts } from "./charts.js";
import { unpack } from "./files.js";
import { showTable } from "./table.js";

/** Adds to the page what plain HTML cannot do. Whatever fails leaves the plain page as it was. */
async function start() {
  const data = document.getElementById("data");
  const files = await unpack(data.textContent.trim());
  data.remove();
  if (files.length === 0) return;
  showTable(files);
  // The table can be used before the charts are drawn.
  requestAnimationFrame(() => setTimeout(() => drawCharts(files)));
}

for (const details of document.querySelectorAll("details")) {
  addEventListener("beforeprint", () => details.toggleAttribute("open", true));
}
start().catch((error) => {
  const place = document.getElementById("without");
  if (!place) return;
  place.hidden = false;
  place.textContent += ` This browser cannot show it: ${error.message}.`;
});
