// The pages of lists: all chats, the archive, the trash, a folder. Chats are chosen there, and changed together.
import { part, remove, tellRefusal } from "../../common/api.js";
import { setTimeZone } from "../../common/cookies.js";
import { all, byId, child, closest, find, partOf } from "../../common/dom.js";
import * as shortcuts from "../../common/shortcuts.js";
import * as socket from "../../common/socket.js";
import { t } from "../../common/text.js";
import { watchTheme } from "../../common/theme.js";
import * as sidebar from "../sidebar.js";
import * as dialogs from "./dialogs.js";
import { act, changed } from "./filing.js";

const list = () => byId("list");
const boxes = () => /** @type {HTMLInputElement[]} */ (all(".lists-row input", list()));
const chosen = () => boxes().filter((box) => box.checked);
const ids = () => chosen().map((box) => box.value);
/** @type {HTMLInputElement | undefined} */
let last; // chosen by hand: with Shift the next one takes all between them

function ready() {
  for (const control of all("[data-ready]")) control.removeAttribute("disabled"); // what needs us works now
  showCount();
}

function showCount() {
  if (!find(".lists-tools", list())) return;
  const count = chosen().length;
  const everything = child(list(), "[data-all]", HTMLInputElement);
  everything.checked = count > 0 && count === boxes().length;
  everything.indeterminate = count > 0 && !everything.checked;
  partOf(list(), "count").textContent = count ? t("chosen", { n: count }) : "";
  partOf(list(), "actions").hidden = !count;
}

async function refresh() {
  if (!find("#list")) return; // its folder is being deleted
  const html = await part(location.href).catch(() => undefined);
  if (html === undefined || !find("#list")) return;
  const before = new Set(ids());
  list().outerHTML = html;
  for (const box of boxes()) box.checked = before.has(box.value);
  ready();
}

/** @param {string} action */
async function deed(action) {
  const chats = ids();
  if (action === "move") return dialogs.move(chats);
  if (action === "erase" && !(await dialogs.confirm(t("eraseThese", { n: chats.length }), t("erase")))) return;
  if (await act(action, chats)) (find("[data-all]", list()) ?? byId("main")).focus();
}

async function emptyTrash() {
  if (!(await dialogs.confirm(t("eraseAll"), t("erase")))) return;
  await remove("/api/v1/chats/trash").catch(tellRefusal);
  changed();
}

document.addEventListener("click", (event) => {
  const action = closest(event, "[data-action]")?.dataset.action ?? "";
  if (closest(event, ".lists-actions")) deed(action);
  else if (action === "empty-trash") emptyTrash();
  else if (action === "folder-settings") dialogs.settings(child(document, ".folder-head").dataset.folder);
  const box = closest(event, ".lists-row input");
  if (!(box instanceof HTMLInputElement)) return;
  if (event.shiftKey && last) {
    const [from, to] = [boxes().indexOf(last), boxes().indexOf(box)].sort((a, b) => a - b);
    if (from >= 0) for (const between of boxes().slice(from, to)) between.checked = box.checked;
  }
  last = box;
});
document.addEventListener("change", (event) => {
  const everything = closest(event, "[data-all]");
  if (everything instanceof HTMLInputElement) for (const box of boxes()) box.checked = everything.checked;
  showCount();
});
document.addEventListener("chats:changed", refresh);

setTimeZone();
sidebar.start();
shortcuts.start({ search: sidebar.focusSearch });
watchTheme();
byId("search").addEventListener("input", sidebar.refresh);
socket.on("chat:list", refresh);
socket.connect();
ready();
