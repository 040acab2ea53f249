// What one can do with a message: copy it, edit it, have it answered again, look at another version.
import { patch, post, tellRefusal } from "../common/api.js";
import { copyText } from "../common/clipboard.js";
import { byId, child, clone, closest, find, isComposing } from "../common/dom.js";
import { grow } from "../common/grow.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as composer from "./composer.js";
import * as followUps from "./follow-ups.js";
import { codeActions } from "./markdown/code.js";
import * as picker from "./picker.js";
import * as scroll from "./scroll.js";
import * as thread from "./thread.js";

/** @type {Record<string, (button: HTMLElement) => unknown>} */
const pageActions = {
  ...codeActions,
  ask: (button) => followUps.send(button.textContent),
  start: ({ dataset }) => composer.submit(dataset.prompt ?? "", dataset.startFeature ? [dataset.startFeature] : []),
  "choose-model": () => picker.open(),
  talk: () => voice("talk", ({ open }) => open()),
  "dismiss-checklist": dismissChecklist,
  "to-latest": thread.toLatest,
  several: () =>
    import("./comparing/several.js").then(
      ({ toggle }) => toggle(),
      () => toast(t("noAnswer")),
    ), // as below
  "merge-answers": (button) => columns((loaded) => loaded.openMerge(button)),
};

/** @type {Record<string, (message: HTMLElement, button: HTMLElement) => unknown>} */
const messageActions = {
  copy: (message, button) => copyText(textOf(message), button),
  edit,
  "cancel-edit": endEdit,
  "read-aloud": (message) =>
    import("./voice/speak.js").then(
      (speak) => speak.toggle(message),
      () => toast(t("noAnswer")), // no network: no module
    ),
  rate: (message, button) =>
    import("./feedback.js").then(
      (feedback) => feedback.rate(message, button),
      () => toast(t("noAnswer")), // as above
    ),
  regenerate: answerAgain,
  branch: showVersion,
  more: (message, button) => {
    chosen = message;
    const isEditable = isAnswer(message) && !message.closest(".comparison");
    find("[data-action='edit-answer']", byId("message-menu"))?.toggleAttribute("hidden", !isEditable);
    byId("message-menu").addEventListener("toggle", ({ newState }) => newState === "closed" && button.focus(), {
      once: true,
    });
  },
  "go-on": (message) => branches((loaded) => loaded.goOn(message)),
  "stop-answer": ({ dataset }) => composer.stop([dataset.message]),
  "pick-answer": (message) => columns((loaded) => loaded.pick(message)),
  "reopen-comparison": (_message, button) => columns((loaded) => loaded.reopen(button)),
};

/**
 * What concerns speaking is fetched when somebody presses one of its buttons.
 * @param {string} name
 * @param {(module: any) => unknown} use
 */
const voice = (name, use) =>
  (name === "talk" ? import("./voice/talk.js") : import("./voice/dictate.js")).then(use, () => toast(t("noAnswer")));

/** What the menu of a message offers. @type {Record<string, (message: HTMLElement) => unknown>} */
const menuActions = {
  "edit-answer": edit,
  fork: (message) => branches((loaded) => loaded.fork(message)),
  map: () => branches((loaded) => loaded.openMap()),
};

/** @type {HTMLElement | undefined} */
let chosen; // the message whose menu is open

/** @param {HTMLElement} message */
const isAnswer = (message) => message.classList.contains("assistant");

/** @param {(loaded: typeof import("./longer/branches.js")) => unknown} use */
const branches = (use) => import("./longer/branches.js").then(use, () => toast(t("noAnswer"))); // no network: no module

/** @param {(loaded: typeof import("./comparing/columns.js")) => unknown} use */
const columns = (use) => import("./comparing/columns.js").then(use, () => toast(t("noAnswer"))); // as above

