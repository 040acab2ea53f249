// A button that opens a list to choose one from: a <details class="pick"> with radios. It works without this script; with it
// the list closes like a menu, and the button says what is chosen.
import { all, child, closest, find, partOf } from "./dom.js";

const OPEN = "details.pick[open]";

export function start() {
  document.addEventListener("click", (event) => {
    const inside = closest(event, OPEN);
    for (const pick of all(OPEN)) if (pick !== inside) close(pick);
    if (inside && event.detail && closest(event, ".pick-option")) close(inside, { focus: true }); // detail: by a pointer
  });
  document.addEventListener("keydown", (event) => {
    const pick = closest(event, OPEN);
    const chooses = event.key === "Enter" && event.target instanceof HTMLInputElement && event.target.type === "radio";
    if (!pick || (event.key !== "Escape" && !chooses)) return;
    event.preventDefault();
    event.stopPropagation();
    close(pick, { focus: true });
  });
  document.addEventListener("focusin", (event) => {
    const inside = closest(event, OPEN);
    for (const pick of all(OPEN)) if (pick !== inside) close(pick);
  });
  document.addEventListener("change", (event) => {
    const pick = closest(event, "details.pick");
    if (pick) show(pick);
  });
  document.addEventListener(
    "toggle",
    ({ target }) => {
      if (!(target instanceof HTMLDetailsElement) || !target.matches(OPEN)) return;
      (find(".pick-search", target) ?? find("input:checked", target))?.focus();
    },
    { capture: true },
  );
}

/**
 * @param {HTMLElement} pick
 * @param {{ focus?: boolean }} [options]
 */
export function close(pick, { focus = false } = {}) {
  pick.removeAttribute("open");
  if (focus) child(pick, "summary").focus();
}

/**
 * The button says what is chosen.
 * @param {HTMLElement} pick
 */
function show(pick) {
  const chosen = find(".pick-option:has(:checked) span", pick);
  if (chosen) partOf(pick, "chosen").textContent = chosen.textContent;
}
