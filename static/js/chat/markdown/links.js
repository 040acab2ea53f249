// Addresses in running text: the rules of chat/markdown/links.py.

/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").default} MarkdownIt */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").InlineState} InlineState */

const FULL_STOP = /[\u3000-\u303f\uff00-\uffef\u201c\u201d\u2018\u2019]/g;
const LONGEST = 2000; // characters of an address; searches end there, or each could go to the end of the text
const SCHEME = /(?:^|[^a-z0-9.+-])(https?|ftp)$/i;
const LONGEST_SCHEME = "https".length;

/**
 * Addresses begin with a scheme, end at the punctuation of a Chinese sentence too, and have a greatest length.
 * @param {MarkdownIt} md
 */
export function setUp(md) {
  const { linkify } = md;
  linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
  const match = linkify.match.bind(linkify);
  const matchAtStart = linkify.matchAtStart.bind(linkify);
  const testSchemaAt = linkify.testSchemaAt.bind(linkify);
  linkify.match = (text) => match(text.replace(FULL_STOP, " "));
  linkify.matchAtStart = (text) => matchAtStart(text.slice(0, LONGEST + 1).replace(FULL_STOP, " "));
  linkify.testSchemaAt = (text, name, position) => {
    const begin = Math.max(0, position - LONGEST_SCHEME);
    const length = testSchemaAt(text.slice(begin, position + LONGEST + 1), name, position - begin);
    return length <= LONGEST ? length : 0;
  };
  const { validateLink } = md;
  md.validateLink = (url) => (url.length <= LONGEST || url.startsWith("data:image/")) && validateLink(url);
  md.inline.ruler.at("linkify", rule);
}

/**
 * markdown-it's rule, which searches all the text before `://` for a scheme, for those that there are.
 * @param {InlineState} state
 * @param {boolean} silent
 */
function rule(state, silent) {
  const { md, pos } = state;
  if (state.linkLevel > 0 || !state.src.startsWith("://", pos)) return false;
  const scheme = SCHEME.exec(state.pending.slice(-LONGEST_SCHEME - 1))?.[1];
  if (!scheme) return false;
  const link = md.linkify.matchAtStart(state.src.slice(pos - scheme.length, state.posMax));
  if (!link) return false;
  const url = link.url.replace(/\*+$/, ""); // which belongs to bold text around the address
  const address = md.normalizeLink(url);
  if (!md.validateLink(address)) return false;
  if (!silent) {
    const more = { markup: "linkify", info: "auto" };
    state.pending = state.pending.slice(0, -scheme.length);
    Object.assign(state.push("link_open", "a", 1), { ...more, attrs: [["href", address]] });
    state.push("text", "", 0).content = md.normalizeLinkText(url);
    Object.assign(state.push("link_close", "a", -1), more);
  }
  state.pos += url.length - scheme.length;
  return true;
}
