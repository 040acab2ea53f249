// Markdown while it streams: the same engine and rules as chat/markdown/render.py, so that nothing jumps when the saved answer takes
// over. A rule changed here is changed there; tests/browser compares the two.
import { colourCode, loadHighlighter } from "./code.js";
import * as emphasis from "./emphasis.js";
import * as formulas from "./formulas.js";
import * as links from "./links.js";
import { drawFormulas } from "./maths.js";

const BARE_TAG = /^<\/?(?:br|del|ins|kbd|mark|sub|sup)\s*\/?>$/i;
const OWN_PICTURE =
  /^(?:\/api\/v1\/files\/[\w-]+(?:\/content)?(?:\?[\w=&-]*)?$|data:image\/(?:png|jpeg|gif|webp);base64,)/;
const TASK = /^\[([ xX])\] /;
const LONGEST = 200_000; // characters; a longer text stays as it was written
const CLEAN = {
  ALLOWED_TAGS: [
    ..."a blockquote br code del div em h3 h4 h5 h6 hr img ins kbd li mark ol p pre s span strong".split(" "),
    ..."sub sup table tbody td th thead tr ul".split(" "),
  ],
  ALLOWED_ATTR: ["href", "title", "target", "rel", "class", "src", "alt", "loading", "start", "tabindex"],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|\/(?![/\\])|data:image\/(?:png|jpeg|gif|webp);base64,)/i,
  ADD_URI_SAFE_ATTR: ["target", "rel", "loading", "start", "tabindex"],
  RETURN_DOM_FRAGMENT: true,
};

let loading;
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

/** The whole text as one fragment. */
export function toFragment(text) {
  return DOMPurify.sanitize(engine.render(text), CLEAN);
}

const drawn = new WeakMap();

/** Show `text` in `element`, touching only the blocks that changed since the last time. */
export function draw(element, text) {
  const plain = !engine || text.length > LONGEST;
  element.toggleAttribute("data-plain", plain);
  if (plain) {
    drawn.delete(element);
    return element.replaceChildren(text);
  }
  if (!drawn.has(element)) element.replaceChildren();
  const env = {};
  const blocks = split(engine.parse(text, env), text.split("\n"), env);
  const before = drawn.get(element) ?? [];
  let same = 0;
  while (same < before.length && same < blocks.length && before[same] === blocks[same].key) same += 1;
  while (element.children.length > same) element.lastChild.remove();
  for (const { tokens } of blocks.slice(same)) {
    const html = engine.renderer.render(tokens, engine.options, env);
    element.append(DOMPurify.sanitize(html, CLEAN).firstElementChild ?? document.createElement("p"));
    decorate(element.lastElementChild);
  }
  drawn.set(
    element,
    blocks.map(({ key }) => key),
  );
}

/** Top-level blocks, each with the text it came from: what was drawn from the same text need not be drawn again. */
function split(tokens, lines, env) {
  const known = JSON.stringify(env.references ?? {}); // `[a]: https://…` may stand below what it changes
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

/** Give code its buttons and colours and draw formulas, in what the server or we have rendered. */
export function decorate(root) {
  for (const bar of root.querySelectorAll(".code-bar:not(:has(.code-buttons))")) {
    bar.append(document.getElementById("code-template").content.cloneNode(true));
  }
  colourCode(root);
  drawFormulas(root);
}

// --- The rules ---------------------------------------------------------------------------------------------------------

function build(MarkdownIt) {
  const md = new MarkdownIt({ html: true, breaks: true, linkify: true, maxNesting: 20 });
  md.disable("html_block");
  links.setUp(md);
  emphasis.setUp(md);
  md.inline.ruler.before("escape", "formula", formulas.inlineRule);
  const alt = ["paragraph", "reference", "blockquote", "list"];
  md.block.ruler.before("fence", "formula", formulas.blockRule, { alt });
  md.core.ruler.push("arrange", arrange);
  Object.assign(md.renderer.rules, rules(md));
  return md;
}

function arrange(state) {
  const levels = [];
  state.tokens.forEach((token, index) => {
    if (token.type === "heading_open") {
      const level = Number(token.tag[1]);
      while (levels.at(-1) >= level) levels.pop();
      levels.push(level);
      token.tag = state.tokens[index + 2].tag = `h${Math.min(2 + levels.length, 6)}`;
    } else if (token.type === "th_open" || token.type === "td_open") {
      const side = token.attrGet("style")?.match(/^text-align:(left|center|right)/)?.[1];
      token.attrs = side ? [["class", `align-${side}`]] : null;
    } else if (token.type === "inline" && state.tokens[index - 2]?.type === "list_item_open") {
      markTask(state, state.tokens[index - 2], token.children);
    }
  });
}

function markTask(state, item, children) {
  const found = children[0]?.type === "text" && children[0].content.match(TASK);
  if (!found) return;
  item.attrSet("class", "task");
  children[0].content = children[0].content.slice(4);
  const box = new state.Token("task_box", "", 0);
  box.meta = { done: found[1] !== " " };
  children.unshift(box);
}

function rules(md) {
  const { escapeHtml } = md.utils;
  const link = (attrs) => {
    const shown = attrs.filter(([, value]) => value).map(([name, value]) => ` ${name}="${escapeHtml(value)}"`);
    return `<a${shown.join("")} target="_blank" rel="noopener noreferrer">`;
  };
  const code = (text, language) =>
    `<div class="code"><div class="code-bar"><span class="code-language">${escapeHtml(language)}</span></div>` +
    `<pre tabindex="0"><code>${escapeHtml(text)}</code></pre></div>\n`;
  return {
    task_box: (tokens, index) =>
      tokens[index].meta.done ? '<span class="task-box done">☑</span> ' : '<span class="task-box">☐</span> ',
    formula(tokens, index) {
      const { hidden, block, content } = tokens[index];
      const tag = hidden ? "div" : "span";
      return `<${tag} class="math${block ? " math-block" : ""}">${escapeHtml(content)}</${tag}>${hidden ? "\n" : ""}`;
    },
    fence: (tokens, index) => code(tokens[index].content, tokens[index].info.trim().split(/\s+/)[0]),
    code_block: (tokens, index) => code(tokens[index].content, ""),
    table_open: () => '<div class="table" tabindex="0"><table>\n',
    table_close: () => "</table></div>\n",
    link_open: (tokens, index) => link(tokens[index].attrs),
    html_inline(tokens, index) {
      const { content } = tokens[index];
      return BARE_TAG.test(content) ? content : escapeHtml(content);
    },
    image(tokens, index, options, env, renderer) {
      const source = tokens[index].attrGet("src") ?? "";
      const alt = escapeHtml(renderer.renderInlineAsText(tokens[index].children ?? [], options, env));
      if (OWN_PICTURE.test(source)) return `<img src="${escapeHtml(source)}" alt="${alt}" loading="lazy">`;
      return `${link([
        ["href", source],
        ["class", "image-link"],
      ])}${alt || escapeHtml(source)}</a>`;
    },
  };
}
