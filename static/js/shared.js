// The page of a shared chat: code and formulas. It is read and not written.
import { codeActions } from "./code.js";
import * as markdown from "./markdown.js";

markdown.decorate(document.getElementById("content"));
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  codeActions[button?.dataset.action]?.(button);
});
