// The page of a shared chat: code, footnotes and formulas. It is read and not written.
import { codeActions } from "../chat/markdown/code.js";
import * as footnotes from "../chat/markdown/footnotes.js";
import * as markdown from "../chat/markdown/render.js";
import { byId, closest } from "../common/dom.js";

/** @type {Record<string, (button: HTMLElement) => unknown>} */
const actions = codeActions;

markdown.decorate(byId("content"));
footnotes.watch();
document.addEventListener("click", (event) => {
  const button = closest(event, "[data-action]");
  if (button) actions[button.dataset.action ?? ""]?.(button);
});
