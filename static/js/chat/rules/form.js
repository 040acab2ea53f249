// The dialog with a chat's own rules. Of a chat that is not stored they stay in the page until its next message.
import { ApiError, part, patch } from "../../common/api.js";
import { all, byId, child, closest, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { announce } from "../../common/toast.js";
import * as picker from "../picker.js";
import * as thread from "../thread.js";
import { rules, show } from "./panel.js";

/** @type {HTMLDialogElement | undefined} */
let dialog;
let isTouched = false; // what another tab saves does not replace what is being written here

const form = () => byId("rules-form", HTMLFormElement);
const boxes = () => /** @type {HTMLInputElement[]} */ (all("input[name='tools']", form()));
/** @param {string} name */
const field = (name) => /** @type {HTMLInputElement} */ (form().elements.namedItem(name));
const TEXTS = ["system_prompt", "temperature", "reasoning_effort", "max_tokens"];

export async function openPanel() {
  const html = await part(byId("rules-button").dataset.url ?? "");
  dialog ??= make();
  dialog.innerHTML = html;
  fill();
  if (!dialog.open) dialog.showModal();
  field("system_prompt").focus();
}

function make() {
  const made = document.body.appendChild(document.createElement("dialog"));
  made.id = "rules-dialog";
  made.setAttribute("aria-labelledby", "rules-title");
  made.addEventListener("input", () => {
    isTouched = true;
  });
  made.addEventListener("submit", (event) => {
    event.preventDefault();
    if (check()) save(written());
  });
  made.addEventListener("click", (event) => {
    const pressed = closest(event, "[data-rules]")?.dataset.rules;
    if (pressed === "close") made.close();
    else if (pressed === "clear") save({});
    else if (pressed === "assistant") {
      if (!check()) return event.preventDefault();
      sessionStorage.setItem("assistant-from-rules", JSON.stringify({ ...written(), base: picker.model() }));
    }
  });
  document.addEventListener("rules:changed", () => made.open && !isTouched && fill());
  return made;
}

function fill() {
  const values = rules();
  for (const name of TEXTS) field(name).value = String(values[name] ?? "");
  for (const box of boxes()) box.checked = values.tools?.includes(box.value) ?? true;
  child(form(), "[data-rules='clear']").hidden = !Object.keys(values).length;
  isTouched = false;
}

/** Whether the browser takes what is written; it says what it does not. */
function check() {
  const wrong = TEXTS.map(field).find((input) => !input.validity.valid);
  tell(wrong?.validationMessage ?? "");
  for (const name of TEXTS) field(name).toggleAttribute("aria-invalid", field(name) === wrong);
  if (wrong) wrong.setAttribute("aria-invalid", "true");
  wrong?.focus();
  return !wrong;
}

/** @param {string} problem */
function tell(problem) {
  partOf(form(), "problem").textContent = problem;
}

/** The rules that the form says: what is empty is not among them. */
function written() {
  /** @type {Rules} */
  const values = {};
  for (const name of TEXTS) {
    const text = field(name).value;
    if (text.trim()) values[name] = field(name).type === "number" ? Number(text) : text;
  }
  const before = rules().tools;
  const unseen = before?.filter((name) => boxes().every((box) => box.value !== name)) ?? [];
  const chosen = boxes().filter((box) => box.checked);
  if (before && !boxes().length) values.tools = before;
  else if (unseen.length || chosen.length < boxes().length) {
    values.tools = [...chosen.map((box) => box.value), ...unseen];
  }
  return values;
}

/** @param {Rules} values */
async function save(values) {
  const isStored = thread.chatId() && !thread.isTemporary();
  try {
    show(isStored ? (await patch(thread.apiUrl(), { rules: values })).rules : values);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return tell(error.message || t("actionFailed"));
  }
  dialog?.close();
  announce(t("rulesSaved"));
}
