// The pages that an answer cites: a list below it, as soon as they are known. The server's own list looks the same.
import { child, clone, partOf } from "../common/dom.js";

/**
 * @param {HTMLElement} article
 * @param {Step[]} steps
 */
export function showSources(article, steps) {
  const sources = steps.flatMap((step) => step.sources ?? []).filter((source) => /^https?:\/\//i.test(source.url));
  if (!sources.length || article.querySelector("[data-part='sources']")) return;
  const box = clone("sources-template");
  const list = child(box, "ol");
  const item = child(list, "li");
  list.replaceChildren(
    ...sources.map(({ url, title }) => {
      const shown = /** @type {HTMLElement} */ (item.cloneNode(true));
      Object.assign(child(shown, "a"), { href: url, title: url });
      child(shown, "span").textContent = title;
      child(shown, "small").textContent = new URL(url).host.replace(/^www\./, "");
      return shown;
    }),
  );
  partOf(article, "body").after(box);
}
