// Code: its colours, from highlight.js, which is fetched by the first page that has code; and what one can do with it.
import { copyText } from "../../common/clipboard.js";
import { all, child } from "../../common/dom.js";

const LONGEST = 20_000; // characters; the highlighter needs the square of the time for some texts,
const LONG_LINE = /.{1001}/; // above all for long lines
const NUMBERED = { from: 10, longest: 50_000 }; // lines and characters of code whose lines have numbers
const SHOWABLE = /^(mermaid|svg|xml|html?)$/i;

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
  for (const block of blocks) if (!languageOf(block)) number(block);
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

/**
 * Let diagrams, drawings and pages below `root` be looked at, once they are whole.
 * @param {HTMLElement} root
 */
export function offerPreviews(root) {
  const blocks = all(".code:not([data-preview])", root).filter(
    (block) => SHOWABLE.test(languageOf(block)) && !block.closest("[data-status$='ing'], .reasoning-text"),
  );
  if (blocks.length) looks().then(({ offer }) => offer(blocks));
}

const looks = () => import("../looks/previews.js");

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
  if (highlighter.getLanguage(language) && text.length <= LONGEST && !LONG_LINE.test(text))
    code.innerHTML = highlighter.highlight(text, { language, ignoreIllegals: true }).value;
  number(block);
}

/**
 * Long code has numbers beside its lines, which the style sheet writes: nobody copies them.
 * @param {HTMLElement} block
 */
function number(block) {
  block.classList.add("coloured");
  const code = child(block, "code");
  const count = code.textContent.split("\n").length - 1;
  if (count < NUMBERED.from || code.textContent.length > NUMBERED.longest) return;
  block.classList.add("numbered");
  block.style.setProperty("--digits", String(String(count).length));
  /** @type {string[]} */
  const open = []; // marks of the highlighter that go on in the next line
  const lines = code.innerHTML.replace(/\n((?:<\/span>)*)$/, "$1").split("\n");
  code.innerHTML = lines
    .map((line) => {
      const before = open.join("");
      for (const [tag] of line.matchAll(/<span[^>]*>|<\/span>/g)) tag[1] === "/" ? open.pop() : open.push(tag);
      return `<span class="line">${before}${line}\n${"</span>".repeat(open.length)}</span>`;
    })
    .join("");
}

/** @param {HTMLElement} button */
const codeOf = (button) => /** @type {HTMLElement} */ (button.closest(".code"));

export const codeActions = {
  /** @param {HTMLElement} button */
  "copy-code": (button) => copyText(child(codeOf(button), "code").textContent, button),
  /** @param {HTMLElement} button */
  "toggle-preview": (button) => looks().then(({ toggle }) => toggle(button)),
  /** @param {HTMLElement} button */
  "enlarge-preview": (button) => looks().then(({ enlarge }) => enlarge(button)),
  /** @param {HTMLElement} button */
  "save-preview": (button) => looks().then(({ save }) => save(button)),
  /** @param {HTMLElement} button */
  "copy-table": (button) => import("../looks/tables.js").then(({ copyTable }) => copyTable(button)),
  /** @param {HTMLElement} button */
  "save-table": (button) => import("../looks/tables.js").then(({ saveTable }) => saveTable(button)),
  /** @param {HTMLElement} button */
  "wrap-code": (button) => button.setAttribute("aria-pressed", String(codeOf(button).classList.toggle("wrapped"))),
};
