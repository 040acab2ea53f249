// Bold and italics beside Chinese, Japanese and Korean characters: the rule of chat/markdown/emphasis.py, which names its
// source. (The author's plugin for markdown-it imports another package by name, which needs a build step.)

/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").default} MarkdownIt */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").InlineState} InlineState */

const CJK = new RegExp(
  "^[\\u1100-\\u11ff\\u20a9\\u2329-\\u232a\\u2630-\\u2637\\u268a-\\u268f\\u2e80-\\u2e99\\u2e9b-\\u2ef3\\u2f00-\\u2fd5\\u2ff0-\\u303e" +
    "\\u3041-\\u3096\\u3099-\\u30ff\\u3105-\\u312f\\u3131-\\u318e\\u3190-\\u31e5\\u31ef-\\u321e\\u3220-\\u3247\\u3250-\\ua48c" +
    "\\ua490-\\ua4c6\\ua960-\\ua97c\\uac00-\\ud7a3\\ud7b0-\\ud7c6\\ud7cb-\\ud7fb\\uf900-\\ufaff\\ufe10-\\ufe19\\ufe30-\\ufe52" +
    "\\ufe54-\\ufe66\\ufe68-\\ufe6b\\uff01-\\uffbe\\uffc2-\\uffc7\\uffca-\\uffcf\\uffd2-\\uffd7\\uffda-\\uffdc\\uffe0-\\uffe6" +
    "\\uffe8-\\uffee\\u{16fe0}-\\u{16fe4}\\u{16ff0}-\\u{16ff6}\\u{17000}-\\u{18cd5}\\u{18cff}-\\u{18d1e}" +
    "\\u{18d80}-\\u{18df2}\\u{1aff0}-\\u{1aff3}\\u{1aff5}-\\u{1affb}\\u{1affd}-\\u{1affe}\\u{1b000}-\\u{1b122}" +
    "\\u{1b132}\\u{1b150}-\\u{1b152}\\u{1b155}\\u{1b164}-\\u{1b167}\\u{1b170}-\\u{1b2fb}\\u{1d300}-\\u{1d356}" +
    "\\u{1d360}-\\u{1d376}\\u{1f200}\\u{1f202}\\u{1f210}-\\u{1f219}\\u{1f21b}-\\u{1f22e}\\u{1f230}-\\u{1f231}" +
    "\\u{1f237}\\u{1f23b}\\u{1f240}-\\u{1f248}\\u{1f260}-\\u{1f265}\\u{20000}-\\u{3fffd}]",
  "u",
);
const IDEOGRAPHIC_SELECTOR = /^[\u{e0100}-\u{e01ef}]/u; // variants of the ideograph before them
const SELECTOR = /^[\ufe00-\ufe0e]/; // variants of other characters; the last of its block asks for an emoji
const FULLWIDTH = "\ufe01"; // this selector makes these quotation marks Chinese
const QUOTES = "\u2018\u2019\u201c\u201d";

/** @param {MarkdownIt} md */
export function setUp(md) {
  md.inline.State = class extends md.inline.State {
    /**
     * @param {number} start
     * @param {boolean} canSplitWord
     */
    scanDelims(start, canSplitWord) {
      return scan(md, this, start, canSplitWord);
    }
  };
}

/**
 * @param {MarkdownIt} md
 * @param {InlineState} state
 * @param {number} start
 * @param {boolean} canSplitWord
 */
function scan(md, { src: text, posMax }, start, canSplitWord) {
  const { isWhiteSpace, isMdAsciiPunct, isPunctChar } = md.utils;
  /** @param {string} character */
  const isSpace = (character) => isWhiteSpace(codeOf(character));
  /** @param {string} character */
  const isPunctuation = (character) => isMdAsciiPunct(codeOf(character)) || isPunctChar(character);
  let end = start;
  while (end < posMax && text[end] === text[start]) end += 1;
  const before = characterBefore(text, start);
  const after = end < posMax ? String.fromCodePoint(codeOf(text, end)) : " ";
  let main = before; // the character itself where a selector of its variant stands behind it
  if (SELECTOR.test(before)) {
    const second = characterBefore(text, start - 1);
    if (!/^\p{Zs}/u.test(second)) main = second;
  }
  const length = end - start;
  if (isSpace(main) || isSpace(after)) return { can_open: !isSpace(after), can_close: !isSpace(main), length };
  const [punctuationBefore, punctuationAfter] = [isPunctuation(main), isPunctuation(after)];
  let [can_open, can_close] = [punctuationBefore, punctuationAfter];
  if (canSplitWord) {
    const besideCjk = CJK.test(after) || endsCjk(main, before);
    can_open ||= besideCjk || !punctuationAfter;
    can_close ||= besideCjk || !punctuationBefore;
  }
  return { can_open, can_close, length };
}

const codeOf = (/** @type {string} */ text, position = 0) => text.codePointAt(position) ?? 0;

/**
 * @param {string} main
 * @param {string} before
 */
const endsCjk = (main, before) =>
  CJK.test(main) || IDEOGRAPHIC_SELECTOR.test(before) || (before === FULLWIDTH && QUOTES.includes(main));

/**
 * The character that ends at `position`, which may have two code units; a space where the text begins.
 * @param {string} text
 * @param {number} position
 */
function characterBefore(text, position) {
  if (position <= 0) return " ";
  const pair = position > 1 ? codeOf(text, position - 2) : 0;
  return pair > 0xffff ? String.fromCodePoint(pair) : text[position - 1];
}
