// A long chat is shown in part: what is near comes a few messages at a time, what is far behind goes. The page never has to
// lay out thousands of messages, nor many at once.
import { clone, fragment } from "../common/dom.js";
import * as markdown from "./markdown/render.js";
import * as scroll from "./scroll.js";
import * as thread from "./thread.js";

const AT_ONCE = 3;
const MOST = 40; // parts of the thread that are shown

/**
 * Put a stretch of messages where `edge` stands, from there outwards; what somebody reads stays where it is.
 * @param {HTMLElement} edge `.earlier` or `.later`: where messages are missing
 * @param {string} html the messages, and the next edge if more are missing
 */
export async function bring(edge, html) {
  const isAbove = edge.matches(".earlier");
  const parts = /** @type {HTMLElement[]} */ ([...fragment(html).children]);
  while (parts.length && edge.isConnected) {
    const group = isAbove ? parts.splice(-AT_ONCE) : parts.splice(0, AT_ONCE);
    for (const part of group) markdown.decorate(part); // before the page has to lay them out
    staying(() => {
      isAbove ? edge.after(...group) : edge.before(...group);
      if (!parts.length) edge.remove();
    }, isAbove);
    for (const part of group) thread.prepare(part);
    takeAway(isAbove);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/**
 * Change the thread above what is read, or below it.
 * @param {() => void} change
 * @param {boolean} isAbove
 */
function staying(change, isAbove) {
  const fromEnd = scroll.position();
  change();
  if (isAbove) scroll.restore(fromEnd);
}

/**
 * Take the farthest messages away, and let an edge stand for them. What is still being written stays.
 * @param {boolean} below
 */
function takeAway(below) {
  const parts = /** @type {HTMLElement[]} */ ([...thread.element().children]);
  if (parts.length <= MOST || thread.runningIds().length) return;
  const far = below ? parts.slice(MOST) : parts.slice(0, -MOST).reverse();
  let last = below ? parts[MOST - 1] : parts[parts.length - MOST];
  while (far.length && !last.matches(".message[data-message]")) last = /** @type {HTMLElement} */ (far.shift());
  if (!far.length) return;
  const edge = clone(below ? "later-template" : "earlier-template");
  const way = below ? "after" : "before";
  edge.setAttribute("hx-get", `${thread.element().dataset.url}/thread?${way}=${last.dataset.message}`);
  staying(() => {
    for (const part of far) part.remove();
    below ? last.after(edge) : last.before(edge);
  }, !below);
  window.htmx?.process(edge);
}
