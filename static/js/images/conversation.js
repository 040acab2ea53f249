// The pictures of a conversation: shown large with how they were made; "edit this" makes one the subject of the next message,
// and a brush says where it may change.

import * as composer from "../chat/composer.js";
import { runningId } from "../chat/thread.js";
import { tellRefusal, upload } from "../common/api.js";

const SHOWN = "#thread .picture[data-url^='/api/v1/files/']"; // stored here: what handlers show from elsewhere stays a link
const FEATURE = "image_generation";
const by = (id) => document.getElementById(id);
const chip = () => document.querySelector(`[data-feature="${FEATURE}"]`);
const mayEdit = () => Boolean(document.querySelector(`[data-options="${FEATURE}"] [value="edit"]`));
let edited; // {id, url, pressed, placeholder, strokes?, mask?: file id}: the picture that the next message edits

/** Every picture of the thread gets its button; what has one stays as it is. */
function dress() {
  if (!mayEdit()) return;
  for (const picture of document.querySelectorAll(`${SHOWN}:not(:has(.picture-edit))`)) {
    picture.append(by("picture-edit-template").content.cloneNode(true));
  }
}

function edit({ file: id, url }) {
  leave();
  const area = by("message");
  const reference = by("edited-template").content.firstElementChild.cloneNode(true);
  reference.querySelector("img").src = `${url}?w=128`;
  by("composer").prepend(reference);
  edited = { id, url, pressed: chip().getAttribute("aria-pressed"), placeholder: area.placeholder };
  chip().setAttribute("aria-pressed", "true");
  if (edited.pressed !== "true") chip().dataset.once = ""; // for this message: not to be remembered
  area.placeholder = reference.dataset.placeholder;
  area.focus();
}

/** The next message edits nothing after all, or was sent. */
function leave() {
  if (!edited) return;
  if (by("edited")) {
    by("edited").remove();
    by("message").placeholder = edited.placeholder;
    chip()?.setAttribute("aria-pressed", edited.pressed);
    delete chip()?.dataset.once;
  }
  edited = undefined;
}

async function brush() {
  const picture = edited;
  const { paint } = await import("./mask.js");
  const painted = await paint(picture);
  if (!painted || picture !== edited) return;
  try {
    const mask = painted.mask && (await upload(new File([painted.mask], "mask.png")));
    Object.assign(picture, { strokes: painted.strokes, mask: mask?.id });
  } catch (error) {
    return tellRefusal(error);
  }
  const button = by("edited")?.querySelector(".edited-mask");
  button?.classList.toggle("masked", Boolean(picture.mask));
  if (picture.mask && button) button.querySelector("[data-part='label']").textContent = button.dataset.labelMasked;
  by("message").focus();
}

const pictures = () => [...document.querySelectorAll(SHOWN)];
const pictureOf = (id) => pictures().find((one) => one.dataset.file === id);
let view; // a promise of the full view's script, which comes with the first look

async function loadView() {
  const loaded = await import("./picture-view.js");
  loaded.start({
    address: (id) => `/images/${id}?in=chat`,
    neighbour: (id, step) => pictures()[pictures().indexOf(pictureOf(id)) + step]?.dataset.file,
    opened: (holder) => holder.querySelector("[data-action='edit-shown']")?.toggleAttribute("hidden", !mayEdit()),
    closed: (id) => edited?.id !== id && pictureOf(id)?.querySelector("a").focus(),
    actions: {
      "edit-shown"() {
        const { id, url } = loaded.picture();
        loaded.close();
        edit({ file: id, url });
      },
    },
  });
  return loaded;
}

async function look(id) {
  view ??= loadView();
  return (await view).show(id);
}

const actions = {
  "edit-picture": (button) => edit(button.closest(".picture").dataset),
  "brush-picture": brush,
  "leave-picture"() {
    leave();
    by("message").focus();
  },
};

composer.contribute((wish) => {
  if (!edited) return;
  const asked = { ...wish.features[FEATURE], mode: "edit", image: edited.id };
  wish.features[FEATURE] = edited.mask ? { ...asked, mask: edited.mask } : asked;
});
document.addEventListener("click", (event) => {
  const { target } = event;
  const link = target.closest(`${SHOWN} .picture-link`);
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    look(link.closest(".picture").dataset.file);
  }
  const button = target.closest("[data-action]");
  actions[button?.dataset.action]?.(button);
  if (edited && target.closest("[data-feature]") === chip()) {
    edited.pressed = "false";
    leave();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !edited || event.defaultPrevented || composer.isComposing(event)) return;
  if (!runningId() && !document.querySelector("dialog[open], :popover-open")) actions["leave-picture"]();
});
document.addEventListener("message:sent", leave);
document.addEventListener("htmx:afterSwap", ({ target }) => target.id === "main" && leave());
for (const type of ["thread:changed", "thread:files", "htmx:load", "htmx:historyRestore"])
  document.addEventListener(type, dress);
dress();
