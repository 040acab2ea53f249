// What a picture takes and costs that the next message asks for: a line below the composer while the chip is pressed.
import { all, byId, clone, closest, find } from "../../common/dom.js";
import * as estimate from "../estimate.js";

const FEATURE = "image_generation";
const chip = () => find(`[data-feature="${FEATURE}"]`);
const isPressed = () => chip()?.getAttribute("aria-pressed") === "true";

/** @param {() => string | undefined} edited the id of the picture that the next message edits */
export function start(edited) {
  const look = estimate.watch(line, () => {
    const image = edited();
    return isPressed() ? { engine: option("engine"), image: image ? [image] : undefined } : undefined;
  });
  for (const type of ["change", "message:sent", "htmx:load", "htmx:historyRestore"])
    document.addEventListener(type, look);
  document.addEventListener("click", (event) => closest(event, "#composer, .picture-edit, #view") && look());
}

/** @param {string} name */
function option(name) {
  const radios = all(`[data-options="${FEATURE}"] [data-option="${name}"]:checked`);
  return radios[0]?.getAttribute("value") || undefined;
}

/** The line; it is made for the first pressed chip of each composer. */
function line() {
  const made = document.getElementById("picture-estimate");
  if (made || !isPressed()) return made ?? undefined;
  const fresh = clone("picture-estimate-template");
  byId("fine-print").before(fresh);
  chip()?.setAttribute("aria-describedby", fresh.id);
  return fresh;
}
