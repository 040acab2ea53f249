// The branches of a chat: a map of them, a new chat that begins with one, and answers that go on or are rewritten. Loaded
// when one of these is asked for.
import { get, post, tellRefusal } from "../../common/api.js";
import { all, byId, child, clone, closest } from "../../common/dom.js";
import { t } from "../../common/text.js";
import * as scroll from "../scroll.js";
import * as thread from "../thread.js";

/**
 * @typedef {{ id: string, parent: string | null, role: string, model: string, status: string, excerpt: string,
 *   is_shown: boolean }} Node
 */

const dialog = () => byId("branches-dialog", HTMLDialogElement);
const rows = () => all("[role='treeitem']", byId("branches-tree"));

/**
 * The model goes on with an answer that was cut off.
 * @param {HTMLElement} message
 */
export async function goOn(message) {
  const request = message.closest(".comparison") ? { once: true } : {}; // the chat keeps its model
  await post(thread.apiUrl(`/messages/${message.dataset.message}/continue`), request).catch(tellRefusal);
  await thread.refresh();
  scroll.toEnd();
}

/**
 * A new chat that begins with everything up to a message.
 * @param {HTMLElement} message
 */
export async function fork(message) {
  try {
    const { chat } = await post(thread.apiUrl(`/messages/${message.dataset.message}/fork`));
    location.assign(chat.url);
  } catch (error) {
    tellRefusal(error);
  }
}

/** The map: each message a row, further in wherever branches part. */
export async function openMap() {
  /** @type {{ messages: Node[], leaf: string | null }} */
  let tree;
  try {
    tree = await get(thread.apiUrl("/tree"));
  } catch (error) {
    return tellRefusal(error);
  }
  draw(tree.messages);
  if (!dialog().open) dialog().showModal();
  const here = rows().find(({ dataset }) => dataset.node === tree.leaf) ?? rows()[0];
  if (here) point(here);
}

/** @param {Node[]} nodes */
function draw(nodes) {
  /** @type {Map<string | null, Node[]>} */
  const children = new Map();
  for (const node of nodes) children.set(node.parent, [...(children.get(node.parent) ?? []), node]);
  const tree = byId("branches-tree");
  const template = clone("branch-template");
  /** @type {{ node: Node, level: number, siblings: Node[] }[]} */
  const open = [];
  const push = (/** @type {string | null} */ parent, /** @type {number} */ level) => {
    const siblings = children.get(parent) ?? [];
    const deeper = siblings.length > 1 ? level + 1 : level;
    for (const node of siblings.toReversed()) open.push({ node, level: deeper, siblings });
  };
  push(null, 1);
  const drawn = document.createDocumentFragment();
  while (open.length) {
    const next = open.pop();
    if (!next) break;
    drawn.append(rowOf(template, next.node, next.level, next.siblings));
    push(next.node.id, next.level);
  }
  tree.replaceChildren(drawn);
}

/**
 * @param {HTMLElement} template
 * @param {Node} node
 * @param {number} level
 * @param {Node[]} siblings
 */
function rowOf(template, node, level, siblings) {
  const row = /** @type {HTMLElement} */ (template.cloneNode(true));
  row.dataset.node = node.id;
  row.dataset.role = node.role;
  row.dataset.level = String(Math.min(level, 12));
  row.ariaLevel = String(level);
  row.ariaPosInSet = String(siblings.indexOf(node) + 1);
  row.ariaSetSize = String(siblings.length);
  row.ariaSelected = String(node.is_shown);
  child(row, "[data-part='who']").textContent = node.role === "user" ? t("you") : node.model || t("answer");
  child(row, "[data-part='excerpt']").textContent = node.excerpt || "…";
  return row;
}

/** @param {HTMLElement} row */
function point(row) {
  for (const other of all("[tabindex='0']", byId("branches-tree"))) other.tabIndex = -1;
  row.tabIndex = 0;
  row.focus();
}

/** @param {HTMLElement} row */
async function choose(row) {
  try {
    await post(thread.apiUrl(`/messages/${row.dataset.node}/select`));
  } catch (error) {
    return tellRefusal(error);
  }
  dialog().close();
  await thread.refresh();
  const shown = document.getElementById(`m-${row.dataset.node}`);
  if (shown) shown.scrollIntoView({ block: "center" });
  else scroll.toEnd();
}

/** @param {KeyboardEvent} event */
function pressed(event) {
  const row = closest(event, "[role='treeitem']");
  if (!row) return;
  const shown = rows();
  const index = shown.indexOf(row);
  const level = Number(row.ariaLevel);
  const above = shown.slice(0, index).findLast((other) => Number(other.ariaLevel) < level);
  const below = shown.slice(index + 1).find((other) => Number(other.ariaLevel) > level);
  /** @type {Record<string, HTMLElement | undefined>} */
  const targets = {
    ArrowDown: shown[index + 1],
    ArrowUp: shown[index - 1],
    ArrowLeft: above,
    ArrowRight: below,
    Home: shown[0],
    End: shown.at(-1),
  };
  if (event.key === "Enter" || event.key === " ") choose(row);
  else if (event.key in targets) {
    const target = targets[event.key];
    if (target) point(target);
  } else return;
  event.preventDefault();
  event.stopPropagation();
}

byId("branches-tree").addEventListener("keydown", pressed);
byId("branches-tree").addEventListener("click", (event) => {
  const row = closest(event, "[role='treeitem']");
  if (row) choose(row);
});
