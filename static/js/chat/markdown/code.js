// Code: its colours, from highlight.js, which is fetched by the first page that has code; and what one can do with it.
import { copyText } from "../../common/clipboard.js";

const LONGEST = 20_000; // characters; the highlighter needs the square of the time for some texts,
const LONG_LINE = /.{1001}/; // above all for long lines
let loading;
let highlighter;

export function loadHighlighter() {
  loading ??= import("../../../vendor/highlight-11.12.0/highlight.js").then(
    (module) => (highlighter = module.default),
    (error) => {
      loading = undefined; // asked again next time
      throw error;
    },
  );
  return loading;
}

/** Give the code below `root` its colours; without a network it stays plain. */
export function colourCode(root) {
  const blocks = [...root.querySelectorAll(".code:not(.coloured)")];
  if (root.matches(".code:not(.coloured)")) blocks.push(root);
  const named = blocks.filter((block) => languageOf(block));
  if (!named.length) return;
  if (highlighter) named.forEach(colour);
  else
    loadHighlighter().then(
      () => named.forEach(colour),
      () => {},
    );
}

const languageOf = (block) => block.querySelector(".code-language").textContent.toLowerCase();

function colour(block) {
  const code = block.querySelector("code");
  const [text, language] = [code.textContent, languageOf(block)];
  block.classList.add("coloured");
  if (!highlighter.getLanguage(language) || text.length > LONGEST || LONG_LINE.test(text)) return;
  code.innerHTML = highlighter.highlight(text, { language, ignoreIllegals: true }).value;
}

export const codeActions = {
  "copy-code": (button) => copyText(button.closest(".code").querySelector("code").textContent, button),
  "wrap-code"(button) {
    const wrapped = button.closest(".code").classList.toggle("wrapped");
    button.setAttribute("aria-pressed", wrapped);
  },
};
