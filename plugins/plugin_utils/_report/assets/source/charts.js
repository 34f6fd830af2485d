// Copyright: (c) 2026, the filedrop authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

import { axisX, axisY, cell, plot, rectY, ruleY, tip, pointer, pointerX } from "@observablehq/plot";
import { bytesInWords, shown } from "./files.js";

const DAY = 86400000;
const MANY = 100; // days of which each has a bar of its own
const ACCOUNTS = 15; // rows of the last chart; the others are one row
const LEAST = 200; // pixels in which a chart can be read
const OPEN = ["waiting", "unfinished", "held", "rejected"];
const OTHER = "given up";
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** Draws the charts, and again when the page gets wider or narrower. */
export function drawCharts(files) {
  const { since, until } = document.getElementById("time").dataset;
  const times = files.of.changed.values.map(Date.parse).filter((time) => time >= Date.parse(since));
  const periods = periodsOf(Date.parse(since), Date.parse(until), times.reduce((one, other) => Math.min(one, other), Infinity));
  const counts = count(files, periods);
  const place = document.getElementById("charts");
  place.hidden = false;
  let drawn = 0;
  new ResizeObserver(([{ contentRect: { width } }]) => {
    if (width < LEAST || width === drawn) return;
    drawn = width;
    const each = width > 800 ? (width - 32) / 2 : width;
    place.replaceChildren(...[delivered, bytes, open, heat].map((chart) => chart(counts, periods, each)).filter(Boolean));
  }).observe(place);
}

/**
 * Cuts the time into days; into weeks or 30 days where there would be too many to see.
 * A long time begins with its first file: what is before then may be from before the ledger.
 */
function periodsOf(since, until, first) {
  const isLong = until - since > MANY * DAY;
  const start = Math.floor((isLong ? Math.min(until, Math.max(since, first)) : since) / DAY) * DAY;
  const days = Math.max(1, Math.ceil((until - start) / DAY));
  const [step, name] = days <= MANY ? [1, "day"] : days <= 700 ? [7, "week"] : [30, "30 days"];
  const length = step * DAY;
  return { start, length, name, number: Math.ceil(days / step), end: start + Math.ceil(days / step) * length };
}

function words(periods, number) {
  const date = new Date(periods.start + number * periods.length);
  const text = date.toISOString().slice(0, 10);
  return periods.name === "day" ? `${WEEKDAYS[date.getUTCDay()]} ${text}` : `${periods.name} from ${text}`;
}

function count(files, periods) {
  const { outcome, size, changed, account } = files.of;
  // A clock may be ahead: what is later than the report belongs to the last period.
  const inside = changed.values.map((time) => Math.min(periods.number - 1, Math.floor((Date.parse(time) - periods.start) / periods.length)));
  const zeros = () => new Array(periods.number).fill(0);
  const found = { files: zeros(), bytes: zeros(), open: new Map(), accounts: new Map() };
  for (let row = 0; row < files.length; row += 1) {
    const period = inside[changed.at[row]];
    if (!(period >= 0)) continue; // before the time of the report, or no time
    const what = outcome.values[outcome.at[row]];
    if (what === "delivered") {
      found.files[period] += 1;
      found.bytes[period] += size.values[size.at[row]] ?? 0;
      const name = account.values[account.at[row]] ?? "";
      if (!found.accounts.has(name)) found.accounts.set(name, zeros());
      found.accounts.get(name)[period] += 1;
    } else {
      const name = OPEN.includes(what) ? what : OTHER;
      if (!found.open.has(name)) found.open.set(name, zeros());
      found.open.get(name)[period] += 1;
    }
  }
  return found;
}

/** Round values from 0 to the highest one, of which each is a whole number of a unit. */
function ticksTo(high, unit) {
  const about = high / unit / 4;
  const power = 10 ** Math.floor(Math.log10(about));
  const step = Math.max(1, power * [1, 2, 5, 10].find((factor) => factor * power >= about)) * unit;
  return Array.from({ length: Math.floor(high / step) + 1 }, (_, number) => number * step);
}

const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);
const whole = (number) => number.toLocaleString("en");

/** A chart with bars for each period. The ticks are whole numbers of the unit. */
function bars(periods, width, data, { label, tick, unit = 1, fill = "var(--accent)" }) {
  const x = { domain: [new Date(periods.start), new Date(periods.end)], type: "utc" };
  const high = Math.max(unit, ...data.map(({ y2 }) => y2));
  const ticks = ticksTo(high, unit);
  return plot({
    width, height: 190, marginLeft: 62, marginRight: 8, marginTop: 12, className: "plot", ariaLabel: label, x, y: { domain: [0, high] },
    marks: [
      ruleY(ticks.slice(1), { stroke: "var(--line)" }),
      axisX({ ticks: Math.max(2, Math.floor(width / 110)), label: null, color: "var(--soft)" }),
      axisY(ticks, { label: null, color: "var(--soft)", tickSize: 0, tickFormat: tick }),
      rectY(data, { x1: "from", x2: "to", y1: "y1", y2: "y2", fill, insetRight: width / periods.number > 6 ? 1 : 0 }),
      ruleY([0]),
      tip(data, pointerX({ x1: "from", x2: "to", y: "y2", title: "title", fill: "var(--back)", stroke: "var(--line)" })),
    ],
  });
}

function edges(periods, number) {
  return { from: new Date(periods.start + number * periods.length), to: new Date(periods.start + (number + 1) * periods.length) };
}

