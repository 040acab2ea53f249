// One picture, large: zoom, how it was made, and what can be done with it. Its address is its own, so it can be shared and left by "back".
import { part, remove, tellRefusal } from "./api.js";
import { copyText } from "./clipboard.js";
import * as form from "./images-form.js";
import * as gallery from "./images-gallery.js";
import * as inputs from "./images-inputs.js";
import { t } from "./text.js";
import { toast } from "./toast.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6];
const dialog = document.getElementById("view");
const holder = document.getElementById("view-part");
const question = document.getElementById("delete-dialog");
const body = () => holder.querySelector(".view-body");
const image = () => holder.querySelector(".view-stage img");
const shown = () => body()?.dataset.picture;
const idIn = (path) => path.match(/^\/images\/([0-9a-f-]{36})$/)?.[1];
let zoom = 0; // index into ZOOMS
let pushed = false; // "back" leads to the page without this picture

export function start() {
  document.getElementById("gallery").addEventListener("click", (event) => {
    const link = event.target.closest(".tile a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(link.closest(".tile").dataset.picture, { push: true });
  });
  addEventListener("popstate", () => {
    const id = idIn(location.pathname);
    pushed = false;
    if (id) show(id);
    else if (dialog.open) dialog.close();
  });
  dialog.addEventListener("close", closed);
  dialog.addEventListener("click", clicked);
  dialog.addEventListener("keydown", pressed);
  if (dialog.open) {
    // The server opened it, for readers without scripts: now it becomes a real dialog.
    dialog.open = false;
    open();
  }
}

async function show(id, { push = false } = {}) {
  const html = await part(`/images/${id}`).catch(tellRefusal);
  if (html === undefined) return;
  const place = `/images/${id}`;
  if (push && !dialog.open) {
    history.pushState({}, "", place);
    pushed = true;
  } else if (location.pathname !== place) history.replaceState({}, "", place);
  holder.innerHTML = html;
  open();
}

function open() {
  setZoom(0);
  for (const [action, step] of [["previous-picture", -1], ["next-picture", 1]]) {
    dialog.querySelector(`[data-action="${action}"]`).disabled = !gallery.neighbour(shown(), step);
  }
  const edits = document.getElementById("add-input");
  for (const action of ["as-input", "edit-mask", "reuse"]) {
    const button = holder.querySelector(`[data-action="${action}"]`);
    if (button) button.hidden = action === "reuse" ? !document.getElementById("draw") : !edits;
  }
  if (!dialog.open) dialog.showModal();
}

function closed() {
  const id = shown();
  if (idIn(location.pathname)) pushed ? history.back() : history.replaceState({}, "", gallery.address());
  pushed = false;
  (id && gallery.tile(id)?.querySelector("a"))?.focus();
}

function clicked(event) {
  const action = event.target.closest("[data-action]");
  if (action) {
    if (action.matches("a[data-action]")) event.preventDefault();
    actions[action.dataset.action]?.(action);
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
  const picture = image();
  const stage = holder.querySelector(".view-stage");
  picture.style.width = "";
  stage.classList.toggle("zoomed", zoom > 0);
  if (zoom) {
    stage.classList.remove("zoomed");
    const fitted = picture.getBoundingClientRect().width;
    stage.classList.add("zoomed");
    picture.style.width = `${Math.round(fitted * ZOOMS[zoom])}px`;
    stage.scrollLeft = at[0] * stage.scrollWidth - stage.clientWidth / 2;
    stage.scrollTop = at[1] * stage.scrollHeight - stage.clientHeight / 2;
  }
  dialog.querySelector(".zoom-fit").textContent = zoom ? t("percent", { n: 100 * ZOOMS[zoom] }) : t("fit");
}

const wish = () => JSON.parse(holder.querySelector("#wish").textContent);
const picture = () => ({ id: shown(), url: body().dataset.url, name: body().dataset.name });
const go = (step) => {
  const id = gallery.neighbour(shown(), step);
  if (id) show(id);
};

const actions = {
  "zoom-in": () => setZoom(zoom + 1),
  "zoom-out": () => setZoom(zoom - 1),
  "zoom-fit": () => setZoom(0),
  "previous-picture": () => go(-1),
  "next-picture": () => go(1),
  "close-view": () => dialog.close(),
  "copy-link": (button) => copyText(location.origin + body().dataset.page, button),
  async vary() {
    const again = wish();
    dialog.close();
    try {
      await form.ask({ ...again, n: 1 });
      toast(t("varying"));
    } catch (error) {
      tellRefusal(error);
    }
  },
  reuse() {
    const again = wish();
    dialog.close();
    form.fill(again);
    toast(t("filled"));
  },
  "as-input"() {
    const used = inputs.use(picture());
    dialog.close();
    form.focus();
    if (used) toast(t("asInput"));
  },
  async "edit-mask"() {
    const { id } = picture();
    dialog.close();
    inputs.replace([id]);
    await inputs.paintFirst();
    form.focus();
  },
  async "delete-picture"() {
    const id = shown();
    question.returnValue = "";
    question.showModal();
    await new Promise((resolve) => question.addEventListener("close", resolve, { once: true }));
    if (question.returnValue !== "delete") return;
    const gone = await remove(`/api/v1/files/${id}`).then(() => true, tellRefusal);
    if (!gone) return;
    const next = gallery.neighbour(id, 1) ?? gallery.neighbour(id, -1);
    dialog.close();
    gallery.removed(id);
    (next && gallery.tile(next)?.querySelector("a"))?.focus();
    toast(t("removed"));
  },
};
