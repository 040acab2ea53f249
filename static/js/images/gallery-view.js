// A picture of the gallery, large, and what can be done with it. Its address is its own, so it can be shared and left by "back".
import { post, remove, tellRefusal } from "../common/api.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import * as inputs from "./inputs.js";
import * as view from "./picture-view.js";

const holder = document.getElementById("view-part");
const place = (id) => `/images/${id}`;
const idIn = (path) => path.match(/^\/images\/([0-9a-f-]{36})$/)?.[1];
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
    else if (view.isOpen()) view.close();
  });
  view.start({ address: place, neighbour: gallery.neighbour, opened, closed, actions, show });
  if (view.isOpen()) view.open();
}

async function show(id, { push = false } = {}) {
  const first = push && !view.isOpen();
  if (!(await view.show(id))) return;
  if (first) {
    history.pushState({}, "", place(id));
    pushed = true;
  } else if (location.pathname !== place(id)) history.replaceState({}, "", place(id));
}

function opened() {
  const edits = document.getElementById("add-input");
  for (const action of ["as-input", "edit-mask", "reuse"]) {
    const button = holder.querySelector(`[data-action="${action}"]`);
    if (button) button.hidden = action === "reuse" ? !document.getElementById("draw") : !edits;
  }
}

function closed(id) {
  if (idIn(location.pathname)) pushed ? history.back() : history.replaceState({}, "", gallery.address());
  pushed = false;
  (id && gallery.tile(id)?.querySelector("a"))?.focus();
}

const wish = () => JSON.parse(holder.querySelector("#wish").textContent);

const actions = {
  async vary() {
    const again = wish();
    view.close();
    try {
      await form.ask({ ...again, n: 1 });
      toast(t("varying"));
    } catch (error) {
      tellRefusal(error);
    }
  },
  reuse() {
    const again = wish();
    view.close();
    form.fill(again);
    toast(t("filled"));
  },
  "as-input"() {
    const used = inputs.use(view.picture());
    view.close();
    form.focus();
    if (used) toast(t("asInput"));
  },
  async "edit-mask"() {
    const { id } = view.picture();
    view.close();
    inputs.replace([id]);
    await inputs.paintFirst();
    form.focus();
  },
  async "delete-picture"() {
    const id = view.shown();
    const gone = await remove(`/api/v1/files/${id}`).then(() => true, tellRefusal);
    if (!gone) return;
    const next = gallery.neighbour(id, 1) ?? gallery.neighbour(id, -1);
    view.close();
    gallery.removed(id);
    (next && gallery.tile(next)?.querySelector("a"))?.focus();
    toast(t("removed"), {
      label: t("undo"),
      run: () => post(`/api/v1/files/${id}/restore`).then(gallery.restored, tellRefusal),
    });
  },
};
