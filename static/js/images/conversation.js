// The pictures of a conversation: shown large with how they were made; "edit this" makes one the subject of the next message,
// and a brush says where it may change.
import * as composer from "../chat/composer.js";
import { show as showOptions } from "../chat/options.js";
import { runningId } from "../chat/thread.js";
import { tellRefusal } from "../common/api.js";
import { all, byId, child, clone, closest, find, isComposing, partOf } from "../common/dom.js";
import { upload } from "../common/upload.js";

/**
 * The picture that the next message edits, and what was in the composer before.
 * @typedef {object} Edited
 * @property {string} id
 * @property {string} url
 * @property {string} pressed whether the chip was
 * @property {string} placeholder
 * @property {Stroke[]} [strokes]
 * @property {string} [mask] the id of a file
 */

/**
 * What the tab has chosen in the chip's menu besides its radios, and what that is called.
 * @typedef {{ engine?: string, model?: string, params?: ImageRequest["params"], words?: string }} PictureChoice
 */

const CHOICE = "picture-choice";
const SHOWN = "#thread .picture[data-url^='/api/v1/files/']"; // stored here: what handlers show from elsewhere stays a link
const FEATURE = "image_generation";
const chip = () => find(`[data-feature="${FEATURE}"]`);
const mayEdit = () => Boolean(find(`[data-options="${FEATURE}"] [value="edit"]`));
/** @type {Edited | undefined} */
let edited;

/** Every picture of the thread gets its button; what has one stays as it is. */
function addButtons() {
  if (!mayEdit()) return;
  for (const picture of all(`${SHOWN}:not(:has(.picture-edit))`)) picture.append(clone("picture-edit-template"));
}

/** @param {{ id: string, url: string }} picture */
function edit({ id, url }) {
  leave();
  const reference = clone("edited-template");
  child(reference, "img").setAttribute("src", `${url}?w=128`);
  byId("composer-top").prepend(reference);
  const area = composer.area();
  const pressed = chip()?.getAttribute("aria-pressed") ?? "false";
  edited = { id, url, pressed, placeholder: area.placeholder };
  chip()?.setAttribute("aria-pressed", "true");
  if (pressed !== "true") chip()?.setAttribute("data-once", ""); // for this message: not to be remembered
  area.placeholder = reference.dataset.placeholder ?? "";
  area.focus();
}

/** The next message edits nothing after all, or was sent. */
function leave() {
  if (!edited) return;
  const reference = document.getElementById("edited");
  if (reference) {
    reference.remove();
    composer.area().placeholder = edited.placeholder;
    chip()?.setAttribute("aria-pressed", edited.pressed);
    chip()?.removeAttribute("data-once");
  }
  edited = undefined;
}

async function brush() {
  const picture = edited;
  if (!picture) return;
  const { paint } = await import("./mask.js");
  const painted = await paint(picture);
  if (!painted || picture !== edited) return;
  try {
    picture.mask = painted.mask && (await upload(new File([painted.mask], "mask.png"))).id;
    picture.strokes = painted.strokes;
  } catch (error) {
    return tellRefusal(error);
  }
  const button = find("#edited .edited-mask");
  button?.classList.toggle("masked", Boolean(picture.mask));
  if (picture.mask && button) partOf(button, "label").textContent = button.dataset.labelMasked ?? "";
  composer.area().focus();
}

const pictures = () => all(SHOWN);
/**
 * @param {HTMLElement | null} element
 * @returns {HTMLElement | null | undefined}
 */
const pictureAround = (element) => element?.closest(".picture");
/** @param {string | undefined} id of a file */
const pictureOf = (id) => pictures().find(({ dataset }) => dataset.file === id);
/** @type {Promise<typeof import("./picture-view.js")> | undefined} */
let view; // the script of the full view comes with the first look

async function loadView() {
  const loaded = await import("./picture-view.js");
  loaded.start({
    address: (id) => `/images/${id}?in=chat`,
    neighbour(id, step) {
      const ids = pictures().map(({ dataset }) => dataset.file);
      return ids[ids.indexOf(id) + step];
    },
    opened: (holder) => find("[data-action='edit-shown']", holder)?.toggleAttribute("hidden", !mayEdit()),
    closed(id) {
      const picture = edited?.id === id ? undefined : pictureOf(id);
      if (picture) child(picture, "a").focus();
    },
    actions: {
      "edit-shown"() {
        const picture = loaded.picture();
        loaded.close();
        if (picture) edit(picture);
      },
    },
  });
  return loaded;
}

/** @param {string} id of a file */
async function look(id) {
  view ??= loadView();
  return (await view).show(id);
}

