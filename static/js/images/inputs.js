// The pictures that are handed in: picked, dropped, pasted or taken from the gallery; the first one may have a mask.
import { tellRefusal, upload } from "../common/api.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import { paint } from "./mask.js";

const list = () => document.getElementById("inputs");
const pictures = []; // {id, url, name, strokes?, mask?: Blob}
let allowed = { count: 0, mask: false };
let changed = () => {};

export const count = () => pictures.length;

export function start(onChange) {
  changed = onChange;
  const file = document.getElementById("input-file");
  if (!file) return; // no engine edits
  const draw = document.getElementById("draw");
  document.getElementById("add-input").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    add([...file.files]);
    file.value = "";
  });
  list().addEventListener("click", clicked);
  draw.addEventListener("paste", (event) => {
    const files = picturesAmong(event.clipboardData.files);
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });
  const page = document.getElementById("content");
  for (const type of ["dragenter", "dragover"]) page.addEventListener(type, (event) => dragged(event, draw));
  page.addEventListener(
    "dragleave",
    (event) => page.contains(event.relatedTarget) || draw.classList.remove("dropping"),
  );
  page.addEventListener("drop", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    draw.classList.remove("dropping");
    add([...event.dataTransfer.files]);
  });
}

function dragged(event, draw) {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  draw.classList.add("dropping");
}

const picturesAmong = (files) => [...files].filter((file) => file.type.startsWith("image/"));

/** What the chosen engine takes: this many pictures, and a mask or none. */
export function allow(next) {
  allowed = next;
  show();
}

async function add(files) {
  const fitting = picturesAmong(files);
  for (const file of files) if (!fitting.includes(file)) toast(t("notPicture", { name: file.name }));
  for (const file of fitting) {
    if (!hasPlace()) return;
    list().hidden = false;
    list().setAttribute("aria-busy", "true");
    try {
      put(await upload(file, { keep: "1" }));
    } catch (error) {
      tellRefusal(error);
    } finally {
      list().removeAttribute("aria-busy");
      show();
    }
  }
}

function hasPlace() {
  if (pictures.length < allowed.count || allowed.count === 1) return true;
  toast(allowed.count ? t("tooMany", { n: allowed.count }) : t("noEditor"));
  return false;
}

function put({ id, url, name }) {
  if (pictures.some((one) => one.id === id)) return;
  if (allowed.count === 1) pictures.length = 0; // the only place there is
  pictures.push({ id, url, name });
  show();
  changed();
}

/** A picture of the gallery becomes an input. → whether there was a place for it. */
export function use(picture) {
  if (!hasPlace()) return false;
  put(picture);
  return true;
}

/** These pictures and no others, by id. */
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

/** What the request says of them; a mask is uploaded now. Throws ApiError. */
export async function wish() {
  if (!pictures.length) return {};
  const said = { image: pictures.map(({ id }) => id) };
  if (allowed.mask && pictures[0].mask) said.mask = (await upload(new File([pictures[0].mask], "mask.png"))).id;
  return said;
}

function show() {
  const tiles = pictures.map((picture, index) => {
    const tile = document.getElementById("input-template").content.firstElementChild.cloneNode(true);
    tile.dataset.input = picture.id;
    tile.querySelector("img").src = `${picture.url}?w=256`;
    tile.querySelector("img").alt = picture.name;
    tile.querySelector(".input-remove").setAttribute("aria-label", t("removeInput", { name: picture.name }));
    const mask = tile.querySelector(".input-mask");
    mask.hidden = index > 0 || !allowed.mask;
    mask.querySelector("[data-part='label']").textContent = t(picture.mask ? "masked" : "mask");
    mask.classList.toggle("masked", Boolean(picture.mask));
    return tile;
  });
  list().replaceChildren(...tiles);
  list().hidden = !tiles.length;
}

function clicked(event) {
  const action = event.target.closest("[data-action]")?.dataset.action;
  const id = event.target.closest("[data-input]")?.dataset.input;
  if (action === "remove-input") {
    pictures.splice(
      pictures.findIndex((one) => one.id === id),
      1,
    );
    show();
    changed();
    (list().querySelector(".input-remove") ?? document.getElementById("add-input")).focus();
  } else if (action === "paint-mask") paintFirst().then(() => list().querySelector(".input-mask")?.focus());
}
