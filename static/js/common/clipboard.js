import { find } from "./dom.js";

/**
 * Put `text` on the clipboard and let `button` say so for a moment (its data-copied text, or a tick).
 * @param {string} text
 * @param {HTMLElement} [button]
 */
export async function copyText(text, button) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyWithSelection(text); // plain http on another host has no clipboard API
  if (!button) return;
  button.dataset.state = "copied";
  setTimeout(() => delete button.dataset.state, 1600);
}

/** @param {string} text */
function copyWithSelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  (find("dialog[open]") ?? document.body).append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
