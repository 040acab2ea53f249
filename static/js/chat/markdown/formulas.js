// Formulas: `$…$` and `\(…\)` in a line, `$$…$$` and `\[…\]` on lines of their own or in a line. The rules of
// chat/markdown/formulas.py: code wins, a dollar sign between words or numbers is a dollar sign, and each text is searched
// once for closing marks.

/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").InlineState} InlineState */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").BlockState} BlockState */

/** @type {[opening: string, closing: string, alone: boolean][]} */
const INLINE = [
  ["$$", "$$", true],
  ["$", "$", false],
  ["\\[", "\\]", true],
  ["\\(", "\\)", false],
];
/** @type {Record<string, string>} */
const BLOCKS = { $$: "$$", "\\[": "\\]" };
const WORD = /^\w/;
const AFTER_CLOSING = /(?:st|nd|rd|th|s)(?!\w)|(?!\w)/y; // `the $n$th` is a formula, `$5 and x$y` is none
const AMOUNT = /^\d[\d.,]*\s(?=[^\\^_{}=+*/<>|]*$)[\s\S]*?(?<!\w)[a-z]{2}/i; // `$5 and 6$`

/**
 * @param {InlineState} state
 * @param {boolean} silent
 */
export function inlineRule(state, silent) {
  const { src: text, pos: start } = state;
  const marks = INLINE.find(([mark]) => text.startsWith(mark, start));
  if (!marks) return false;
  const [opening, closing, alone] = marks;
  const begin = start + opening.length;
  if (opening === "$" && !opens(text, start)) return false;
  state.formulaMarks ??= inlineMarks(text);
  const end = nextMark(state.formulaMarks, closing, begin);
  if (end === undefined || end + closing.length > state.posMax) return false;
  const content = text.slice(begin, end);
  if (!content.trim() || (opening === "$" && !closes(text, content, end))) return false;
  if (!silent) Object.assign(state.push("formula", "", 0), { content: content.trim(), block: alone });
  state.pos = end + closing.length;
  return true;
}

/**
 * A single dollar sign opens a formula neither after a word nor before a space.
 * @param {string} text
 * @param {number} start
 */
function opens(text, start) {
  const before = text[start - 1] ?? "";
  return before !== "\\" && !WORD.test(before) && /^\S/.test(text[start + 1] ?? "");
}

/**
 * A single dollar sign closes a formula neither after a space nor before a word or number.
 * @param {string} text
 * @param {string} content
 * @param {number} end
 */
function closes(text, content, end) {
  AFTER_CLOSING.lastIndex = end + 1;
  return /\S$/.test(content) && AFTER_CLOSING.test(text) && !AMOUNT.test(content);
}

/**
 * Where the closing marks and the code of a text stand: sorted positions.
 * @param {string} text
 */
function inlineMarks(text) {
  /** @type {Record<string, number[]>} */
  const marks = { $$: [], $: [], "\\]": [], "\\)": [], code: [] };
  /** @type {Record<number, number[]>} */
  const runs = {};
  for (const { 0: run, index } of text.matchAll(/\x60+/g)) {
    runs[run.length] ??= [];
    runs[run.length].push(index);
  }
  const mark = /\\[\s\S]|\x60+|\$\$?/g;
  for (let match = mark.exec(text); match; match = mark.exec(text)) {
    const { 0: token, index } = match;
    if (token[0] === "\x60") {
      const ends = runs[token.length] ?? [];
      const end = ends[atOrAfter(ends, mark.lastIndex)];
      if (end === undefined) continue; // a run without another one of its length is no code
      marks.code.push(index);
      mark.lastIndex = end + token.length;
    } else if (token in marks) {
      marks[token].push(index);
      if (token === "$$") marks.$.push(index);
    }
  }
  return marks;
}

/**
 * The position of the next closing mark; none where code stands before it.
 * @param {Record<string, number[]>} marks
 * @param {string} closing
 * @param {number} start
 */
function nextMark(marks, closing, start) {
  const position = marks[closing][atOrAfter(marks[closing], start)];
  return marks.code[atOrAfter(marks.code, start)] < position ? undefined : position;
}

/**
 * The index of the first of these sorted numbers that is not below `least`.
 * @param {number[]} numbers
 * @param {number} least
 */
function atOrAfter(numbers, least) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (numbers[middle] < least) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @param {BlockState} state
 * @param {number} start
 * @param {number} end
 * @param {boolean} silent
 */
export function blockRule(state, start, end, silent) {
  if (state.sCount[start] - state.blkIndent >= 4) return false;
  const first = lineOf(state, start);
  const closing = BLOCKS[first.slice(0, 2)];
  if (!closing) return false;
  const last = first.slice(2).includes(closing) ? start : lastLine(state, closing, start, end);
  if (last === undefined) return false;
  const lines = [first.slice(2)];
  for (let row = start + 1; row <= last; row += 1) lines.push(lineOf(state, row));
  const ending = lines.pop() ?? "";
  if (ending.indexOf(closing) !== ending.length - 2) return false;
  const content = [...lines, ending.slice(0, -2)].join("\n").trim();
  if (!content) return false;
  if (!silent) {
    Object.assign(state.push("formula", "", 0), { content, block: true, map: [start, last + 1], hidden: true });
  }
  state.line = last + 1;
  return true;
}

/**
 * The line that closes what `start` opens; none where the block ends or code begins before it.
 * @param {BlockState} state
 * @param {string} closing
 * @param {number} start
 * @param {number} end
 */
function lastLine(state, closing, start, end) {
  state.formulaMarks ??= blockMarks(state);
  const { lines, failed } = state.formulaMarks;
  const last = lines[closing][atOrAfter(lines[closing], start + 1)];
  if (last === undefined || last >= end) return undefined;
  const ending = lineOf(state, last);
  if (ending.indexOf(closing) !== ending.length - 2) return undefined;
  const search = [closing, state.blkIndent, state.level, end].join();
  const [from, to] = failed[search] ?? [0, 0];
  if (from <= start && start < to) return undefined;
  for (let row = start + 1; row <= last; row += 1) {
    const leaves = !state.isEmpty(row) && state.sCount[row] < state.blkIndent;
    if (leaves || /^(?:\x60{3}|~~~)/.test(lineOf(state, row))) {
      failed[search] = [start, row];
      return undefined;
    }
  }
  return last;
}

/**
 * The numbers of the lines that hold each closing mark, and the lines between which a search has failed.
 * @param {BlockState} state
 */
function blockMarks(state) {
  /** @type {Record<string, number[]>} */
  const lines = { $$: [], "\\]": [] };
  for (let row = 0; row < state.bMarks.length - 1; row += 1) {
    const line = state.src.slice(state.bMarks[row], state.eMarks[row]);
    for (const mark of Object.keys(lines)) if (line.includes(mark)) lines[mark].push(row);
  }
  return { lines, failed: {} };
}

/**
 * @param {BlockState} state
 * @param {number} row
 */
const lineOf = (state, row) => state.src.slice(state.bMarks[row] + state.tShift[row], state.eMarks[row]).trimEnd();
