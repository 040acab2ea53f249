// What one takes out of a table: onto the clipboard as rows and as a table, or as a file for spreadsheets.
import { copyText } from "../../common/clipboard.js";
import { all, child } from "../../common/dom.js";
import { saveAs } from "./files.js";

const FORMULA = /^[=+\-@\t\r]/; // how a spreadsheet knows a formula
const NUMBER = /^[+-]?[\d.,\s]*\d\s*%?$/;

/** @param {HTMLElement} box */
const rowsOf = (box) => all("tr", box).map((row) => all("th, td", row).map((cell) => guarded(textOf(cell))));

/**
 * The words of a cell; formulas as they were written.
 * @param {HTMLElement} cell
 */
function textOf(cell) {
  const copy = /** @type {HTMLElement} */ (cell.cloneNode(true));
  for (const line of all("br", copy)) line.replaceWith("\n");
  for (const hidden of all(".katex-mathml", copy)) hidden.remove();
  return copy.textContent.trim();
}

/**
 * What a spreadsheet would compute is text: a model may have read it from anybody.
 * @param {string} text
 */
const guarded = (text) => (FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text);

/** @param {HTMLElement} button */
const boxOf = (button) => /** @type {HTMLElement} */ (button.closest(".table"));

/** @param {HTMLElement} button */
export async function copyTable(button) {
  const rows = rowsOf(boxOf(button));
  const text = rows.map((row) => row.map((cell) => cell.replace(/\s+/g, " ")).join("\t")).join("\n");
  if (!navigator.clipboard?.write || !window.ClipboardItem) return copyText(text, button);
  const table = document.createElement("table");
  for (const cells of rows) {
    const row = table.insertRow();
    for (const cell of cells) row.insertCell().textContent = cell;
  }
  const kinds = { "text/plain": text, "text/html": table.outerHTML };
  const blobs = Object.entries(kinds).map(([type, content]) => [type, new Blob([content], { type })]);
  await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(blobs))]);
  button.dataset.state = "copied";
  setTimeout(() => delete button.dataset.state, 1600);
}

/** @param {HTMLElement} button */
export function saveTable(button) {
  const rows = rowsOf(boxOf(button)).map((row) => row.map(quoted).join(","));
  // Excel takes a file without this mark for one in an encoding of its own.
  saveAs(`\ufeff${rows.join("\r\n")}\r\n`, "text/csv", `${child(document, "h1").textContent.trim() || "table"}.csv`);
}

/** @param {string} cell */
const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
