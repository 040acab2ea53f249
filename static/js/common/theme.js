// The theme is an attribute on <html>. The cookie lets the sign-in page know it; a person's preference follows them.
import { patch, tellRefusal } from "./api.js";
import { setCookie } from "./cookies.js";
import { all, closest } from "./dom.js";

/** @param {string} theme */
export function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  setCookie("theme", theme);
  for (const input of all('input[name="theme"]')) {
    if (input instanceof HTMLInputElement) input.checked = input.value === theme;
  }
  if (document.body.dataset.user) patch("/api/v1/preferences", { theme }).catch(tellRefusal);
}

/** Radio buttons named "theme" switch it at once, on every page that has them. */
export function watchTheme() {
  document.addEventListener("change", (event) => {
    const input = closest(event, 'input[name="theme"]');
    if (input instanceof HTMLInputElement) setTheme(input.value);
  });
}