export function start() {
  for (const type of ["pointerdown", "click"]) {
    document.addEventListener(type, (event) => {
      if (closest(event, "[data-action$='dictate'], [data-action$='dictation']"))
        voice("dictate", ({ pressed }) => pressed(event));
    });
  }
  document.addEventListener("click", (event) => {
    const button = closest(event, "[data-action]");
    const action = button?.dataset.action ?? "";
    if (button) pageActions[action]?.(button);
    if (chosen && button && menuActions[action]) {
      byId("message-menu").hidePopover();
      menuActions[action](chosen);
    }
    const message = button && messageOf(button);
    if (message) messageActions[action]?.(message, button);
  });
  document.addEventListener("submit", (event) => {
    const form = closest(event, "[data-edit]");
    if (!form) return;
    event.preventDefault();
    send(form);
  });
  document.addEventListener("keydown", (event) => {
    const form = closest(event, "[data-edit]");
    const message = form && messageOf(form);
    if (!message || isComposing(event)) return;
    if (event.key === "Escape") endEdit(message);
    else if (event.key === "Enter" && !event.shiftKey && event.target instanceof HTMLTextAreaElement) send(form);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

/** An administrator has seen what there is to set up. */
async function dismissChecklist() {
  const list = byId("checklist");
  const keep = (/** @type {boolean | null} */ shown) => patch("/api/v1/preferences", { checklist: shown });
  list.hidden = true;
  const field = byId("message", HTMLTextAreaElement);
  (field.disabled ? byId("main") : field).focus();
  try {
    await keep(false);
  } catch (error) {
    list.hidden = false;
    return tellRefusal(error);
  }
  const run = () => {
    list.hidden = false;
    child(list, "summary").focus();
    keep(null).catch(tellRefusal);
  };
  toast(t("checklistHidden"), { label: t("undo"), run });
}

/**
 * @param {HTMLElement} element
 * @returns {HTMLElement | null}
 */
const messageOf = (element) => element.closest(".message");

/** @param {HTMLElement} message */
const textOf = (message) => thread.sourceOf(message) ?? find("[data-text]", message)?.textContent ?? "";

/**
 * Ask for a change of the thread, then show it; → whether it worked.
 * @param {string} path
 * @param {object} [request]
 */
export async function change(path, request) {
  try {
    await post(thread.apiUrl(path), request);
  } catch (error) {
    tellRefusal(error);
    return false;
  }
  await thread.refresh();
  if (request) scroll.toEnd(); // something is answered
  return true;
}

/** @param {HTMLElement} message */
function answerAgain(message) {
  if ("merged" in message.dataset) return columns((loaded) => loaded.openMerge(message));
  // One of several answers is asked for again of its own model.
  const request = message.closest(".comparison") ? { once: true } : { model: picker.model() };
  const own = thread.ownChat();
  return own ? own.answerAgain(message, request) : change(`/messages/${message.dataset.message}/regenerate`, request);
}

/** @param {HTMLElement} message */
function edit(message) {
  if (message.classList.contains("editing")) return;
  const form = clone("edit-template");
  const area = child(form, "textarea", HTMLTextAreaElement);
  area.value = textOf(message);
  message.classList.add("editing");
  message.append(form);
  grow(area);
  area.addEventListener("input", () => grow(area));
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}

/** @param {HTMLElement} message */
function endEdit(message) {
  find("[data-edit]", message)?.remove();
  message.classList.remove("editing");
  byId("message").focus();
}

/** @param {HTMLElement} form */
async function send(form) {
  const message = messageOf(form);
  const content = child(form, "textarea", HTMLTextAreaElement).value;
  if (!message || !content.trim() || form.inert) return;
  form.inert = true; // once is enough
  // Models side by side answer again side by side.
  const areCompared = message.nextElementSibling?.matches(".comparison");
  const request = areCompared ? { content } : { content, model: picker.model() };
  const own = thread.ownChat();
  const path = `/messages/${message.dataset.message}/${isAnswer(message) ? "revise" : "edit"}`;
  const done = await (own ? own.edit(message, request) : change(path, request));
  form.inert = false;
  if (done) endEdit(message);
}

/**
 * @param {HTMLElement} message
 * @param {HTMLElement} button
 */
async function showVersion(message, button) {
  const before = message.previousElementSibling;
  await change(`/messages/${button.dataset.branch}/select`);
  const shown = before ? before.nextElementSibling : thread.element().querySelector(".message");
  if (!shown) return;
  const same = find(`.pager [aria-label="${button.getAttribute("aria-label")}"]:not(:disabled)`, shown);
  (same ?? find(".pager button:not(:disabled)", shown))?.focus();
}
