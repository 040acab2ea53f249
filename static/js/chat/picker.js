// The model picker: a button, and a panel with a search field that drives a list (the combobox pattern).
import { part, patch, tellRefusal } from "../common/api.js";
import { all, byId, child, closest, find } from "../common/dom.js";

const button = () => byId("picker-button");
const panel = () => byId("picker-panel");
const search = () => byId("picker-search", HTMLInputElement);
const options = () => all(":scope > *", byId("picker-list"));
const shownOptions = () => options().filter(({ hidden }) => !hidden);

export const model = () => button().dataset.model;
/** Whether it sees pictures: "true", "false", or "" when nobody knows. */
export const vision = () => button().dataset.vision;
export const isOpen = () => !panel().hidden;

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
  for (const option of options()) option.setAttribute("aria-selected", String(option.dataset.model === model()));
  filter();
}

export function close() {
  const isInside = panel().contains(document.activeElement);
  panel().hidden = true;
  button().setAttribute("aria-expanded", "false");
  if (isInside) button().focus();
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
  const { model: chosen, vision: sees, demo } = option.dataset;
  Object.assign(button().dataset, { model: chosen, vision: sees });
  child(button(), ".picker-name").textContent = child(option, ".option-name").textContent;
  document.getElementById("demo-badge")?.toggleAttribute("hidden", demo !== "true");
  close();
  byId("message").focus();
  document.dispatchEvent(new CustomEvent("model:changed"));
  patch("/api/v1/preferences", { model: chosen }).catch(tellRefusal);
}
