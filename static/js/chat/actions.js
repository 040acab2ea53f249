// What one can do with a message: copy, edit, answer again, look at another version.
import { post, tellRefusal } from "../common/api.js";
import { copyText } from "../common/clipboard.js";
import { t } from "../common/text.js";
import { toast } from "../common/toast.js";
import * as composer from "./composer.js";
import * as followUps from "./follow-ups.js";
import { codeActions } from "./markdown/code.js";
import * as picker from "./picker.js";
import * as scroll from "./scroll.js";
import * as thread from "./thread.js";

const actions = {
  copy: (button, message) => copyText(textOf(message), button),
  ...codeActions,
  edit: (_button, message) => edit(message),
  "cancel-edit": (_button, message) => endEdit(message),
  "read-aloud": (_button, message) =>
    import("./speak.js").then(
      (speak) => speak.toggle(message),
      () => toast(t("noAnswer")),
    ), // no network: no module
  regenerate: (_button, message) => answerAgain(message, { model: picker.model() }),
  branch: (button, message) => page(button, message),
  ask: (button) => followUps.ask(button.textContent),
  start: (button) => composer.submit(button.dataset.prompt),
  "to-latest": () => scroll.toEnd(),
};

export function start() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-action]");
    actions[button?.dataset.action]?.(button, button.closest(".message"));
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("[data-edit]")) return;
    event.preventDefault();
    send(event.target);
  });
  document.addEventListener("keydown", (event) => {
    const form = event.target.closest("[data-edit]");
    if (!form || composer.isComposing(event)) return;
    if (event.key === "Escape") endEdit(form.closest(".message"));
    else if (event.key === "Enter" && !event.shiftKey && event.target.matches("textarea")) send(form);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

const textOf = (message) =>
  message.querySelector("template[data-source]")?.content.textContent ??
  message.querySelector("[data-text]")?.textContent ??
  "";

/** Ask for a change of the thread, then show it; → whether it worked. */
async function change(path, toEnd, body) {
  try {
    await post(thread.apiUrl(path), body);
  } catch (error) {
    tellRefusal(error);
    return false;
  }
  await thread.refresh();
  if (toEnd) scroll.toEnd();
  return true;
}

const answerAgain = (message, wish) =>
  thread.ownChat()?.answerAgain(message, wish) ?? change(`/messages/${message.dataset.message}/regenerate`, true, wish);

function edit(message) {
  if (message.classList.contains("editing")) return;
  const form = document.getElementById("edit-template").content.firstElementChild.cloneNode(true);
  const area = form.querySelector("textarea");
  area.value = textOf(message);
  message.classList.add("editing");
  message.append(form);
  composer.grow(area);
  area.focus();
  area.setSelectionRange(area.value.length, area.value.length);
}

function endEdit(message) {
  message.querySelector("[data-edit]")?.remove();
  message.classList.remove("editing");
  document.getElementById("message").focus();
}

async function send(form) {
  const message = form.closest(".message");
  const content = form.querySelector("textarea").value;
  if (!content.trim() || form.inert) return;
  form.inert = true; // once is enough
  const wish = { content, model: picker.model() };
  const done = await (thread.ownChat()?.edit(message, wish) ??
    change(`/messages/${message.dataset.message}/edit`, true, wish));
  form.inert = false;
  if (done) endEdit(message);
}

async function page(button, message) {
  const place = message.previousElementSibling;
  await change(`/messages/${button.dataset.branch}/select`);
  const shown = place ? place.nextElementSibling : thread.element().querySelector(".message");
  const same = shown?.querySelector(`.pager [aria-label="${button.getAttribute("aria-label")}"]:not(:disabled)`);
  (same ?? shown?.querySelector(".pager button:not(:disabled)"))?.focus();
}
