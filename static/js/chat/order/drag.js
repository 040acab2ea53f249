// Chats are dragged onto folders. The keyboard's way is the menu: "Move to …".
import { all, closest } from "../../common/dom.js";
import { act } from "./filing.js";

/** @type {string[]} */
let dragged = [];
/** @type {HTMLElement | null} */
let over = null;

/**
 * A drag of a row begins; of the chosen ones, when it is among them.
 * @param {HTMLElement} row
 */
export function begin(row) {
  const together = all(".lists-row:has(:checked)");
  const rows = together.includes(row) ? together : [row];
  dragged = rows.map((item) => item.dataset.chat ?? "");
}

/** @param {HTMLElement | null} folder */
function mark(folder) {
  if (over === folder) return;
  over?.classList.remove("drop");
  folder?.classList.add("drop");
  over = folder;
}

document.addEventListener("dragover", (event) => {
  if (!dragged.length) return;
  const folder = closest(event, ".folder-row");
  mark(folder);
  if (folder) event.preventDefault(); // it can be dropped here
});
document.addEventListener("drop", (event) => {
  const folder = dragged.length ? closest(event, ".folder-row")?.dataset.folder : undefined;
  if (!folder) return;
  event.preventDefault();
  act("move", dragged, folder);
});
document.addEventListener("dragend", () => {
  dragged = [];
  mark(null);
});
