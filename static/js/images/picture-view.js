// One picture, large: zoom, keys, and beside it how it was made. Which pictures there are, and what can be done with one, the page says.
import { part, tellRefusal } from "../common/api.js";
import { copyText } from "../common/clipboard.js";
import { t } from "../common/text.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6];
const dialog = document.getElementById("view");
const holder = document.getElementById("view-part");
const body = () => holder.querySelector(".view-body");
const stage = () => holder.querySelector(".view-stage");
const image = () => stage().querySelector("img");
let zoom = 0; // index into ZOOMS
let page; // see `start`
let own = {}; // the page's actions

/** `address(id)` of a picture's part, `neighbour(id, step)`, `opened(holder)` and `closed(id)`, `actions` by name. */
export function start(options) {
  page = options;
  own = options.actions;
  dialog.addEventListener("close", () => page.closed(shown()));
  dialog.addEventListener("click", clicked);
  dialog.addEventListener("keydown", pressed);
}

/** The picture that is shown: {id, url, name, page}. */
export const picture = () => body() && { id: body().dataset.picture, ...body().dataset };
export const shown = () => picture()?.id;
export const isOpen = () => dialog.open;
export const close = () => dialog.close();

/** → whether it could be shown. */
export async function show(id) {
  const html = await part(page.address(id)).catch(tellRefusal);
  if (html === undefined) return false;
  const isInside = holder.contains(document.activeElement);
  holder.innerHTML = html;
  open();
  if (isInside) stage().focus(); // or the keys would go nowhere
  return true;
}

/** What stands in the dialog becomes a real one: modal, fitted, with its neighbours. */
export function open() {
  setZoom(0);
  for (const [action, step] of [
    ["previous-picture", -1],
    ["next-picture", 1],
  ]) {
    dialog.querySelector(`[data-action="${action}"]`).disabled = !page.neighbour(shown(), step);
  }
  page.opened(holder);
  if (dialog.matches(":modal")) return;
  dialog.open = false; // the server opened it, for readers without scripts
  dialog.showModal();
  stage().focus();
}

function clicked(event) {
  const action = event.target.closest("[data-action]");
  if (action) {
    if (action.matches("a[data-action]")) event.preventDefault();
    (own[action.dataset.action] ?? actions[action.dataset.action])?.(action);
  } else if (event.target === image()) {
    const box = image().getBoundingClientRect();
    setZoom(zoom ? 0 : 2, [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "zoom-fit" }[event.key];
  const step = { ArrowLeft: "previous-picture", ArrowRight: "next-picture" }[event.key];
  if (action) actions[action]();
  else if (step && !zoom) actions[step]();
  else return;
  event.preventDefault();
}

/** Enlarge to one of ZOOMS, keeping the point `at` (shares of width and height) in the middle. */
function setZoom(next, at = [0.5, 0.5]) {
  zoom = Math.min(ZOOMS.length - 1, Math.max(0, next));
  const box = stage();
  image().style.width = "";
  box.classList.toggle("zoomed", zoom > 0);
  if (zoom) {
    box.classList.remove("zoomed");
    const fitted = image().getBoundingClientRect().width;
    box.classList.add("zoomed");
    image().style.width = `${Math.round(fitted * ZOOMS[zoom])}px`;
    box.scrollLeft = at[0] * box.scrollWidth - box.clientWidth / 2;
    box.scrollTop = at[1] * box.scrollHeight - box.clientHeight / 2;
  }
  dialog.querySelector(".zoom-fit").textContent = zoom ? t("percent", { n: 100 * ZOOMS[zoom] }) : t("fit");
}

const go = (step) => {
  const id = page.neighbour(shown(), step);
  if (id) (page.show ?? show)(id);
};

const actions = {
  "zoom-in": () => setZoom(zoom + 1),
  "zoom-out": () => setZoom(zoom - 1),
  "zoom-fit": () => setZoom(0),
  "previous-picture": () => go(-1),
  "next-picture": () => go(1),
  "close-view": () => dialog.close(),
  "copy-link": (button) => copyText(location.origin + picture().page, button),
};
