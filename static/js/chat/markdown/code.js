// Code: its colours, from highlight.js, which is fetched by the first page that has code; and what one can do with it.
import { copyText } from "../../common/clipboard.js";
import { all, child } from "../../common/dom.js";

const LONGEST = 20_000; // characters; the highlighter needs the square of the time for some texts,
const LONG_LINE = /.{1001}/; // above all for long lines

/** @typedef {typeof import("../../../vendor/highlight-11.12.0/highlight.js").default} Highlighter */
/** @type {Promise<Highlighter> | undefined} */
let loading;
/** @type {Highlighter | undefined} */
let highlighter;

export function loadHighlighter() {
  loading ??= import("../../../vendor/highlight-11.12.0/highlight.js").then(
    (module) => {
      highlighter = module.default;
      return highlighter;
    },
    (error) => {
      loading = undefined; // asked again next time
      throw error;
    },
  );
  return loading;
}

/**
 * Give the code below `root` its colours; without a network it stays plain.
 * @param {HTMLElement} root
 */
export function colourCode(root) {
  const blocks = all(".code:not(.coloured)", root);
  if (root.matches(".code:not(.coloured)")) blocks.push(root);
  const withLanguage = blocks.filter(languageOf);
  if (!withLanguage.length) return;
  if (highlighter) for (const block of withLanguage) colour(highlighter, block);
  else
    loadHighlighter().then(
      (loaded) => {
        for (const block of withLanguage) colour(loaded, block);
      },
      () => {},
    );
}

/** @param {HTMLElement} block */
const languageOf = (block) => child(block, ".code-language").textContent.toLowerCase();

/**
 * @param {Highlighter} highlighter
 * @param {HTMLElement} block
 */
function colour(highlighter, block) {
  const code = child(block, "code");
  const [text, language] = [code.textContent, languageOf(block)];
  block.classList.add("coloured");
  if (!highlighter.getLanguage(language) || text.length > LONGEST || LONG_LINE.test(text)) return;
  code.innerHTML = highlighter.highlight(text, { language, ignoreIllegals: true }).value;
}

/** @param {HTMLElement} button */
const codeOf = (button) => /** @type {HTMLElement} */ (button.closest(".code"));

export const codeActions = {
  /** @param {HTMLElement} button */
  "copy-code": (button) => copyText(child(codeOf(button), "code").textContent, button),
  /** @param {HTMLElement} button */
  "wrap-code": (button) => button.setAttribute("aria-pressed", String(codeOf(button).classList.toggle("wrapped"))),
};
