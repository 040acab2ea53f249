// The page of a shared chat: code and formulas. It is read and not written.
import { codeActions } from "../chat/markdown/code.js";
import * as markdown from "../chat/markdown/render.js";

markdown.decorate(document.getElementById("content"));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  codeActions[button?.dataset.action]?.(button);
});
