// The question before more is drawn, or for more money, than the site's limit.
import { byId } from "../common/dom.js";
import * as estimate from "./estimate.js";

/**
 * → whether the person wants it all the same.
 * @param {Partial<ImageRequest>} request
 * @returns {Promise<boolean>}
 */
export async function agreed(request) {
  const dialog = byId("limit-dialog", HTMLDialogElement);
  estimate.show(dialog, await estimate.of(request));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "draw"), { once: true });
  });
}
