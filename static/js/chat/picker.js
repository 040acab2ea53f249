// The model picker: a button, and a panel with a search field that drives a list (the combobox pattern).
import { part, patch, tellRefusal } from "../common/api.js";
import { all, byId, child, closest, find, fragment } from "../common/dom.js";

const button = () => byId("picker-button");
const panel = () => byId("picker-panel");
const search = () => byId("picker-search", HTMLInputElement);
const options = () => all(":scope > *", byId("picker-list"));
const shownOptions = () => options().filter(({ hidden }) => !hidden);

export const model = () => button().dataset.model;
/** Whether it sees pictures: "true", "false", or "" when nobody knows. */
export const vision = () => button().dataset.vision;
export const isOpen = () => !panel().hidden;

/**
 * A model, as its option tells it.
 * @typedef {{ model: string, name: string, vision: string, length: string, demo: string }} Choice
 */

/**
 * How several are chosen at once (comparing/several.js).
 * @typedef {object} Several
 * @property {(model: string) => boolean} has
 * @property {(choice: Choice) => void} choose
 * @property {(choice: Choice) => void} follow the one model is another now, behind the several
 * @property {() => void} closed
 */

/** While several are chosen. @type {Several | undefined} */
let several;

/** @param {Several | undefined} mode */
export function setSeveral(mode) {
  several = mode;
  mark();
}

/** What the button says of its model, or of several. */
export const label = () => ({
  name: child(button(), ".picker-name").textContent?.trim() ?? "",
  vision: button().dataset.vision ?? "",
  length: button().dataset.length ?? "",
});

/** @param {ReturnType<typeof label>} shown */
export function setLabel({ name, vision, length }) {
  Object.assign(button().dataset, { vision, length });
  child(button(), ".picker-name").textContent = name;
}

/** The one model, if there is one; several are none. @returns {Choice | undefined} */
export const chosen = () => {
  const demo = find("#demo-badge:not([hidden])") ? "true" : "false";
  return model() ? { model: model() ?? "", demo, ...label() } : undefined;
};

export function start() {
  document.addEventListener("click", (event) => {
    const option = closest(event, "#picker-list .option");
    if (option) choose(option);
    else if (closest(event, "#picker-button")) isOpen() ? close() : open();
    else if (isOpen() && !closest(event, "#picker-panel, [data-action='choose-model']")) close();
  });
  // A press beside the field would take the focus, which closes the panel before the click comes.
  document.addEventListener(
    "mousedown",
    (event) => closest(event, "#picker-panel :not(input)") && event.preventDefault(),
  );
  document.addEventListener("input", (event) => event.target === search() && filter());
  document.addEventListener("keydown", (event) => event.target === search() && press(event));
  document.addEventListener("focusout", (event) => {
    const { relatedTarget } = event;
    const leaves =
      closest(event, "#picker") && relatedTarget instanceof Node && !byId("picker").contains(relatedTarget);
    if (leaves && isOpen()) close();
  });
}

export async function open() {
  panel().hidden = false;
  button().setAttribute("aria-expanded", "true");
  search().value = "";
  search().focus();
  try {
    byId("picker-list").innerHTML = await part(byId("picker-list").dataset.url ?? "");
  } catch (error) {
    close();
    return tellRefusal(error);
  }
  mark();
  filter();
}

/** Which options are chosen. */
function mark() {
  const has = (/** @type {string} */ id) => (several ? several.has(id) : id === model());
  for (const option of options()) option.setAttribute("aria-selected", String(has(option.dataset.model ?? "")));
}

export function close() {
  const isInside = panel().contains(document.activeElement);
  panel().hidden = true;
  button().setAttribute("aria-expanded", "false");
  if (isInside) button().focus();
  several?.closed();
}

function filter() {
  const words = search().value.toLowerCase().split(/\s+/);
  for (const option of options()) {
    const text = `${option.textContent} ${option.dataset.model}`.toLowerCase();
    option.hidden = !words.every((word) => text.includes(word));
  }
  const shown = shownOptions();
  child(document, ".picker-none").hidden = shown.length > 0;
  activate((!search().value && shown.find((option) => option.dataset.model === model())) || shown[0]);
}

/** @param {HTMLElement | undefined} option */
function activate(option) {
  find("#picker-list .active")?.classList.remove("active");
  option?.classList.add("active");
  option?.scrollIntoView({ block: "nearest" });
  if (option) search().setAttribute("aria-activedescendant", option.id);
  else search().removeAttribute("aria-activedescendant");
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (event.isComposing) return;
  const shown = shownOptions();
  const index = shown.findIndex((option) => option.classList.contains("active"));
  /** @type {Record<string, number>} */
  const targets = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: shown.length - 1 };
  const target = targets[event.key];
  if (target !== undefined && shown.length) activate(shown.at(target % shown.length));
  else if (event.key === "Enter" && shown[index]) choose(shown[index]);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** @param {HTMLElement} option */
function choose(option) {
  const choice = choiceOf(option);
  if (several) return several.choose(choice);
  close();
  byId("message").focus();
  take(choice);
}

/**
 * @param {HTMLElement} option
 * @returns {Choice}
 */
function choiceOf(option) {
  const { model: id = "", vision: sees = "", length = "", demo = "" } = option.dataset;
  return { model: id, vision: sees, length, demo, name: child(option, ".option-name").textContent?.trim() ?? "" };
}

/**
 * Let this be the one model, here and in new chats.
 * @param {Choice} choice
 */
export function take(choice) {
  put(choice);
  patch("/api/v1/preferences", { model: choice.model }).catch(tellRefusal);
}

/** @param {Choice} choice */
function put({ model: chosenModel, demo, ...shown }) {
  button().dataset.model = chosenModel;
  setLabel(shown);
  document.getElementById("demo-badge")?.toggleAttribute("hidden", demo !== "true");
  document.dispatchEvent(new CustomEvent("model:changed"));
}

/**
 * The chat goes on with this model; new chats begin with another.
 * @param {string} id
 */
export async function follow(id) {
  if (id === model()) return;
  const html = await part(byId("picker-list").dataset.url ?? "").catch(() => "");
  const option = all(".option", fragment(html)).find(({ dataset }) => dataset.model === id);
  if (!option) return;
  if (!several) return put(choiceOf(option));
  button().dataset.model = id;
  several.follow(choiceOf(option));
}
