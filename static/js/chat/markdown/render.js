// Markdown while it streams: the same engine and rules as chat/markdown/render.py, so that nothing jumps when the saved
// answer takes over. A rule changed here is changed there; tests/browser compares the two.
import { all, byId } from "../../common/dom.js";
import { colourCode, loadHighlighter, offerPreviews } from "./code.js";
import * as emphasis from "./emphasis.js";
import * as footnotes from "./footnotes.js";
import * as formulas from "./formulas.js";
import * as links from "./links.js";
import { drawFormulas } from "./maths.js";

/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").default} MarkdownIt */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").Token} Token */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").Environment} Environment */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").CoreState} CoreState */
/** @typedef {import("../../../vendor/markdown-it-15.0.3/markdown-it.js").RenderRule} RenderRule */

const BARE_TAG = /^<\/?(?:br|del|ins|kbd|mark|sub|sup)\s*\/?>$/i;
const OWN_PICTURE =
  /^(?:\/api\/v1\/files\/[\w-]+(?:\/content)?(?:\?[\w=&-]*)?$|data:image\/(?:png|jpeg|gif|webp);base64,)/;
const TASK = /^\[([ xX])\] /;
const LONGEST = 200_000; // characters; a longer text stays as it was written
const CLEAN = {
  ALLOWED_TAGS: [
    ..."a blockquote br code del div em h3 h4 h5 h6 hr img input ins kbd label li mark ol p pre s span".split(" "),
    ..."strong sub sup table tbody td th thead tr ul".split(" "),
  ],
  ALLOWED_ATTR: [
    ..."href title target rel class src alt loading start tabindex id role type checked disabled".split(" "),
  ],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|\/(?![/\\])|#fn(?:ref)?-[\w-]+$|data:image\/(?:png|jpeg|gif|webp);base64,)/i,
  ADD_URI_SAFE_ATTR: "target rel loading start tabindex id role type checked disabled".split(" "),
  RETURN_DOM_FRAGMENT: true,
};

/** @type {Promise<void> | undefined} */
let loading;
/** @type {MarkdownIt | undefined} */
let engine;

/** Fetch the engine; pages that only show what is saved never need it. Until it is there (no network) text stays plain. */
export function ready() {
  loading ??= load().catch(() => {
    loading = undefined; // asked again next time
  });
  return loading;
}

async function load() {
  const [{ default: MarkdownIt }] = await Promise.all([
    import("../../../vendor/markdown-it-15.0.3/markdown-it.js"),
    loadHighlighter(),
    import("../../../vendor/dompurify-3.4.18/purify.js"), // sets window.DOMPurify
  ]);
  engine = build(MarkdownIt);
}

/**
 * The whole text as one fragment; only after `ready()`.
 * @param {string} text
 * @param {Environment} [env]
 */
export function toFragment(text, env = {}) {
  return DOMPurify.sanitize(/** @type {MarkdownIt} */ (engine).render(text, env), CLEAN);
}

/** @type {WeakMap<HTMLElement, string[]>} */
const drawn = new WeakMap(); // the keys of its blocks

/**
 * Show `text` in `element`, touching only the blocks that changed since the last time.
 * @param {HTMLElement} element
 * @param {string} text
 * @param {Environment} [env] `prefix`, for the ids of footnotes; `asSteps`: headings are the titles of steps
 */
export function draw(element, text, env = {}) {
  const isPlain = !engine || text.length > LONGEST;
  element.toggleAttribute("data-plain", isPlain);
  if (!engine || isPlain) {
    drawn.delete(element);
    return element.replaceChildren(text);
  }
  if (!drawn.has(element)) element.replaceChildren();
  const blocks = split(engine.parse(text, env), text.split("\n"), env);
  const before = drawn.get(element) ?? [];
  let same = 0;
  while (same < before.length && same < blocks.length && before[same] === blocks[same].key) same += 1;
  while (element.children.length > same) element.lastChild?.remove();
  for (const { tokens } of blocks.slice(same)) {
    const html = engine.renderer.render(tokens, engine.options, env);
    const block = DOMPurify.sanitize(html, CLEAN).firstElementChild ?? document.createElement("p");
    element.append(block);
    decorate(/** @type {HTMLElement} */ (block));
  }
  drawn.set(
    element,
    blocks.map(({ key }) => key),
  );
}

/**
 * Top-level blocks, each with the text it came from: what was drawn from the same text need not be drawn again.
 * @param {Token[]} tokens
 * @param {string[]} lines
 * @param {Environment} env
 */
function split(tokens, lines, env) {
  // `[a]: https://…` and `[^a]: …` may stand below what they change.
  const known = JSON.stringify([env.references ?? {}, [...(env.notes?.numbers ?? [])]]);
  const blocks = [];
  for (let index = 0; index < tokens.length; index += 1) {
    const start = index;
    while (tokens[index].level > 0 || tokens[index].nesting > 0) index += 1;
    const [first, end] = tokens[start].map ?? [0, 0];
    const key = [tokens[start].tag, known, ...lines.slice(first, end)].join("\n");
    blocks.push({ key, tokens: tokens.slice(start, index + 1) });
  }
  return blocks;
}

/**
 * Give code and tables their buttons, code its colours, name the ways back from footnotes and draw formulas, in what the server or we have rendered.
 * @param {HTMLElement} root
 */
