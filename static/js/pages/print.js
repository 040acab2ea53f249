// A chat as a document. The window for printing opens by itself when somebody asked for it (`#now`), once all is drawn.
import { codeActions } from "../chat/markdown/code.js";
import * as markdown from "../chat/markdown/render.js";
import { setTimeZone } from "../common/cookies.js";
import { all, byId, closest, find } from "../common/dom.js";

/** @type {Record<string, (button: HTMLElement) => unknown>} */
const actions = { ...codeActions, print: () => print() };

setTimeZone();
for (const control of all("[data-ready]")) control.removeAttribute("disabled");
for (const image of all("img[loading]")) image.removeAttribute("loading"); // paper has no part that is seen later
markdown.decorate(byId("content"));
document.addEventListener("click", (event) => {
  const button = closest(event, "[data-action]");
  if (button) actions[button.dataset.action ?? ""]?.(button);
});
if (location.hash === "#now") {
  history.replaceState(null, "", location.pathname); // once: not again when one comes back
  addEventListener("load", printSoon);
}

/** Formulas and diagrams come first; what does not come is not waited for. */
async function printSoon() {
  for (let round = 0; round < 60; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    if (round > 1 && !find(".preview:not(.preview-mistake, :has(iframe)), .math:not(.drawn)")) break;
  }
  print();
}
