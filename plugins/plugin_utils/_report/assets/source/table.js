// Copyright: (c) 2026, the filedrop authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import {
  FilterModule, FormatModule, FrozenColumnsModule, InteractionModule, ResizeColumnsModule, SortModule, Tabulator,
} from "tabulator-tables";
import { bytesInWords, csv, shown } from "./files.js";

Tabulator.registerModule([
  FilterModule, FormatModule, FrozenColumnsModule, InteractionModule, ResizeColumnsModule, SortModule,
]);

const TITLES = {
  name: "File", changed: "Changed (UTC)", sha256: "SHA-256", verified_by: "Verified by", remote_path: "Remote path",
  local_path: "Local path", file_id: "File id", accepted_by: "Accepted by",
};
const WIDTHS = { name: 290, changed: 155, outcome: 110, size: 90, direction: 95, remote_path: 290, local_path: 290, sha256: 290, folder: 180, taken: 155, accepted: 155 };
const TIMES = ["changed", "taken", "accepted"];
const FIRST = ["name", "outcome", "reason", "size", "changed", "host", "job", "account", "direction"];
const KINDS = { delivered: "good", held: "bad", rejected: "bad", waiting: "warn", unfinished: "warn" };

const inOrder = new Intl.Collator("en", { numeric: true }).compare;
const minute = (text) => text.replace("T", " ").slice(0, 16);
const title = (name) => TITLES[name] ?? name[0].toUpperCase() + name.slice(1);

/** What people see of a value. */
function words(name, value) {
  if (value === null || value === "") return "";
  if (name === "size") return bytesInWords(value);
  return TIMES.includes(name) ? minute(value) : shown(String(value));
}

function formatted(cell) {
  const name = cell.getField();
  const element = document.createElement("span");
  element.textContent = words(name, cell.getValue()) || "\u00a0";
  if (name === "outcome") element.className = KINDS[cell.getValue()] ?? "soft";
  else element.title = element.textContent;
  return element;
}

function column(name, wide) {
  return {
    title: title(name), field: name, width: WIDTHS[name] ?? 145, formatter: formatted, headerSortTristate: true,
    sorter: name === "size" ? "number" : (one, other) => inOrder(String(one ?? ""), String(other ?? "")),
    hozAlign: name === "size" ? "right" : "left", frozen: name === "name" && wide,
  };
}

export function showTable(files) {
  const names = files.columns.map(({ name }) => name);
  const ordered = [...FIRST, ...names.filter((name) => !FIRST.includes(name))];
  const rows = Array.from({ length: files.length }, (_, number) => ({ ...files.row(number), number }));
  document.getElementById("without").hidden = true;
  document.getElementById("table").hidden = false;
  const table = new Tabulator("#grid", {
    data: rows, columns: ordered.map((name) => column(name, innerWidth > 700)), maxHeight: 560,
    layout: "fitDataFill", rowHeight: 30, index: "number", placeholder: "No file has all of these words.", resizableColumnFit: false,
    rowFormatter: (row) => {
      Object.assign(row.getElement(), { tabIndex: 0, onkeydown: ({ key }) => key === "Enter" && showFile(row.getData(), names) });
    },
  });
  connect(table, files);
  // Not by ResizeTableModule: it makes all rows anew whenever a search changes the height, and so takes the focus away.
  addEventListener("resize", () => table.redraw());
  table.on("tableBuilt", () => {
    // Only what has a role of its own may be between a grid and its rows.
    for (const [part, role] of [[".tabulator-tableholder", "rowgroup"], [".tabulator-table", "presentation"]]) {
      document.querySelector(part).setAttribute("role", role);
    }
    for (const { field } of table.getColumnDefinitions()) {
      const onkeydown = ({ key }) => {
        if (key !== "Enter") return;
        const [sorted] = table.getSorters();
        table.setSort(field, sorted?.field === field && sorted.dir === "asc" ? "desc" : "asc");
      };
      Object.assign(table.getColumn(field).getElement(), { tabIndex: 0, onkeydown });
    }
  });
  table.on("rowClick", (_, row) => showFile(row.getData(), names));
  document.getElementById("download").addEventListener("click", () => {
    save(csv(names, table.getData("active").map((row) => names.map((name) => row[name]))));
  });
}

/** Lets the fields above the table choose its rows. */
function connect(table, files) {
  const search = document.getElementById("search");
  const selects = [...document.querySelectorAll("select[data-column]")];
  const found = document.getElementById("found");
  for (const select of selects) {
    const values = files.of[select.dataset.column].values.map((value, number) => [value ?? "", number]);
    for (const [value, number] of values.sort(([one], [other]) => inOrder(one, other))) {
      select.add(new Option(shown(value) || "none", number));
    }
  }
  const say = (number) => {
    const all = files.length.toLocaleString("en");
    found.textContent = number === files.length ? `${all} files.` : `${number.toLocaleString("en")} of ${all} files.`;
  };
  const choose = () => {
    const hits = files.search(search.value);
    const wanted = selects.filter(({ value }) => value !== "").map(({ dataset, value }) => [files.of[dataset.column].at, Number(value)]);
    found.ariaBusy = "false";
    table.setFilter(({ number }) => hits[number] === 1 && wanted.every(([at, value]) => at[number] === value));
  };
  let waiting;
  search.addEventListener("input", () => {
    found.ariaBusy = "true";
    clearTimeout(waiting);
    waiting = setTimeout(choose, 150);
  });
  for (const select of selects) select.addEventListener("change", choose);
  table.on("dataFiltered", (_, rows) => say(rows.length));
  say(files.length);
}

/** Shows all of one file below the table. */
function showFile(row, names) {
  const place = document.getElementById("file");
  place.replaceChildren(
    ...names.filter((name) => words(name, row[name])).map((name) => {
      const entry = document.createElement("div");
      const [term, value] = ["dt", "dd"].map((tag) => entry.appendChild(document.createElement(tag)));
      term.textContent = title(name);
      value.textContent = name === "size" ? `${row.size.toLocaleString("en")} bytes` : words(name, row[name]);
      return entry;
    }),
  );
  place.hidden = false;
}

function save(text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = "report.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
