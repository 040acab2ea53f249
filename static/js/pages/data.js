// The page of one's data: what runs in the background is drawn anew as its events come.
import { part } from "../common/api.js";
import { byId, find, fragment } from "../common/dom.js";
import { inRounds } from "../common/rounds.js";
import * as socket from "../common/socket.js";
import { announce } from "../common/toast.js";

const state = byId("data-state");
const refresh = inRounds(draw, () => {});

async function draw() {
  const html = await part(state.dataset.url ?? "").catch(() => undefined);
  if (html === undefined) return; // the next event, or connection, asks again
  const wasUnderWay = find("[data-under-way]", state);
  const { activeElement } = document;
  const action =
    activeElement instanceof HTMLButtonElement && state.contains(activeElement) && activeElement.form?.action;
  const chosen = find("input[type='file']", state); // what somebody chose meanwhile stays
  state.replaceChildren(fragment(html));
  const fresh = find("input[type='file']", state);
  if (chosen && fresh) fresh.replaceWith(chosen);
  for (const form of document.forms) if (form.action === action) find("button", form)?.focus();
  const ended = wasUnderWay && !find("[data-under-way]", state) && find(".transfer .notice, .transfer dl", state);
  if (ended) announce(ended.textContent.replace(/\s+/g, " ").trim());
}

socket.on("data:transfer", refresh);
socket.onOpen(() => find("[data-under-way]", state) && refresh());
socket.connect();
