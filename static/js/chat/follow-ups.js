// What one might ask next, below the last answer: written by the server into the page, or told while it is open.

import { on } from "../common/socket.js";
import * as composer from "./composer.js";
import * as thread from "./thread.js";

const told = new Map(); // message id → texts, until the server's own version of the message has them

export function start() {
  on("chat:message:follow_ups", ({ message_id: id }, { follow_ups: texts }) => {
    told.set(id, texts);
    show();
  });
  document.addEventListener("thread:changed", show);
}

function show() {
  const last = thread.element()?.lastElementChild;
  const texts = told.get(last?.dataset.message);
  if (!texts || last.dataset.shown || last.querySelector(".follow-ups")) return; // a reply that just ended is drawn anew first
  const list = document.getElementById("follow-ups-template").content.firstElementChild.cloneNode(true);
  const button = list.firstElementChild;
  list.replaceChildren(...texts.map((text) => Object.assign(button.cloneNode(), { textContent: text })));
  last.append(list);
}

/** Send a suggestion; what was being written stays where it is. */
export function ask(text) {
  const field = document.getElementById("message");
  const draft = field.value;
  composer.submit(text);
  if (!draft) return;
  field.value = draft;
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