export function decorate(root) {
  for (const bar of all(".code-bar:not(:has(.code-buttons))", root)) {
    bar.append(byId("code-template", HTMLTemplateElement).content.cloneNode(true));
  }
  const tables = all(".table:not(:has(.table-tools))", root);
  if (root.matches(".table:not(:has(.table-tools))")) tables.push(root);
  for (const table of tables) table.prepend(byId("table-template", HTMLTemplateElement).content.cloneNode(true));
  for (const back of all(".footnote-back", root)) back.ariaLabel = byId("code-template").dataset.back ?? "";
  colourCode(root);
  drawFormulas(root);
  offerPreviews(root);
}

// --- The rules ---------------------------------------------------------------------------------------------------------

/** @param {typeof import("../../../vendor/markdown-it-15.0.3/markdown-it.js").default} Engine */
function build(Engine) {
  const md = new Engine({ html: true, breaks: true, linkify: true, maxNesting: 20 });
  md.disable("html_block");
  links.setUp(md);
  emphasis.setUp(md);
  md.inline.ruler.before("escape", "formula", formulas.inlineRule);
  footnotes.setUp(md);
  const alt = ["paragraph", "reference", "blockquote", "list"];
  md.block.ruler.before("fence", "formula", formulas.blockRule, { alt });
  md.core.ruler.push("arrange", arrange);
  Object.assign(md.renderer.rules, rules(md));
  return md;
}

/** @param {CoreState} state */
function arrange(state) {
  /** @type {number[]} */
  const levels = [];
  state.tokens.forEach((token, index) => {
    if (state.env.asSteps && isTitle(state.tokens, index)) {
      token.tag = state.tokens[index + 2].tag = "p";
      token.attrSet("class", "step");
    } else if (token.type === "heading_open") {
      const level = Number(token.tag[1]);
      while ((levels.at(-1) ?? 0) >= level) levels.pop();
      levels.push(level);
      token.tag = state.tokens[index + 2].tag = `h${Math.min(2 + levels.length, 6)}`;
    } else if (token.type === "th_open" || token.type === "td_open") {
      const side = token.attrGet("style")?.match(/^text-align:(left|center|right)/)?.[1];
      token.attrs = side ? [["class", `align-${side}`]] : null;
    } else if (token.type === "inline" && state.tokens[index - 2]?.type === "list_item_open") {
      markTask(state, state.tokens[index - 2], token.children ?? []);
    }
  });
}

/**
 * Whether a heading begins here, or a paragraph that is bold as a whole.
 * @param {Token[]} tokens
 * @param {number} index
 */
function isTitle(tokens, index) {
  const { type, hidden } = tokens[index];
  if (type !== "paragraph_open" || hidden) return type === "heading_open";
  const children = tokens[index + 1].children ?? [];
  const kinds = children.filter((child) => child.type !== "text" || child.content).map((child) => child.type);
  return kinds[0] === "strong_open" && kinds.indexOf("strong_close") === kinds.length - 1;
}

/**
 * @param {CoreState} state
 * @param {Token} item
 * @param {Token[]} children
 */
function markTask(state, item, children) {
  const task = children[0]?.type === "text" && children[0].content.match(TASK);
  if (!task) return;
  item.attrSet("class", "task");
  children[0].content = children[0].content.slice(4);
  children.unshift(Object.assign(new state.Token("task_open", "", 1), { meta: { done: task[1] !== " " } }));
  children.push(new state.Token("task_close", "", -1));
}

/**
 * @param {MarkdownIt} md
 * @returns {Record<string, RenderRule>}
 */
function rules(md) {
  const { escapeHtml } = md.utils;
  /** @param {[string, string][]} attrs */
  const link = (attrs) => {
    const shown = attrs.filter(([, value]) => value).map(([name, value]) => ` ${name}="${escapeHtml(value)}"`);
    return `<a${shown.join("")} target="_blank" rel="noopener noreferrer">`;
  };
  /**
   * @param {string} text
   * @param {string} language
   */
  const code = (text, language) =>
    `<div class="code"><div class="code-bar"><span class="code-language">${escapeHtml(language)}</span></div>` +
    `<pre tabindex="0"><code>${escapeHtml(text)}</code></pre></div>\n`;
  return {
    ...footnotes.rules,
    task_open: (tokens, index) =>
      `<label><input type="checkbox" disabled${tokens[index].meta?.done ? " checked" : ""}> `,
    task_close: () => "</label>",
    formula(tokens, index) {
      const { hidden, block, content } = tokens[index];
      const tag = hidden ? "div" : "span";
      return `<${tag} class="math${block ? " math-block" : ""}">${escapeHtml(content)}</${tag}>${hidden ? "\n" : ""}`;
    },
    fence: (tokens, index) => code(tokens[index].content, tokens[index].info.trim().split(/\s+/)[0]),
    code_block: (tokens, index) => code(tokens[index].content, ""),
    table_open: () => '<div class="table" tabindex="0"><table>\n',
    table_close: () => "</table></div>\n",
    link_open: (tokens, index) => link(tokens[index].attrs ?? []),
    html_inline(tokens, index) {
      const { content } = tokens[index];
      return BARE_TAG.test(content) ? content : escapeHtml(content);
    },
    image(tokens, index, options, env, renderer) {
      const source = tokens[index].attrGet("src") ?? "";
      const alt = escapeHtml(renderer.renderInlineAsText(tokens[index].children ?? [], options, env));
      if (OWN_PICTURE.test(source)) return `<img src="${escapeHtml(source)}" alt="${alt}" loading="lazy">`;
      const opening = link([
        ["href", source],
        ["class", "image-link"],
      ]);
      return `${opening}${alt || escapeHtml(source)}</a>`;
    },
  };
}
