// The keys of the whole page; those of one part stand with it.
import * as composer from "./composer.js";
import * as picker from "./picker.js";
import * as sidebar from "./sidebar.js";

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const dialog = () => document.getElementById("keys-dialog");
const isWriting = (target) => target.matches("input, textarea, select, [contenteditable]");

export function start() {
  if (isMac) for (const key of document.querySelectorAll("kbd[data-mac]")) key.textContent = key.dataset.mac;
  document.addEventListener("keydown", pressed);
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-action='keys']")) return;
    document.getElementById("account-menu").hidePopover();
    dialog().showModal();
  });
}

function pressed(event) {
  if (event.defaultPrevented || composer.isComposing(event)) return;
  const command = (isMac ? event.metaKey : event.ctrlKey) && !event.altKey;
  const key = event.key.toLowerCase();
  if (command && !event.shiftKey && key === "k") sidebar.focusSearch();
  else if (command && event.shiftKey && key === "o") document.querySelector(".new-chat").click();
  else if (key === "escape" && !document.querySelector("dialog[open], :popover-open") && !picker.isOpen())
    return composer.stop();
  else if (key === "?" && !isWriting(event.target) && !dialog().open) dialog().showModal();
  else return;
  event.preventDefault();
}
