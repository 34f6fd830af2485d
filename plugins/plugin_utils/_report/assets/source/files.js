// Copyright: (c) 2026, the filedrop authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

const NAME = "\0"; // stands for the row's name at the end of a path (pack.py)

/**
 * The files of the report, unpacked.
 * A column is {name, values, at}: its distinct values, and for each row the number of its value.
 */
class Files {
  constructor({ columns, packed }) {
    this.columns = columns.map((name, number) => ({ name, ...packed[number] }));
    this.length = this.columns[0].at.length;
    this.of = Object.fromEntries(this.columns.map((column) => [column.name, column]));
  }

  value(column, row) {
    const value = column.values[column.at[row]];
    return typeof value === "string" && value.endsWith(NAME) ? value.slice(0, -1) + this.value(this.of.name, row) : value;
  }

  row(number) {
    return Object.fromEntries(this.columns.map((column) => [column.name, this.value(column, number)]));
  }

  /** For each row, whether each word is part of one of its values. A word is compared once with each distinct value. */
  search(text) {
    const found = new Uint8Array(this.length).fill(1);
    for (const word of text.toLowerCase().split(/\s+/).filter(Boolean)) {
      const hits = new Uint8Array(this.length);
      for (const { values, at } of this.columns) {
        const has = values.map((value) => value !== null && matches(String(value), word));
        for (let row = 0; row < this.length; row += 1) if (has[at[row]]) hits[row] = 1;
      }
      for (let row = 0; row < this.length; row += 1) found[row] &= hits[row];
    }
    return found;
  }
}

function matches(value, word) {
  return value.toLowerCase().includes(word) || shown(value).toLowerCase().includes(word);
}

export async function unpack(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at += 1) bytes[at] = letters.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Files(await new Response(stream).json());
}

const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text for people: what cannot be seen in it is an escape, as in the rest of the page. */
export function shown(text) {
  return text.replace(HIDDEN, (letter) => {
    const number = letter.codePointAt(0);
    const [begin, digits] = number < 0x100 ? ["\\x", 2] : number < 0x10000 ? ["\\u", 4] : ["\\U", 8];
    return begin + number.toString(16).padStart(digits, "0");
  });
}

export function bytesInWords(size) {
  let number = size;
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (number < 1000 || unit === "TiB") return unit === "B" ? `${size} B` : `${number.toFixed(1)} ${unit}`;
    number /= 1024;
  }
}

// Also after a semicolon, at which spreadsheets of many countries cut a line.
const FORMULA = /(^|;)(?=[ "']*[=+\-@\uff0b\uff0d\uff1d\uff20]|[\t\r\n])/g;

/** The rows as CSV (RFC 4180). A text that a spreadsheet would take for a formula gets an apostrophe. */
export function csv(names, rows) {
  const cell = (value) => {
    const text = typeof value === "string" ? value.replace(FORMULA, "$1'") : String(value ?? "");
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