/** @returns {PictureChoice} */
const choice = () => JSON.parse(sessionStorage.getItem(CHOICE) ?? "{}");
const menu = () => find(`[data-options="${FEATURE}"]`);
/** @param {string} name */
const optionIn = (name) =>
  find(`[data-options="${FEATURE}"] [data-option="${name}"]:checked`)?.getAttribute("value") ?? "";

/** The button of the menu names what is chosen for this engine. */
function showChoice() {
  const holder = menu();
  const { engine = "", words = "" } = choice();
  if (holder) holder.dataset.more = engine === optionIn("engine") ? words : "";
  showOptions();
}

/** @type {WeakMap<HTMLElement, Promise<(engine: string, isEdit: boolean) => Promise<void>>>} */
const filled = new WeakMap(); // the further parts of menus that were opened once

/** The menu was opened, or another engine or mode was chosen in it. */
async function followMenu() {
  const part = find(`[data-options="${FEATURE}"] [data-part="more"]`);
  if (!part) return;
  if (!filled.has(part))
    filled.set(
      part,
      import("./chip/parameters.js").then(({ fill }) => fill(part, tab)),
    );
  const follow = await filled.get(part);
  await follow?.(optionIn("engine"), Boolean(edited) || optionIn("mode") === "edit");
}

const tab = {
  now: choice,
  /** @param {PictureChoice} next */
  changed(next) {
    sessionStorage.setItem(CHOICE, JSON.stringify(next));
    showChoice();
  },
};

let estimates = false; // the line about time and price comes with the first press of the chip

async function estimate() {
  if (estimates || chip()?.getAttribute("aria-pressed") !== "true") return;
  estimates = true;
  const { start } = await import("./chip/estimate.js");
  start(() => (chip()?.getAttribute("aria-pressed") === "true" ? wanted() : undefined));
}

/** The picture that the next message asks for, as the API estimates it. */
function wanted() {
  const { engine = "", model, params } = choice();
  const own = engine === optionIn("engine") ? { model, params } : {};
  const [n, shape] = [Number(optionIn("n")) || undefined, optionIn("shape") || undefined];
  return { ...own, engine: optionIn("engine") || undefined, n, shape, image: edited ? [edited.id] : undefined };
}

/** @type {Record<string, (button: HTMLElement) => unknown>} */
const actions = {
  "edit-picture"(button) {
    const { file: id = "", url = "" } = pictureAround(button)?.dataset ?? {};
    edit({ id, url });
  },
  "brush-picture": brush,
  "leave-picture"() {
    leave();
    composer.area().focus();
  },
};

composer.askBefore(({ features }) => {
  if (!features[FEATURE] || !document.getElementById("limit-dialog")) return undefined; // no limit, no question
  return import("./chip/limit.js").then(({ isWanted }) => isWanted(wanted()));
});
composer.contribute(({ features }) => {
  const { engine = "", model, params } = choice();
  const asked = features[FEATURE];
  if (asked && engine === optionIn("engine") && (model || params)) {
    features[FEATURE] = { ...(asked === true ? {} : asked), model, params };
  }
  if (!edited) return;
  const chosen = features[FEATURE];
  const options = { ...(chosen === true ? {} : chosen), mode: "edit", image: edited.id };
  features[FEATURE] = edited.mask ? { ...options, mask: edited.mask } : options;
});
document.addEventListener("click", (event) => {
  const picture = pictureAround(closest(event, `${SHOWN} .picture-link`));
  if (picture && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    look(picture.dataset.file ?? "");
  }
  const button = closest(event, "[data-action]");
  if (button) actions[button.dataset.action ?? ""]?.(button);
  if (edited && closest(event, "[data-feature]") === chip()) {
    edited.pressed = "false";
    leave();
  }
  estimate();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !edited || event.defaultPrevented || isComposing(event)) return;
  if (runningId() || find("dialog[open], :popover-open")) return;
  leave();
  composer.area().focus();
});
document.addEventListener("message:sent", leave);
document.addEventListener(
  "toggle",
  ({ target, newState }) => newState === "open" && target === find(`#options-${FEATURE}`) && followMenu(),
  { capture: true }, // it does not bubble
);
document.addEventListener("change", (event) => {
  if (closest(event, `[data-options="${FEATURE}"] [data-option="engine"], [data-option="mode"]`)) followMenu();
});
document.addEventListener("htmx:afterSwap", ({ target }) => target.id === "main" && leave());
for (const type of ["thread:changed", "thread:files", "htmx:load", "htmx:historyRestore"]) {
  document.addEventListener(type, addButtons);
}
for (const type of ["htmx:load", "htmx:historyRestore"]) {
  document.addEventListener(type, estimate);
  document.addEventListener(type, showChoice);
}
showChoice();
addButtons();
estimate();
