// The mask brush: a canvas of the picture's own size over the picture. What is painted is what the engine may change.
const dialog = document.getElementById("mask");
const canvas = document.getElementById("mask-canvas");
const image = document.getElementById("mask-picture");
const brush = document.getElementById("brush");
const cursor = document.getElementById("mask-cursor");
const COLOUR = "#5b5ff0"; // seen through: the style sheet makes the canvas half transparent
const KEY_STEP = 0.02; // of the longer side, per press of an arrow key

let strokes = []; // {erase, width, points: [[x, y], …]} in pixels of the picture, or "invert", or "clear"
let erasing = false;
let settle;
let spot; // where the keyboard paints
let listening = false;

/** Let somebody paint on a picture. → {strokes, mask: Blob or undefined}, or undefined when they changed their mind. */
export async function paint(picture) {
  listen();
  image.src = picture.url;
  await image.decode();
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  strokes = [...(picture.strokes ?? [])];
  erase(false);
  spot = [canvas.width / 2, canvas.height / 2];
  redraw();
  dialog.showModal();
  canvas.focus();
  return new Promise((resolve) => (settle = resolve));
}

function listen() {
  if (listening) return;
  listening = true;
  canvas.addEventListener("pointerdown", begin);
  canvas.addEventListener("pointermove", showCursor);
  canvas.addEventListener("pointerleave", () => (cursor.hidden = true));
  canvas.addEventListener("keydown", pressed);
  canvas.addEventListener("blur", () => (cursor.hidden = true));
  dialog.addEventListener("click", (event) => actions[event.target.closest("[data-action]")?.dataset.action]?.());
  dialog.addEventListener("close", () => settle(undefined)); // after "done" this changes nothing
}

const actions = {
  "mask-erase": () => erase(!erasing),
  "mask-undo"() {
    strokes.pop();
    redraw();
  },
  "mask-invert": () => add("invert"),
  "mask-clear": () => add("clear"),
  "mask-cancel": () => dialog.close(),
  "mask-done": async () => {
    settle({ strokes, mask: await exported() });
    dialog.close();
  },
};

function erase(on) {
  erasing = on;
  dialog.querySelector("[data-action='mask-erase']").setAttribute("aria-pressed", on);
}

const longer = () => Math.max(canvas.width, canvas.height);
const width = () => Math.max(2, (brush.valueAsNumber / 300) * longer());

function placeOf(event) {
  const box = canvas.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * canvas.width,
    ((event.clientY - box.top) / box.height) * canvas.height,
  ];
}

function begin(event) {
  if (event.button > 0) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  const stroke = { erase: erasing, width: width(), points: [placeOf(event)] };
  add(stroke);
  canvas.setPointerCapture(event.pointerId);
  const move = (moved) => {
    for (const one of moved.getCoalescedEvents?.() ?? [moved]) {
      stroke.points.push(placeOf(one));
      apply({ ...stroke, points: stroke.points.slice(-2) });
    }
  };
  const end = () => {
    canvas.removeEventListener("pointermove", move);
    for (const type of ["pointerup", "pointercancel"]) canvas.removeEventListener(type, end);
  };
  canvas.addEventListener("pointermove", move);
  for (const type of ["pointerup", "pointercancel"]) canvas.addEventListener(type, end);
}

function pressed(event) {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (step) {
    const far = KEY_STEP * longer();
    spot = [
      Math.min(canvas.width, Math.max(0, spot[0] + step[0] * far)),
      Math.min(canvas.height, Math.max(0, spot[1] + step[1] * far)),
    ];
  } else if (event.key === " ") add({ erase: erasing, width: width(), points: [spot] });
  else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) actions["mask-undo"]();
  else return;
  event.preventDefault();
  moveCursor(spot);
}

function showCursor(event) {
  if (event.pointerType === "mouse") moveCursor(placeOf(event));
}

/** The ring that shows where and how large the brush is. */
function moveCursor([x, y]) {
  const scale = canvas.getBoundingClientRect().width / canvas.width;
  const size = `${width() * scale}px`;
  Object.assign(cursor.style, { left: `${x * scale}px`, top: `${y * scale}px`, width: size, height: size });
  cursor.hidden = false;
}

function add(stroke) {
  strokes.push(stroke);
  apply(stroke);
}

function redraw() {
  apply("clear");
  strokes.forEach(apply);
}

function apply(stroke) {
  const pen = canvas.getContext("2d");
  if (stroke === "clear") return pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = pen.strokeStyle = COLOUR;
  if (stroke === "invert") {
    pen.globalCompositeOperation = "source-out";
    return pen.fillRect(0, 0, canvas.width, canvas.height);
  }
  pen.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
  pen.lineWidth = stroke.width;
  pen.lineCap = pen.lineJoin = "round";
  pen.beginPath();
  const [x, y] = stroke.points[0];
  pen.moveTo(x + 0.01, y); // a line without any length is not drawn
  for (const point of stroke.points) pen.lineTo(...point);
  pen.stroke();
}

/** A PNG of the picture's size, black, in which what was painted is transparent; undefined when nothing was. */
async function exported() {
  const painted = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  if (!painted.some((value, index) => index % 4 === 3 && value > 127)) return undefined;
  const paper = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const pen = paper.getContext("2d");
  pen.fillRect(0, 0, paper.width, paper.height);
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(canvas, 0, 0);
  return new Promise((resolve) => paper.toBlob(resolve, "image/png"));
}
