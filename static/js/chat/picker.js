// The model picker: a button, and a panel with a search field that drives a list (the combobox pattern).
import { part, patch, tellRefusal } from "../common/api.js";

const by = (id) => document.getElementById(id);
const button = () => by("picker-button");
const panel = () => by("picker-panel");
const search = () => by("picker-search");
const options = () => [...by("picker-list").children].filter((option) => !option.hidden);

export const model = () => button().dataset.model;
/** Whether it sees pictures: "true", "false", or "" when nobody knows. */
export const vision = () => button().dataset.vision;
export const isOpen = () => !panel().hidden;

export function start() {
  document.addEventListener("click", (event) => {
    const option = event.target.closest("#picker-list .option");
    if (option) choose(option);
    else if (event.target.closest("#picker-button")) isOpen() ? close() : open();
    else if (isOpen() && !event.target.closest("#picker-panel")) close();
  });
  document.addEventListener("input", (event) => event.target === search() && filter());
  document.addEventListener("keydown", (event) => event.target === search() && press(event));
  document.addEventListener("focusout", (event) => {
    if (
      isOpen() &&
      by("picker").contains(event.target) &&
      event.relatedTarget &&
      !by("picker").contains(event.relatedTarget)
    )
      close();
  });
}

async function open() {
  panel().hidden = false;
  button().setAttribute("aria-expanded", "true");
  search().value = "";
  search().focus();
  try {
    by("picker-list").innerHTML = await part(by("picker-list").dataset.url);
  } catch (error) {
    close();
    return tellRefusal(error);
  }
  for (const option of options()) option.setAttribute("aria-selected", option.dataset.model === model());
  filter();
}

export function close() {
  const inside = panel().contains(document.activeElement);
  panel().hidden = true;
  button().setAttribute("aria-expanded", "false");
  if (inside) button().focus();
}

function filter() {
  const words = search().value.toLowerCase().split(/\s+/);
  for (const option of by("picker-list").children) {
    const text = `${option.textContent} ${option.dataset.model}`.toLowerCase();
    option.hidden = !words.every((word) => text.includes(word));
  }
  const shown = options();
  document.querySelector(".picker-none").hidden = shown.length > 0;
  activate((!search().value && shown.find((option) => option.dataset.model === model())) || shown[0]);
}

function activate(option) {
  document.querySelector("#picker-list .active")?.classList.remove("active");
  option?.classList.add("active");
  option?.scrollIntoView({ block: "nearest" });
  if (option) search().setAttribute("aria-activedescendant", option.id);
  else search().removeAttribute("aria-activedescendant");
}

function press(event) {
  if (event.isComposing) return;
  const shown = options();
  const at = shown.findIndex((option) => option.classList.contains("active"));
  const target = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: shown.length - 1 }[event.key];
  if (target !== undefined && shown.length) activate(shown.at(target % shown.length));
  else if (event.key === "Enter" && shown[at]) choose(shown[at]);
  else if (event.key === "Escape") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function choose(option) {
  const { model: chosen, vision: sees } = option.dataset;
  Object.assign(button().dataset, { model: chosen, vision: sees });
  button().querySelector(".picker-name").textContent = option.querySelector(".option-name").textContent;
  const badge = by("demo-badge");
  if (badge) badge.hidden = option.dataset.demo !== "true";
  close();
  by("message").focus();
  document.dispatchEvent(new CustomEvent("model:changed"));
  patch("/api/v1/preferences", { model: chosen }).catch(tellRefusal);
}
