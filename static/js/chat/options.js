// What a pressed chip asks besides: its answers go into the feature's object, and stay as long as the tab.
import { contribute } from "./composer.js";

const KEY = "options";
const radios = (root = document) => [...root.querySelectorAll("[data-options] input[type='radio']")];
const kept = () => JSON.parse(sessionStorage.getItem(KEY) ?? "{}");

export function start() {
  document.addEventListener("change", ({ target }) => {
    if (!target.matches("[data-options] input")) return;
    sessionStorage.setItem(KEY, JSON.stringify({ ...kept(), [target.name]: target.value }));
    show();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-options] input")) return;
    event.preventDefault(); // or it would send the message
    event.target.closest("[popover]").hidePopover();
  });
  contribute((wish) => {
    for (const one of radios()) {
      const feature = one.closest("[data-options]").dataset.options;
      if (!one.checked || !one.value || !wish.features[feature]) continue;
      wish.features[feature] = { ...wish.features[feature], [one.dataset.option]: one.value };
    }
  });
}

/** A main part was put in place. */
export function open() {
  const wanted = kept();
  for (const one of radios()) if (wanted[one.name] === one.value) one.checked = true;
  show();
}

/** Each button says what differs from the usual, else the first answer. */
function show() {
  for (const place of document.querySelectorAll("[data-options]")) {
    const chosen = radios(place).filter((one) => one.checked);
    const said = chosen.filter((one) => one.value);
    place.querySelector("[data-part='chosen']").textContent = (said.length ? said : chosen.slice(0, 1))
      .map((one) => one.dataset.label)
      .join(" · ");
  }
}
