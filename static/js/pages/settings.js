// The search of the settings: what fits is listed while one types. Without this script the form asks the server.
import { all, byId, find, isComposing } from "../common/dom.js";

const field = byId("settings-search", HTMLInputElement);
const results = byId("settings-found");
const entries = () => all("li", results);

function show() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const entry of entries()) {
    const text = (entry.dataset.words ?? "").toLowerCase();
    entry.hidden = !words.every((word) => text.includes(word));
  }
  results.hidden = !words.length;
}

field.addEventListener("input", show);
field.addEventListener("keydown", (event) => {
  if (isComposing(event)) return;
  if (event.key === "Escape" && field.value) {
    field.value = "";
    show();
  } else if (event.key === "ArrowDown") find("li:not([hidden]) a", results)?.focus();
  else return;
  event.preventDefault();
});
results.addEventListener("keydown", (event) => {
  const links = all("li:not([hidden]) a", results);
  const index = links.findIndex((link) => link.matches(":focus"));
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || index < 0) return;
  event.preventDefault();
  (links[index + step] ?? field).focus();
});
field.form?.addEventListener("submit", (event) => {
  event.preventDefault();
  find("li:not([hidden]) a", results)?.click();
});
