// The pages that an answer rests on: a list below it, as soon as they are known. The server's own list looks the same.

export function showSources(article, steps) {
  const sources = steps.flatMap((step) => step.sources ?? []).filter((source) => /^https?:\/\//i.test(source.url));
  if (!sources.length || article.querySelector("[data-part='sources']")) return;
  const box = document.getElementById("sources-template").content.firstElementChild.cloneNode(true);
  const list = box.querySelector("ol");
  const item = list.firstElementChild;
  list.replaceChildren(
    ...sources.map(({ url, title }) => {
      const shown = item.cloneNode(true);
      const link = shown.querySelector("a");
      Object.assign(link, { href: url, title: url });
      link.querySelector("span").textContent = title;
      link.querySelector("small").textContent = new URL(url).host.replace(/^www\./, "");
      return shown;
    }),
  );
  article.querySelector("[data-part='body']").after(box);
}
