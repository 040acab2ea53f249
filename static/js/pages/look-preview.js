// The preview below the form of the site's name and look: asked for anew while one types, before anything is saved.
import { part } from "../common/api.js";
import { all, byId, find } from "../common/dom.js";

const preview = byId("look-preview");
/** @param {string} name */
const field = (name) => find(`[name="${name}"]`);
let shown = 0; // the newest request
let chosen = ""; // address of a logo that is not uploaded yet

async function show() {
  shown += 1;
  const mine = shown;
  const query = new URLSearchParams();
  for (const name of ["name", "accent"]) {
    const input = field(name);
    if (input instanceof HTMLInputElement) query.set(name, input.value);
  }
  const html = await part(`${preview.dataset.url}?${query}`).catch(() => undefined);
  if (html === undefined || mine !== shown) return;
  preview.innerHTML = html;
  for (const theme of all("[data-tokens]", preview)) theme.style.cssText = theme.dataset.tokens ?? "";
  if (chosen) for (const image of all("[data-part='logo']", preview)) image.setAttribute("src", chosen);
}

let later = 0;
document.addEventListener("input", ({ target }) => {
  if (target === field("new_logo") && target instanceof HTMLInputElement) {
    const [file] = target.files ?? [];
    URL.revokeObjectURL(chosen);
    chosen = file ? URL.createObjectURL(file) : "";
  } else if (target !== field("name") && target !== field("accent")) return;
  clearTimeout(later);
  later = setTimeout(show, 150);
});
show();
