// What one might ask next, below the last answer: written by the server into the page, or sent while it is open.
import { child, clone } from "../common/dom.js";
import { on } from "../common/socket.js";
import * as composer from "./composer.js";
import * as thread from "./thread.js";

/** @type {Map<string, string[]>} */
const received = new Map(); // message id → texts, until the server's own version of the message has them

export function start() {
  on("chat:message:follow_ups", ({ message_id: id = "" }, { follow_ups: texts = [] }) => {
    received.set(id, texts);
    show();
  });
  document.addEventListener("thread:changed", show);
}

function show() {
  const last = thread.element().lastElementChild;
  if (!(last instanceof HTMLElement)) return;
  const texts = received.get(last.dataset.message ?? "");
  if (!texts || last.dataset.shown || last.querySelector(".follow-ups")) return; // a reply that just ended is drawn anew first
  const list = clone("follow-ups-template");
  const button = child(list, "button");
  list.replaceChildren(...texts.map((text) => Object.assign(button.cloneNode(), { textContent: text })));
  last.append(list);
}

/**
 * Send a suggestion; what was being written stays where it is.
 * @param {string} text
 */
export function send(text) {
  const draft = composer.area().value;
  composer.submit(text);
  if (draft) composer.write(draft);
}
