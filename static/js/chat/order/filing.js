// Actions on many chats at once: each is one call, on all of them or on none, and says what undoes it.
import { post, tellRefusal } from "../../common/api.js";
import { t } from "../../common/text.js";
import { toast } from "../../common/toast.js";
import { refresh } from "../sidebar.js";

/** @type {Record<string, string>} action → the text that says that it is done; the others show it by themselves */
const DONE = {
  move: "chatsMoved",
  archive: "chatsArchived",
  unarchive: "chatsBack",
  delete: "chatsDeleted",
  restore: "chatsRestored",
  erase: "chatsErased",
};

/**
 * → whether it worked.
 * @param {string} action
 * @param {string[]} ids
 * @param {string | null} [folder] where `move` puts them
 */
export async function act(action, ids, folder = null) {
  /** @type {{ undo: Change[] }} */
  let done;
  try {
    done = await post("/api/v1/chats/bulk", { action, ids, folder });
  } catch (error) {
    tellRefusal(error);
    return false;
  }
  changed();
  if (DONE[action]) {
    const back = { label: t("undo"), run: () => undo(done.undo) };
    toast(t(DONE[action], { n: ids.length }), done.undo.length ? back : undefined);
  }
  return true;
}

/** @param {Change[]} changes */
async function undo(changes) {
  try {
    for (const change of changes) await post("/api/v1/chats/bulk", change);
  } catch (error) {
    tellRefusal(error);
  }
  changed();
}

/** Lists are out of date; events say the same to other tabs. */
export function changed() {
  refresh();
  document.dispatchEvent(new Event("chats:changed"));
}
