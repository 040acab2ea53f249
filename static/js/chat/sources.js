// The pages and files that an answer cites: a list below it, as soon as they are known. The server's own list looks
// the same.
import { child, clone, partOf } from "../common/dom.js";

const OURS_OR_WEB = /^(https?:\/\/|\/api\/v1\/files\/)/i;

/**
 * @param {HTMLElement} article
 * @param {Step[]} steps
 */
export function showSources(article, steps) {
  const sources = steps.flatMap((step) => step.sources ?? []).filter(({ url }) => OURS_OR_WEB.test(url));
  const present = article.querySelector("[data-part='sources']");
  if (!sources.length || present?.querySelectorAll("li").length === sources.length) return;
  present?.remove();
  const box = clone("sources-template");
  const list = child(box, "ol");
  const item = child(list, "li");
  list.replaceChildren(
    ...sources.map(({ url, title, site }) => {
      const shown = /** @type {HTMLElement} */ (item.cloneNode(true));
      Object.assign(child(shown, "a"), { href: url, title: url });
      child(shown, "span").textContent = title;
      child(shown, "small").textContent = site ?? new URL(url, location.href).host.replace(/^www\./, "");
      return shown;
    }),
  );
  partOf(article, "body").after(box);
}
