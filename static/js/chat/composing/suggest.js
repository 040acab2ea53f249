// Listens for “@” and “/” in the message box; what they offer is loaded when they are typed.
import { area } from "../composer.js";

export function start() {
  document.addEventListener("input", async ({ target }) => {
    if (target !== area()) return;
    const before = area().value.slice(0, area().selectionStart);
    if (/(?:^|\s)@\S*$|(?:^|\n)\/\S*$/.test(before)) (await import("./suggestions.js")).look();
  });
}
