// Footnotes: `[^1]` in the text, and `[^1]: the note` at the beginning of a line. The rules of chat/markdown/footnotes.py:
// numbered in the order of their references, at the end of the text, with ids that contain `env.prefix`.

import { closest } from "../../common/dom.js";

/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").default} MarkdownIt */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").Token} Token */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").Environment} Environment */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").CoreState} CoreState */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").InlineState} InlineState */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").BlockState} BlockState */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").RenderRule} RenderRule */

const REFERENCE = /\[\^([^ \t\n\r[\]]{1,100})\]/y;
const DEFINITION = /\[\^([^ \t\n\r[\]]{1,100})\]:[ \t]*/y;
const INDENT = 4; // columns, of the further lines of a note

/** @param {MarkdownIt} md */
export function setUp(md) {
  const alt = ["paragraph", "reference", "blockquote", "list"];
  md.block.ruler.before("reference", "footnote", define, { alt });
  md.inline.ruler.before("link", "footnote", refer);
  md.core.ruler.push("footnotes", moveToTheEnd);
}

/**
 * @param {RegExp} pattern a sticky one
 * @param {string} text
 * @param {number} start
 * @param {number} end
 */
function matchAt(pattern, text, start, end) {
  pattern.lastIndex = start;
  const match = pattern.exec(text);
  return match && pattern.lastIndex <= end ? match : undefined;
}

/**
 * @param {BlockState} state
 * @param {number} start
 * @param {number} end
 * @param {boolean} silent
 */
function define(state, start, end, silent) {
  if (state.sCount[start] - state.blkIndent >= 4) return false;
  if (state.level > 0 && !(silent && state.sCount[start] < state.blkIndent)) return false;
  const begin = state.bMarks[start] + state.tShift[start];
  const match = matchAt(DEFINITION, state.src, begin, state.eMarks[start]);
  if (!match || silent) return Boolean(match);
  state.env.notes ??= { defined: new Set(), numbers: new Map(), times: new Map() };
  state.env.notes.defined.add(match[1]);
  state.push("footnote_open", "", 1).info = match[1];
  const before = [state.bMarks[start], state.tShift[start], state.sCount[start]];
  state.blkIndent += INDENT;
  state.bMarks[start] = begin + match[0].length;
  state.tShift[start] = 0;
  state.sCount[start] = state.blkIndent;
  state.md.block.tokenize(state, start, end);
  state.blkIndent -= INDENT;
  [state.bMarks[start], state.tShift[start], state.sCount[start]] = before;
  state.push("footnote_close", "", -1);
  return true;
}

/**
 * @param {InlineState} state
 * @param {boolean} silent
 */
function refer(state, silent) {
  const { notes } = state.env;
  if (!notes || state.linkLevel > 0) return false;
  const match = matchAt(REFERENCE, state.src, state.pos, state.posMax);
  if (!match || !notes.defined.has(match[1])) return false;
  const [whole, label] = match;
  if (!silent) {
    const time = (notes.times.get(label) ?? 0) + 1;
    notes.times.set(label, time);
    if (!notes.numbers.has(label)) notes.numbers.set(label, notes.numbers.size + 1);
    state.push("footnote_reference", "", 0).meta = { number: notes.numbers.get(label), time };
  }
  state.pos += whole.length;
  return true;
}

/** @param {CoreState} state */
function moveToTheEnd(state) {
  const { notes } = state.env;
  if (!notes) return;
  /** @type {Token[]} */
  const text = [];
  /** @type {Map<string, Token[]>} */
  const contents = new Map();
  let target = text;
  for (const token of state.tokens) {
    if (token.type === "footnote_open") {
      target = contents.get(token.info) ?? [];
      contents.set(token.info, target);
    } else if (token.type === "footnote_close") target = text;
    else target.push(token);
  }
  for (const label of contents.keys()) {
    if (!notes.numbers.has(label)) notes.numbers.set(label, notes.numbers.size + 1);
  }
  const make = (/** @type {string} */ type, /** @type {number} */ nesting, /** @type {object} */ more = {}) =>
    Object.assign(new state.Token(type, "", nesting), more);
  const number = (/** @type {string} */ label) => notes.numbers.get(label) ?? 0;
  const listed = [...contents]
    .sort(([label], [otherLabel]) => number(label) - number(otherLabel))
    .flatMap(([label, tokens]) => {
      const backs = Array.from({ length: notes.times.get(label) ?? 0 }, (_, index) =>
        make("footnote_back", 0, { level: 2, meta: { number: number(label), time: index + 1 } }),
      );
      const ending = tokens.at(-1)?.type === "paragraph_close" ? tokens.splice(-1) : [];
      const opening = make("footnote_open", 1, { level: 1, meta: { number: number(label) } });
      return [opening, ...tokens, ...backs, ...ending, make("footnote_close", -1, { level: 1 })];
    });
  const map = [0, state.src.split("\n").length]; // drawn anew whenever the text changes
  state.tokens = [...text, make("footnotes_open", 1, { map }), ...listed, make("footnotes_close", -1)];
}

/**
 * @param {Token} token
 * @param {Environment} env
 */
const noteId = ({ meta }, { prefix = "" }) => `fn-${prefix}${meta?.number}`;

/**
 * @param {Token} token
 * @param {Environment} env
 */
const referenceId = ({ meta }, { prefix = "" }) =>
  `fnref-${prefix}${meta?.number}${Number(meta?.time) > 1 ? `-${meta?.time}` : ""}`;

/** @type {Record<string, RenderRule>} */
export const rules = {
  footnotes_open: () => '<div class="footnotes"><ol>\n',
  footnotes_close: () => "</ol></div>\n",
  footnote_open: (tokens, index, _options, env) => `<li id="${noteId(tokens[index], env)}" tabindex="-1">`,
  footnote_close: () => "</li>\n",
  footnote_reference(tokens, index, _options, env) {
    const [note, reference] = [noteId(tokens[index], env), referenceId(tokens[index], env)];
    const { number } = tokens[index].meta ?? {};
    return `<sup><a class="footnote" href="#${note}" id="${reference}" role="doc-noteref">${number}</a></sup>`;
  },
  footnote_back: (tokens, index, _options, env) =>
    ` <a class="footnote-back" href="#${referenceId(tokens[index], env)}" role="doc-backlink">↩</a>`,
};

/** Let the links between text and notes move the focus too, and leave the address of the page as it is. */
export function watch() {
  document.addEventListener("click", (event) => {
    const target = closest(event, ".prose a[href^='#fn']")?.getAttribute("href")?.slice(1);
    const element = target && document.getElementById(target);
    if (!element) return;
    event.preventDefault();
    element.scrollIntoView({ block: "nearest" });
    element.focus({ preventScroll: true });
  });
}
