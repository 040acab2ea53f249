// The pictures that are handed in: picked, dropped, pasted or taken from the gallery; the first one may have a mask.
import { get, tellRefusal } from "../common/api.js";
import { byId, child, clone, closest, find, partOf } from "../common/dom.js";
import { takeFiles } from "../common/file-drop.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import { upload } from "../common/upload.js";
import { paint } from "./mask.js";

/** @typedef {{ id: string, url: string, name: string } & Partial<Painted>} Input */

const list = () => byId("inputs");
/** @type {Input[]} */
const pictures = [];
let allowed = { count: 0, mask: false };
let changed = () => {};

export const count = () => pictures.length;
export const ids = () => pictures.map(({ id }) => id);

/** @param {() => void} onChange */
export function start(onChange) {
  changed = onChange;
  const file = document.getElementById("input-file");
  if (!(file instanceof HTMLInputElement)) return; // no engine edits
  byId("add-input").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    add([...(file.files ?? [])]);
    file.value = "";
  });
  list().addEventListener("click", clicked);
  const draw = byId("draw");
  const pasted = (/** @type {ClipboardEvent} */ event) => picturesAmong([...(event.clipboardData?.files ?? [])]);
  takeFiles({ area: byId("content"), pasteArea: draw, marked: draw, onFiles: add, pasted });
}

/** @param {File[]} files */
const picturesAmong = (files) => files.filter((file) => file.type.startsWith("image/"));

/**
 * What the chosen engine takes: this many pictures, and a mask or none.
 * @param {{ count: number, mask: boolean }} next
 */
export function allow(next) {
  allowed = next;
  show();
}

/** @param {File[]} files */
async function add(files) {
  const fitting = picturesAmong(files);
  for (const file of files) if (!fitting.includes(file)) toast(t("notPicture", { name: file.name }));
  for (const file of fitting) {
    if (!hasRoom()) return;
    list().hidden = false;
    list().setAttribute("aria-busy", "true");
    try {
      const stored = await upload(file, { fields: { keep: "1" } });
      put(stored);
      offerRecipe(stored.id);
    } catch (error) {
      tellRefusal(error);
    } finally {
      list().removeAttribute("aria-busy");
      show();
    }
  }
}

/** @type {(id: string) => unknown} */
let showRecipe = () => {};

/**
 * What shows a picture whose file says how it was made.
 * @param {(id: string) => unknown} show
 */
export function onRecipe(show) {
  showRecipe = show;
}

/** @param {string} id */
async function offerRecipe(id) {
  const answer = await get(`/api/v1/files/${id}/recipe`).catch(() => undefined); // the picture is there without it
  if (answer?.recipe?.prompt) toast(t("hasRecipe"), { label: t("showRecipe"), run: () => showRecipe(id) });
}

function hasRoom() {
  if (pictures.length < allowed.count || allowed.count === 1) return true;
  toast(allowed.count ? t("tooMany", { n: allowed.count }) : t("noEditor"));
  return false;
}

/** @param {Input} picture */
function put({ id, url, name }) {
  if (pictures.some((picture) => picture.id === id)) return;
  if (allowed.count === 1) pictures.length = 0; // it takes the place of the only one
  pictures.push({ id, url, name });
  show();
  changed();
}

/**
 * A picture of the gallery becomes an input. → whether there was room for it.
 * @param {Input} picture
 */
export function use(picture) {
  if (!hasRoom()) return false;
  put(picture);
  return true;
}

/**
 * These pictures and no others.
 * @param {string[]} ids
 */
export function replace(ids) {
  pictures.length = 0;
  pictures.push(...ids.map((id) => ({ id, url: `/api/v1/files/${id}/content`, name: t("picture") })));
  show();
  changed();
}

export async function paintFirst() {
  const [picture] = pictures;
  const painted = picture && (await paint(picture));
  if (painted) Object.assign(picture, painted);
  show();
}

/**
 * What the request says of them; a mask is uploaded now. Throws ApiError.
 * @returns {Promise<Pick<ImageRequest, "image" | "mask">>}
 */
export async function request() {
  if (!pictures.length) return {};
  const image = pictures.map(({ id }) => id);
  const { mask } = pictures[0];
  if (!allowed.mask || !mask) return { image };
  return { image, mask: (await upload(new File([mask], "mask.png"))).id };
}

function show() {
  const tiles = pictures.map((picture, index) => {
    const tile = clone("input-template");
    tile.dataset.input = picture.id;
    Object.assign(child(tile, "img"), { src: `${picture.url}?w=256`, alt: picture.name });
    child(tile, ".input-remove").setAttribute("aria-label", t("removeInput", { name: picture.name }));
    const mask = child(tile, ".input-mask");
    mask.hidden = index > 0 || !allowed.mask;
    partOf(mask, "label").textContent = t(picture.mask ? "masked" : "mask");
    mask.classList.toggle("masked", Boolean(picture.mask));
    return tile;
  });
  list().replaceChildren(...tiles);
  list().hidden = !tiles.length;
}

/** @param {Event} event */
function clicked(event) {
  const action = closest(event, "[data-action]")?.dataset.action;
  const id = closest(event, "[data-input]")?.dataset.input;
  if (action === "remove-input") {
    pictures.splice(
      pictures.findIndex((picture) => picture.id === id),
      1,
    );
    show();
    changed();
    (find(".input-remove", list()) ?? byId("add-input")).focus();
  } else if (action === "paint-mask") paintFirst().then(() => find(".input-mask", list())?.focus());
}
