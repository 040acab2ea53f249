// Inside the sandboxed frame: draws Mermaid's diagrams, or shows a picture. The page around it sends what, and is told
// what became of it. This document has an origin of its own and no network (chat/sandbox/views.py).

addEventListener("message", ({ source, data }) => {
  if (source !== parent) return;
  if (data.mermaid) draw(data);
  else if (data.picture) show(data.picture);
  else if (data.zoom) zoom(data.zoom);
});
tell("ready");

/** @param {unknown} message */
function tell(message) {
  parent.postMessage(message, "*");
}

/** @type {Promise<unknown> | undefined} */
let library;

/** Mermaid, which takes a while: only frames that draw fetch it. */
function fetchLibrary() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = document.documentElement.dataset.mermaid ?? "";
    script.onload = resolve;
    script.onerror = () => reject(new Error());
    document.head.append(script);
  });
  return library;
}

/** @param {{ id: number, mermaid: string, dark: boolean, font: string }} request */
async function draw({ id, mermaid: text, dark, font }) {
  const canvas = document.createElement("div");
  canvas.className = "canvas";
  document.body.append(canvas);
  try {
    await fetchLibrary();
    window.mermaid.initialize({
      startOnLoad: false,
      securityLevel: "strict",
      suppressErrorRendering: true,
      theme: dark ? "dark" : "neutral",
      fontFamily: font,
      htmlLabels: false, // a picture shows no HTML
      flowchart: { htmlLabels: false },
      maxTextSize: 20_000,
      maxEdges: 400,
    });
    const { svg } = await window.mermaid.render(`drawing-${id}`, text, canvas);
    canvas.innerHTML = svg;
    tell({ id, svg: asFile(/** @type {SVGSVGElement} */ (canvas.querySelector("svg"))) });
  } catch (error) {
    tell({ id, mistake: error instanceof Error ? error.message : String(error) });
  }
  canvas.remove();
}

/**
 * A drawing as the text of a file, with a size of its own.
 * @param {SVGSVGElement} svg
 */
function asFile(svg) {
  const { width, height } = svg.viewBox.baseVal;
  if (width && height) {
    svg.setAttribute("width", String(Math.ceil(width)));
    svg.setAttribute("height", String(Math.ceil(height)));
  }
  svg.style.maxWidth = "";
  return new XMLSerializer().serializeToString(svg);
}

/**
 * As a picture it runs no script and fetches nothing.
 * @param {string} svg
 */
function show(svg) {
  const image = new Image();
  image.alt = "";
  image.onload = () => {
    document.body.replaceChildren(image);
    tell({ width: image.naturalWidth, height: image.naturalHeight });
  };
  image.onerror = () => tell({ broken: true });
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
}

/** @param {number} factor of the size at which all of it is seen */
function zoom(factor) {
  const image = document.querySelector("img");
  if (!image) return;
  document.documentElement.toggleAttribute("data-zoomed", factor > 1);
  image.style.width = image.style.height = `${factor * 100}%`;
}
