// Account and settings pages: copy buttons, and the theme choice where a page offers one.
import { copyText } from "../common/clipboard.js";
import { byId, closest } from "../common/dom.js";
import { watchTheme } from "../common/theme.js";

watchTheme();

document.addEventListener("click", (event) => {
  const button = closest(event, "[data-copy]");
  if (!button) return;
  const source = byId(button.dataset.copy ?? "");
  copyText(source instanceof HTMLInputElement ? source.value : source.textContent.trim(), button);
});
