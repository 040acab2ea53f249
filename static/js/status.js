// What happens now, in words, with a bar where there is progress; and the files that came of it.
import { t } from "./text.js";

/** The current step in `element`; when all is over the server's list of steps takes its place. */
export function showStatus(element, steps, over) {
  const step = steps.at(-1);
  const line = element.querySelector(".now");
  if (over || !step || step.done) return line?.remove();
  const now = line ?? element.appendChild(document.getElementById("status-template").content.firstElementChild.cloneNode(true));
  const words = [step.description];
  if (step.queue) words.push(t("queue", { n: step.queue }));
  if (step.total) words.push(t("steps", { step: step.step ?? 0, total: step.total }));
  const part = step.progress ?? (step.total ? (step.step ?? 0) / step.total : undefined); // 0 to 1
  const percent = part === undefined ? undefined : 100 * part;
  if (percent !== undefined) words.push(`${Math.round(percent)} %`);
  now.querySelector("[data-part='now-text']").textContent = words.filter(Boolean).join(" · ");
  const bar = now.querySelector("progress");
  bar.hidden = percent === undefined;
  bar.value = percent ?? 0;
  const preview = now.querySelector(".preview");
  preview.hidden = !/^(?:data:image\/|\/api\/)/.test(step.preview ?? "");
  if (!preview.hidden) preview.src = step.preview;
}

export function showFiles(article, files) {
  if (!files.length) return;
  let grid = article.querySelector("[data-part='files']");
  if (!grid) {
    grid = document.createElement("div");
    grid.className = "files";
    grid.dataset.part = "files";
    article.querySelector("[data-part='body']").before(grid);
  }
  grid.dataset.count = files.length;
  const shown = new Set([...grid.children].map((link) => link.getAttribute("href")));
  grid.append(...files.filter((file) => !shown.has(file.url)).map(fileLink));
}

function fileLink(file) {
  const link = Object.assign(document.createElement("a"), { href: file.url, target: "_blank", rel: "noopener" });
  link.className = file.type === "image" ? "picture" : "file";
  if (file.type !== "image") link.textContent = file.name;
  else {
    const picture = Object.assign(document.createElement("img"), { src: file.url, alt: file.name || t("picture") });
    if (file.width) Object.assign(picture, { width: file.width, height: file.height });
    link.append(picture);
  }
  return link;
}
