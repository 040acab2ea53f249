// Short notes at the head of the page; one may offer a way back.
import { byId } from "./dom.js";

const SECONDS = 8;

/**
 * @param {string} text
 * @param {{ label: string, run: () => unknown }} [action]
 */
export function toast(text, action) {
  const note = document.createElement("div");
  note.className = "toast";
  note.append(text);
  const timer = setTimeout(() => note.remove(), SECONDS * 1000);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-quiet";
    button.textContent = action.label;
    button.addEventListener("click", () => {
      clearTimeout(timer);
      note.remove();
      action.run();
    });
    note.append(button);
  }
  raised().append(note);
}

/** The region for notes, above everything: also above a dialog that was opened after it. */
function raised() {
  const region =
    document.getElementById("toasts") ??
    document.body.appendChild(
      Object.assign(document.createElement("div"), { id: "toasts", className: "toasts", popover: "manual" }),
    );
  region.hidePopover?.();
  region.showPopover?.();
  return region;
}

/**
 * For screen readers alone: what has finished, not what goes on.
 * @param {string} text
 */
export function announce(text) {
  byId("announcer").textContent = text;
}
