// Stars: a press on the one of a tile or of the full view, and the key S.
import { put, remove, tellRefusal } from "../common/api.js";
import { all, byId, closest, find } from "../common/dom.js";

const tabs = new BroadcastChannel("stars");

export function start() {
  const list = byId("gallery");
  list.addEventListener("click", (event) => {
    if (closest(event, '[data-action="star"]')) toggle(closest(event, ".tile")?.dataset.picture);
  });
  list.addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() !== "s" || event.ctrlKey || event.metaKey || event.altKey) return;
    toggle(closest(event, ".tile")?.dataset.picture);
  });
  tabs.addEventListener("message", ({ data: { ids, starred } }) => show(ids, starred));
}

/** @param {string} id */
const buttons = (id) => all(`[data-picture="${CSS.escape(id)}"] :is([data-action="star"], [data-action="star-shown"])`);

/** @param {string | undefined} id */
export async function toggle(id) {
  const button = id && find(`[data-picture="${CSS.escape(id)}"] [data-action^="star"]`);
  if (!id || !button) return;
  const starred = button.getAttribute("aria-pressed") !== "true";
  const address = `/api/v1/images/pictures/${id}/star`;
  show([id], starred); // at once: it is taken back where it cannot be
  try {
    await (starred ? put(address, {}) : remove(address));
    tabs.postMessage({ ids: [id], starred });
  } catch (error) {
    show([id], !starred);
    tellRefusal(error);
  }
}

/**
 * It was changed elsewhere on this page.
 * @param {string[]} ids
 * @param {boolean} starred
 */
export function tell(ids, starred) {
  show(ids, starred);
  tabs.postMessage({ ids, starred });
}

/**
 * The pictures have a star, or none any more.
 * @param {string[]} ids
 * @param {boolean} starred
 */
function show(ids, starred) {
  for (const button of ids.flatMap(buttons)) button.setAttribute("aria-pressed", String(starred));
}
