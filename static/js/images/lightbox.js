// A picture of the gallery, large, and what can be done with it. Its address is its own, so it can be shared and left by
// "back".
import { post, remove, tellRefusal } from "../common/api.js";
import { byId, child, closest, find } from "../common/dom.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as firstLook from "./first-look.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as inputs from "./inputs.js";
import * as view from "./picture-view.js";
import * as stars from "./stars.js";

const holder = byId("view-part");
/** @param {string} id */
const addressOf = (id) => `/images/${id}`;
/** @param {string} path */
const idIn = (path) => path.match(/^\/images\/([0-9a-f-]{36})$/)?.[1];
let pushed = false; // "back" leads to the page without this picture

export function start() {
  byId("gallery").addEventListener("click", (event) => {
    const link = closest(event, ".tile a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    show(closest(event, ".tile")?.dataset.picture ?? "", { push: true });
  });
  addEventListener("popstate", () => {
    const id = idIn(location.pathname);
    pushed = false;
    if (id) show(id);
    else if (view.isOpen()) view.close();
  });
  view.start({ address: addressOf, neighbour: gallery.neighbour, opened, closed, actions, show });
  if (view.isOpen()) view.open();
}

/**
 * @param {string} id
 * @param {{ push?: boolean }} [options]
 */
export async function show(id, { push = false } = {}) {
  const isFirst = push && !view.isOpen();
  if (!(await view.show(id))) return;
  if (isFirst) {
    history.pushState({}, "", addressOf(id));
    pushed = true;
  } else if (location.pathname !== addressOf(id)) history.replaceState({}, "", addressOf(id));
}

function opened() {
  for (const [action, needed] of [
    ["as-input", "add-input"],
    ["edit-mask", "add-input"],
    ["reuse", "draw"],
  ]) {
    find(`[data-action="${action}"]`, holder)?.toggleAttribute("hidden", !document.getElementById(needed));
  }
}

/** @param {string | undefined} id */
function closed(id) {
  if (idIn(location.pathname)) pushed ? history.back() : history.replaceState({}, "", gallery.address());
  pushed = false;
  if (!find("#draw :focus")) focusTile(id); // what was chosen for this picture leads to the form
}

/** @param {string | undefined} id */
function focusTile(id) {
  const tile = id && gallery.tile(id);
  if (tile) child(tile, "a").focus();
}

/** @returns {ImageRequest} */
const requestOfPicture = () => JSON.parse(child(holder, "#image-request", HTMLScriptElement).textContent);

const actions = {
  "star-shown": () => stars.toggle(view.shown()),
  async vary() {
    const request = requestOfPicture();
    view.close();
    try {
      if (await form.send({ ...request, n: 1 })) toast(t("varying"));
    } catch (error) {
      tellRefusal(error);
    }
  },
  async reuse() {
    const request = requestOfPicture();
    view.close();
    await form.fill(request);
    toast(t("filled"));
  },
  async describe() {
    const id = view.shown();
    view.close();
    form.focus();
    if (id) await firstLook.describe(id);
  },
  "as-input"() {
    const picture = view.picture();
    const used = picture && inputs.use(picture);
    view.close();
    form.focus();
    if (used) toast(t("asInput"));
  },
  async "edit-mask"() {
    const id = view.shown();
    view.close();
    if (id) inputs.replace([id]);
    await inputs.paintFirst();
    form.focus();
  },
  async "delete-picture"() {
    const id = view.shown();
    if (!id) return;
    const gone = await remove(`/api/v1/files/${id}`).then(() => true, tellRefusal);
    if (!gone) return;
    const next = gallery.neighbour(id, 1) ?? gallery.neighbour(id, -1);
    view.close();
    gallery.removed(id);
    focusTile(next);
    toast(t("removed"), {
      label: t("undo"),
      run: () => post(`/api/v1/files/${id}/restore`).then(gallery.restored, tellRefusal),
    });
  },
};