/** Puts a chart under its title. Plot's own style element is left out: the page's style has it, and nothing else is allowed. */
function figure(title, note, chart, legend = []) {
  const element = document.createElement("figure");
  const caption = element.appendChild(document.createElement("figcaption"));
  const name = caption.appendChild(document.createElement("h3"));
  name.textContent = title;
  const text = caption.appendChild(document.createElement("p"));
  text.textContent = note;
  for (const one of legend) {
    const entry = caption.appendChild(document.createElement("span"));
    entry.className = `key ${one.replace(" ", "-")}`;
    entry.textContent = one;
  }
  for (const style of chart.querySelectorAll("style")) style.remove();
  for (const part of chart.querySelectorAll("g[aria-label]")) part.removeAttribute("aria-label"); // the chart has one, as an image
  chart.setAttribute("role", "img");
  element.append(chart);
  return element;
}

function delivered(counts, periods, width) {
  const data = counts.files.map((y2, number) => ({
    ...edges(periods, number), y1: 0, y2, title: `${words(periods, number)}\n${whole(y2)} delivered`,
  }));
  const note = `${whole(sum(counts.files))} in all`;
  return figure(`Files delivered per ${periods.name}`, note, bars(periods, width, data, { label: `Files delivered: ${note}`, tick: whole }));
}

function bytes(counts, periods, width) {
  const data = counts.bytes.map((y2, number) => ({
    ...edges(periods, number), y1: 0, y2, title: `${words(periods, number)}\n${bytesInWords(y2)} delivered`,
  }));
  const note = `${bytesInWords(sum(counts.bytes))} in all`;
  const unit = 1024 ** Math.floor(Math.log(Math.max(1, ...counts.bytes)) / Math.log(1024));
  const tick = (size) => bytesInWords(size).replace(".0 ", " ");
  return figure(`Bytes delivered per ${periods.name}`, note, bars(periods, width, data, { label: `Bytes delivered: ${note}`, tick, unit }));
}

function open(counts, periods, width) {
  const names = [...OPEN, OTHER].filter((name) => counts.open.has(name));
  if (names.length === 0) return null;
  const data = [];
  for (let number = 0; number < periods.number; number += 1) {
    const parts = names.map((name) => [name, counts.open.get(name)[number]]).filter(([, files]) => files);
    const title = `${words(periods, number)}\n${parts.map(([name, files]) => `${whole(files)} ${name}`).join("\n")}`;
    let y1 = 0;
    for (const [name, files] of parts) {
      data.push({ ...edges(periods, number), y1, y2: y1 + files, title, fill: `var(--${name.replace(" ", "-")})` });
      y1 += files;
    }
  }
  const note = names.map((name) => `${whole(sum(counts.open.get(name)))} ${name}`).join(", ");
  const chart = bars(periods, width, data, { label: `Files not delivered: ${note}`, tick: whole, fill: "fill" });
  return figure(`Files not delivered, per ${periods.name} of their last change`, note, chart, names);
}

function heat(counts, periods, width) {
  if (counts.accounts.size === 0) return null;
  const sorted = [...counts.accounts].sort(([, one], [, other]) => sum(other) - sum(one));
  const rows = sorted.slice(0, ACCOUNTS).map(([name, files]) => [shown(name) || "unknown", files]);
  const rest = sorted.slice(ACCOUNTS).map(([, files]) => files);
  if (rest.length) rows.push([`${rest.length} others`, rest.reduce((all, files) => all.map((number, at) => number + files[at]))]);
  const data = rows.flatMap(([name, files], row) => {
    const most = Math.max(...files);
    return files.map((number, period) => ({
      row: `${row}`, period, share: number ? 0.2 + (0.8 * number) / most : 0, title: `${short(name, 60)}\n${words(periods, period)}\n${whole(number)} delivered`,
    }));
  });
  const step = Math.max(1, Math.ceil(periods.number / Math.max(2, Math.floor(width / 110))));
  const chart = plot({
    width, height: 46 + rows.length * 20, marginLeft: Math.min(width / 3, 130), marginRight: 8, marginTop: 12, className: "plot",
    ariaLabel: `Files delivered by account: ${rows.map(([name, files]) => `${name} ${whole(sum(files))}`).join(", ")}`,
    x: { domain: data.slice(0, periods.number).map(({ period }) => period) }, y: { domain: rows.map((_, row) => `${row}`) },
    opacity: { domain: [0, 1], range: [0, 1] },
    marks: [
      axisX({
        ticks: Array.from({ length: Math.ceil(periods.number / step) }, (_, number) => number * step), label: null, color: "var(--soft)",
        tickFormat: (period) => new Date(periods.start + period * periods.length).toISOString().slice(5, 10),
      }),
      axisY({ label: null, color: "var(--soft)", tickSize: 0, tickFormat: (row) => short(rows[row][0], 18) }),
      cell(data, { x: "period", y: "row", fill: "var(--faint)", inset: 0.5 }),
      cell(data, { x: "period", y: "row", fill: "var(--accent)", fillOpacity: "share", inset: 0.5 }),
      tip(data, pointer({ x: "period", y: "row", title: "title", fill: "var(--back)", stroke: "var(--line)" })),
    ],
  });
  return figure(`Files delivered per ${periods.name}, by account`, "Each row is relative to its own most. Grey: none.", chart);
}

function short(name, most) {
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}
