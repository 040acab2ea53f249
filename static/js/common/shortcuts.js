// The keys of a whole page, and the dialog that lists them; those of one part stand with it.
import { all, byId, child, closest, find, isComposing } from "./dom.js";

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const dialog = () => byId("keys-dialog", HTMLDialogElement);
const TEXT_FIELDS = "input:not([type='radio'], [type='range']), textarea, select, [contenteditable]";

/**
 * @param {object} options
 * @param {() => void} options.search
 * @param {() => void} [options.onEscape] what Escape does while nothing is open that it closes
 */
export function start({ search, onEscape }) {
  if (isMac) for (const key of all("kbd[data-mac]")) key.textContent = key.dataset.mac ?? "";
  document.addEventListener("click", (event) => {
    if (!closest(event, "[data-action='keys']")) return;
    byId("account-menu").hidePopover();
    dialog().showModal();
  });
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || isComposing(event) || find("dialog:modal")) return;
    const command = (isMac ? event.metaKey : event.ctrlKey) && !event.altKey;
    const key = event.key.toLowerCase();
    if (command && !event.shiftKey && key === "k") search();
    else if (command && event.shiftKey && key === "o") child(document, ".new-chat").click();
    else if (key === "?" && !closest(event, TEXT_FIELDS)) dialog().showModal();
    else {
      if (key === "escape" && !find("dialog[open], :popover-open")) onEscape?.();
      return;
    }
    event.preventDefault();
  });
}
