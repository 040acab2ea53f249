// Account and settings pages: copy buttons, and the theme choice where a page offers one.
import { copyText } from "../common/clipboard.js";
import { watchTheme } from "../common/theme.js";

watchTheme();

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  await copyText(source.value ?? source.textContent.trim(), button);
});
