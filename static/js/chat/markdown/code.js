// What one can do with a piece of code: copy it, wrap its lines.
import { copyText } from "../../common/clipboard.js";

export const codeActions = {
  "copy-code": (button) => copyText(button.closest(".code").querySelector("code").textContent, button),
  "wrap-code"(button) {
    const wrapped = button.closest(".code").classList.toggle("wrapped");
    button.setAttribute("aria-pressed", wrapped);
  },
};
