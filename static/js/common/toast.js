// Short notes at the head of the page: one fact, and one thing that can be done about it. They never repeat what the page
// shows, and the same note is not shown twice.
import { all, byId } from "./dom.js";

const SECONDS = 8;

/**
 * @param {string} text
 * @param {{ label: string, run: () => unknown }} [action]
 */
export function toast(text, action) {
  for (const other of all("#toasts .toast")) if (other.firstChild?.textContent === text) other.remove();
  const note = document.createElement("div");
  note.className = "toast";
  note.append(text);
  let timer = setTimeout(() => note.remove(), SECONDS * 1000);
  const stay = () => clearTimeout(timer);
  const leave = () => {
    stay();
    timer = setTimeout(() => note.remove(), SECONDS * 1000);
  };
  for (const type of ["pointerenter", "focusin"]) note.addEventListener(type, stay); // somebody reads it
  for (const type of ["pointerleave", "focusout"]) note.addEventListener(type, leave);
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button button-quiet";
    button.textContent = action.label;
    button.addEventListener("click", () => {
      stay();
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
