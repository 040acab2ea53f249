// What a picture takes and costs that the next message asks for: a line below the composer while the chip is pressed.
import { byId, clone, closest, find } from "../../common/dom.js";
import * as estimate from "../estimate.js";

const FEATURE = "image_generation";
const chip = () => find(`[data-feature="${FEATURE}"]`);
const isPressed = () => chip()?.getAttribute("aria-pressed") === "true";

/** @param {() => Partial<ImageRequest> | undefined} wanted the picture of the next message */
export function start(wanted) {
  const look = estimate.watch(line, wanted);
  for (const type of ["change", "message:sent", "htmx:load", "htmx:historyRestore"])
    document.addEventListener(type, look);
  document.addEventListener("click", (event) => closest(event, "#composer, .picture-edit, #view") && look());
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
