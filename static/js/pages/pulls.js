// Progress of pulls on the page of a server's models: asked for each second while one runs.
import { child, find } from "../common/dom.js";

const EVERY = 1000; // milliseconds
const list = child(document, "[data-progress]");

/** @typedef {{ id: number, state: string, status: string, share: number | null }} Pull */

/**
 * Show a pull; false if the page needs to be made anew because one has begun or ended.
 * @param {Pull} pull
 */
function show(pull) {
  const row = find(`[data-pull="${pull.id}"]`, list);
  if (!row || row.dataset.state !== pull.state) return false;
  const status = child(row, "[data-part='status']");
  if (status.textContent !== pull.status) status.textContent = pull.status;
  const bar = row.querySelector("progress");
  if (bar && pull.share !== null) bar.value = pull.share;
  else bar?.removeAttribute("value");
  return true;
}

async function ask() {
  try {
    const answer = await fetch(list.dataset.progress ?? "", { headers: { Accept: "application/json" } });
    if (answer.ok) {
      /** @type {{ pulls: Pull[] }} */
      const { pulls } = await answer.json();
      if (!pulls.map(show).every(Boolean)) {
        location.reload();
        return;
      }
    }
  } catch {
    // The next second may be better.
  }
  setTimeout(ask, EVERY);
}

setTimeout(ask, EVERY);
