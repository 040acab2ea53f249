// One picture, large: zoom, keys, and beside it how it was made. Which pictures there are, and what can be done with one, the
// page says.
import { part, tellRefusal } from "../common/api.js";
import { copyText } from "../common/clipboard.js";
import { all, byId, child, closest, find, partOf } from "../common/dom.js";
import { t } from "../common/text.js";

/**
 * What a page says of its pictures.
 * @typedef {object} Pictures
 * @property {(id: string) => string} address of the part that shows a picture
 * @property {(id: string | undefined, step: -1 | 1) => string | undefined} neighbour the picture before or after one
 * @property {(holder: HTMLElement) => void} opened
 * @property {(id: string | undefined) => void} closed
 * @property {Record<string, (button: HTMLElement) => unknown>} actions by the names in `data-action`
 * @property {(id: string) => unknown} [show] how the page goes to another picture
 */

const ZOOMS = [1, 1.5, 2, 3, 4, 6];
const dialog = byId("view", HTMLDialogElement);
const holder = byId("view-part");
const stage = () => child(holder, ".view-stage");
const image = () => child(stage(), "img", HTMLImageElement);
let zoom = 0; // index into ZOOMS
/** @type {Pictures} */
let pictures;
/** @type {string | undefined} */
let wanted; // the id of the picture that was asked for last

/** @param {Pictures} options */
export function start(options) {
  pictures = options;
  dialog.addEventListener("close", () => {
    wanted = undefined;
    pictures.closed(shown());
  });
  dialog.addEventListener("click", clicked);
  dialog.addEventListener("keydown", pressed);
}

/** The picture that is shown. */
export function picture() {
  const { picture: id, url = "", name = "", page = "" } = find(".view-body", holder)?.dataset ?? {};
  return id === undefined ? undefined : { id, url, name, page };
}
export const shown = () => picture()?.id;
export const isOpen = () => dialog.open;
export const close = () => dialog.close();

/**
 * → whether it could be shown, and is still what one wants to see.
 * @param {string} id
 */
export async function show(id) {
  wanted = id;
  const html = await part(pictures.address(id)).catch(tellRefusal);
  if (html === undefined || wanted !== id) return false;
  const isInside = holder.contains(document.activeElement);
  holder.innerHTML = html;
  open();
  if (isInside) stage().focus(); // or the keys would go nowhere
  return true;
}

/** What stands in the dialog becomes a real one: modal, fitted, with its neighbours. */
export function open() {
  fit();
  setZoom(0);
  actionButton("previous-picture").toggleAttribute("disabled", !pictures.neighbour(shown(), -1));
  actionButton("next-picture").toggleAttribute("disabled", !pictures.neighbour(shown(), 1));
  pictures.opened(holder);
  showKeys();
  if (dialog.matches(":modal")) return;
  dialog.open = false; // the server opened it, for readers without scripts
  dialog.showModal();
  stage().focus();
}

/** The keys that do something with this picture. */
function showKeys() {
  for (const line of all("[data-key]", holder)) line.hidden = !buttonOf(line.dataset.key ?? "");
  const isAlone = !find("[data-action$='-picture']:not(:disabled)", child(dialog, ".view-tools"));
  child(holder, "[data-neighbours]").hidden = isAlone;
}

/** @param {string} key */
const buttonOf = (key) => find(`[aria-keyshortcuts="${CSS.escape(key.toUpperCase())}"]:not([hidden])`, holder);

/** The picture fills the room there is, as far as that is useful. */
function fit() {
  const { width, height } = find(".view-body", holder)?.dataset ?? {};
  if (!width || !height) return; // an old upload whose size nobody knows
  const picture = image();
  picture.style.setProperty("--ratio", String(Number(width) / Number(height)));
  picture.style.setProperty("--most", `${Number(width) * SHARPEST}px`);
  picture.classList.add("fitted");
}

/** @param {string} action */
const actionButton = (action) => child(dialog, `[data-action="${action}"]`);

/** @param {MouseEvent} event */
function clicked(event) {
  const button = closest(event, "[data-action]");
  if (button) {
    if (button.matches("a[data-action]")) event.preventDefault();
    const action = button.dataset.action ?? "";
    (pictures.actions[action] ?? actions[action])?.(button);
  } else if (event.target === image()) {
    const box = image().getBoundingClientRect();
    setZoom(zoom ? 0 : 2, [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
  }
}

/** @type {Record<string, string>} */
const ZOOM_KEYS = { "+": "zoom-in", "=": "zoom-in", "-": "zoom-out", 0: "zoom-fit" };
/** @type {Record<string, string>} */
const STEP_KEYS = { ArrowLeft: "previous-picture", ArrowRight: "next-picture" };
const SHARPEST = 2; // a small picture is enlarged up to so many screen pixels for each of its own

/** @param {KeyboardEvent} event */
function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = ZOOM_KEYS[event.key] ?? (zoom ? undefined : STEP_KEYS[event.key]);
  const button = buttonOf(event.key);
  if (action) actions[action](dialog);
  else if (button) button.click();
  else return;
  event.preventDefault();
}

/**
 * Enlarge to one of ZOOMS, keeping the point `at` (shares of width and height) in the middle.
 * @param {number} next
 * @param {[number, number]} [at]
 */
function setZoom(next, [x, y] = [0.5, 0.5]) {
  zoom = Math.min(ZOOMS.length - 1, Math.max(0, next));
  const box = stage();
  image().style.width = "";
  box.classList.toggle("zoomed", zoom > 0);
  if (zoom) {
    box.classList.remove("zoomed");
    const fitted = image().getBoundingClientRect().width;
    box.classList.add("zoomed");
    image().style.width = `${Math.round(fitted * ZOOMS[zoom])}px`;
    box.scrollLeft = x * box.scrollWidth - box.clientWidth / 2;
    box.scrollTop = y * box.scrollHeight - box.clientHeight / 2;
  }
  child(dialog, ".zoom-fit").textContent = zoom ? t("percent", { n: 100 * ZOOMS[zoom] }) : t("fit");
}

/** @param {-1 | 1} step */
function go(step) {
  const id = pictures.neighbour(shown(), step);
  if (id) (pictures.show ?? show)(id);
}

/** @type {Record<string, (button: HTMLElement) => unknown>} */
const actions = {
  "zoom-in": () => setZoom(zoom + 1),
  "zoom-out": () => setZoom(zoom - 1),
  "zoom-fit": () => setZoom(0),
  "previous-picture": () => go(-1),
  "next-picture": () => go(1),
  "close-view": () => dialog.close(),
  "copy-prompt": (button) => copyText(partOf(holder, "prompt").textContent ?? "", button),
  "copy-link": (button) => copyText(location.origin + (picture()?.page ?? ""), button),
};
