// The marks of the list: in which chats an answer is being written, and in which one has ended that nobody saw.
import { patch } from "../../common/api.js";
import { byId, child, find } from "../../common/dom.js";
import { on } from "../../common/socket.js";
import { t } from "../../common/text.js";
import * as thread from "../thread.js";

/** @param {string | undefined} id */
const row = (id) => find(`.chat-row[data-chat="${id}"]`, byId("chat-list"));
const isVisible = () => document.visibilityState === "visible";

export function start() {
  on("chat:read", ({ chat_id: id }, { unread }) => set(row(id), "unread", Boolean(unread)));
  on("*", ({ chat_id: id, message_id: message, data: { type, data } }) => {
    if (!message || !["chat:completion", "snapshot", "status"].includes(type)) return;
    const item = row(id);
    if (!data?.done || type === "status") return data?.done || set(item, "running", true);
    set(item, "running", false);
    if (data.status === "stopped") return;
    set(item, "unread", true);
    look();
  });
  document.addEventListener("visibilitychange", look);
}

/** What stands before the person is read. */
export function look() {
  const id = thread.chatId();
  const item = row(id);
  if (!item || !("unread" in item.dataset) || !isVisible()) return;
  set(item, "unread", false);
  patch(`/api/v1/chats/${id}`, { unread: false }).catch(() => {}); // the next look asks again
}

/**
 * @param {HTMLElement | null} item
 * @param {"running" | "unread"} mark
 * @param {boolean} isOn
 */
function set(item, mark, isOn) {
  if (!item) return;
  item.toggleAttribute(`data-${mark}`, isOn);
  if (mark === "running") item.classList.toggle("running", isOn);
  const { running, unread } = item.dataset;
  const name = running !== undefined ? "isRunning" : unread !== undefined ? "isUnread" : "";
  child(item, ".chat-state").textContent = name && t(name);
}
