// What a pressed chip asks besides: the choices go into the feature's object, and stay as long as the tab.
import { all, closest, partOf } from "../common/dom.js";
import { contribute } from "./composer.js";

const KEY = "options";

/** @returns {HTMLInputElement[]} */
const radios = (/** @type {ParentNode} */ root = document) =>
  Array.from(root.querySelectorAll("input[type='radio'][data-option]"));
/** @returns {Record<string, string>} */
const stored = () => JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
/** @param {Event} event */
const optionOf = (event) => {
  const input = closest(event, "[data-options] input");
  return input instanceof HTMLInputElement ? input : undefined;
};

export function start() {
  document.addEventListener("change", (event) => {
    const option = optionOf(event);
    if (!option) return;
    sessionStorage.setItem(KEY, JSON.stringify({ ...stored(), [option.name]: option.value }));
    show();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !optionOf(event)) return;
    event.preventDefault(); // or it would send the message
    closest(event, "[popover]")?.hidePopover();
  });
  contribute(({ features }) => {
    for (const menu of all("[data-options]")) {
      const name = menu.dataset.options ?? "";
      for (const { checked, value, dataset } of radios(menu)) {
        const feature = features[name];
        if (!checked || !value || !feature) continue;
        features[name] = { ...(feature === true ? {} : feature), [dataset.option ?? ""]: value };
      }
    }
  });
}

/** A main part was put in place. */
export function open() {
  const wanted = stored();
  for (const radio of radios()) if (wanted[radio.name] === radio.value) radio.checked = true;
  show();
}

/** Each button shows what differs from the usual, also what a script has put beside (`data-more`), else the first choice. */
export function show() {
  for (const menu of all("[data-options]")) {
    const chosen = radios(menu).filter(({ checked }) => checked);
    const unusual = chosen.filter(({ value }) => value);
    const { more } = menu.dataset;
    const named = unusual.length || more ? unusual : chosen.slice(0, 1);
    const labels = [...named.map(({ dataset }) => dataset.label), ...(more ? [more] : [])];
    partOf(menu, "chosen").textContent = labels.join(" · ");
  }
}
