// What “@” and “/” offer in the message box: assistants and models for one message, and saved prompts. A list above the
// box that the text drives: arrows, Enter and Tab choose, Escape closes it.
import { part, tellRefusal } from "../../common/api.js";
import { all, byId, child, closest, find, isComposing, partOf } from "../../common/dom.js";
import { t } from "../../common/text.js";
import { announce } from "../../common/toast.js";
import { area, contribute, write } from "../composer.js";
import * as thread from "../thread.js";

const AT = /(?:^|\s)@(\S*)$/;
const SLASH = /(?:^|\n)\/(\S*)$/;

const list = () => byId("suggestions");
const options = () => all(".option", list());
const shownOptions = () => options().filter(({ hidden }) => !hidden);
const asked = () => byId("asked");
/** What is offered now, by the address of its list. */
let offered = "";
/** @type {HTMLDialogElement | undefined} */
let dialog;

/** The word at the caret: what calls the list, and what follows it. */
function word() {
  const { value, selectionStart, selectionEnd } = area();
  if (selectionStart !== selectionEnd) return undefined;
  const before = value.slice(0, selectionStart);
  const match = AT.exec(before) ?? SLASH.exec(before);
  if (!match) return undefined;
  const url = (AT.test(before) ? list().dataset.models : list().dataset.prompts) ?? "";
  return { url, text: match[1], start: selectionStart - match[1].length - 1 };
}

/** The text has changed: offer what fits. */
export async function look() {
  const called = word();
  if (!called) return close();
  if (called.url !== offered) {
    const html = await part(called.url).catch(tellRefusal);
    if (html === undefined) return close();
    offered = called.url;
    list().innerHTML = html;
    list().setAttribute("aria-label", (offered === list().dataset.models ? t("askWhom") : t("prompts")) ?? "");
  }
  const now = document.activeElement === area() ? word() : undefined; // one may have left, or written on
  if (now?.url === offered) filter(now.text);
  else close();
}

/** @param {string} text */
function filter(text) {
  const wanted = text.toLowerCase();
  for (const option of options()) {
    const { words = "", model = "" } = option.dataset;
    option.hidden = !`${words} ${model} ${option.textContent}`.toLowerCase().includes(wanted);
    option.classList.remove("active");
  }
  const shown = shownOptions();
  const wasHidden = list().hidden;
  list().hidden = !shown.length;
  if (!shown.length) return close();
  area().setAttribute("aria-controls", "suggestions");
  area().setAttribute("aria-autocomplete", "list");
  activate(shown[0]);
  if (wasHidden) announce(t("suggested", { n: shown.length }));
}

/** @param {HTMLElement} option */
function activate(option) {
  find(".option.active", list())?.classList.remove("active");
  option.classList.add("active");
  option.scrollIntoView({ block: "nearest" });
  for (const other of options()) other.setAttribute("aria-selected", String(other === option));
  area().setAttribute("aria-activedescendant", option.id);
}

function close() {
  list().hidden = true;
  offered = "";
  for (const name of ["aria-activedescendant", "aria-controls", "aria-autocomplete"]) area().removeAttribute(name);
}

/** Keys that belong to the list, before the box itself sees them. */
document.addEventListener(
  "keydown",
  (event) => {
    if (event.target !== area() || list().hidden || isComposing(event)) return;
    const shown = shownOptions();
    const index = shown.findIndex((option) => option.classList.contains("active"));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) activate(/** @type {HTMLElement} */ (shown.at((index + step) % shown.length)));
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") choose(shown[index]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);
document.addEventListener("input", ({ target }) => target === area() && !list().hidden && !word() && close());
document.addEventListener("selectionchange", () => !list().hidden && !word() && close());
document.addEventListener("focusout", ({ target }) => target === area() && close());
// A press would take the focus, which closes the list before the click comes.
document.addEventListener("mousedown", (event) => closest(event, "#suggestions") && event.preventDefault());
document.addEventListener("click", (event) => {
  const option = closest(event, "#suggestions .option");
  if (option) choose(option);
  else if (closest(event, "#asked button")) askNobody(true);
});

/** @param {HTMLElement | undefined} option */
function choose(option) {
  const called = word();
  if (!option || !called) return close();
  const { model, url } = option.dataset;
  const end = area().selectionStart;
  close();
  if (model) {
    replace(called.start, end, "");
    askOnce(option);
  } else if (url) fillIn(url, called.start, end).catch(tellRefusal);
}

/**
 * @param {number} start
 * @param {number} end
 * @param {string} text
 */
function replace(start, end, text) {
  const { value } = area();
  write(value.slice(0, start) + text + value.slice(end));
  area().setSelectionRange(start + text.length, start + text.length);
  area().focus();
}

// --- One message for another model -------------------------------------------------------------------------------------

/** @param {HTMLElement} option */
function askOnce(option) {
  const name = child(option, ".option-name").textContent?.trim() ?? "";
  asked().dataset.model = option.dataset.model;
  partOf(asked(), "name").textContent = t("askedOnce", { name });
  asked().hidden = false;
  announce(t("askedOnce", { name }));
}

/** @param {boolean} [back] to the message box */
function askNobody(back) {
  asked().hidden = true;
  delete asked().dataset.model;
  if (back) area().focus();
}

contribute((request) => {
  const { model } = asked().dataset;
  if (!model) return;
  request.model = model;
  if (!thread.isTemporary()) request.once = true;
});
document.addEventListener("message:sent", () => askNobody());

// --- Saved prompts -----------------------------------------------------------------------------------------------------

/**
 * @param {string} url
 * @param {number} start
 * @param {number} end
 */
async function fillIn(url, start, end) {
  const html = await part(url);
  dialog ??= make();
  dialog.innerHTML = html;
  const form = child(dialog, "form", HTMLFormElement);
  const text = form.dataset.text ?? "";
  if (!all("[data-input]", form).length) return replace(start, end, filled(text, {}));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    /** @type {Record<string, string>} */
    const values = {};
    for (const input of all("[data-input]", form)) {
      values[input.dataset.input ?? ""] = /** @type {HTMLInputElement} */ (input).value;
    }
    dialog?.close();
    replace(start, end, filled(text, values));
  });
  dialog.showModal();
  all("[data-input]", form)[0].focus();
}

function make() {
  const made = document.body.appendChild(document.createElement("dialog"));
  made.id = "prompt-dialog";
  made.setAttribute("aria-labelledby", "prompt-title");
  made.addEventListener("click", (event) => closest(event, "[data-prompt-action='cancel']") && made.close());
  made.addEventListener("close", () => area().focus());
  return made;
}

/**
 * The text with what was filled in, as chat/prompts/fields.py reads it: once, what was typed is not looked through.
 * @param {string} text
 * @param {Record<string, string>} values
 */
const filled = (text, values) =>
  text.replace(/\{\{([^{}|=:\n]{1,60})(?::(?:text|long|choice))?(?:=[^{}]{0,6000})?\}\}/g, (whole, name) => {
    const value = values[name.trim()];
    return value === undefined ? whole : value;
  });
