// The mask brush: a canvas of the picture's own size over the picture. What is painted is what the engine may change.
import { byId, child, closest } from "../common/dom.js";

const dialog = byId("mask", HTMLDialogElement);
const canvas = byId("mask-canvas", HTMLCanvasElement);
const image = byId("mask-picture", HTMLImageElement);
const brush = byId("brush", HTMLInputElement);
const cursor = byId("mask-cursor");
const COLOUR = "#5b5ff0"; // seen through: the style sheet makes the canvas half transparent
const KEY_STEP = 0.02; // of the longer side, per press of an arrow key
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @type {Stroke[]} */
let strokes = [];
let erasing = false;
let settle = (/** @type {Painted | undefined} */ _painted) => {};
/** @type {[number, number]} */
let spot = [0, 0]; // where the keyboard paints
let listening = false;

/**
 * Let somebody paint on a picture. → what was painted, or undefined when they changed their mind.
 * @param {{ url: string, strokes?: Stroke[] }} picture
 * @returns {Promise<Painted | undefined>}
 */
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
  return new Promise((resolve) => {
    settle = resolve;
  });
}

function listen() {
  if (listening) return;
  listening = true;
  canvas.addEventListener("pointerdown", begin);
  canvas.addEventListener("pointermove", showCursor);
  canvas.addEventListener("pointerleave", hideCursor);
  canvas.addEventListener("keydown", pressed);
  canvas.addEventListener("blur", hideCursor);
  dialog.addEventListener("click", (event) => actions[closest(event, "[data-action]")?.dataset.action ?? ""]?.());
  dialog.addEventListener("close", () => settle(undefined)); // after "done" this changes nothing
}

/** @type {Record<string, () => void>} */
const actions = {
  "mask-erase": () => erase(!erasing),
  "mask-undo"() {
    strokes.pop();
    redraw();
  },
  "mask-invert": () => add("invert"),
  "mask-clear": () => add("clear"),
  "mask-cancel": () => dialog.close(),
  async "mask-done"() {
    settle({ strokes, mask: await exported() });
    dialog.close();
  },
};

/** @param {boolean} on */
function erase(on) {
  erasing = on;
  child(dialog, "[data-action='mask-erase']").setAttribute("aria-pressed", String(on));
}

const longer = () => Math.max(canvas.width, canvas.height);
const width = () => Math.max(2, (brush.valueAsNumber / 300) * longer());

/**
 * Where a pointer is, in pixels of the picture.
 * @param {PointerEvent} event
 * @returns {[number, number]}
 */
function spotOf({ clientX, clientY }) {
  const box = canvas.getBoundingClientRect();
  return [((clientX - box.left) / box.width) * canvas.width, ((clientY - box.top) / box.height) * canvas.height];
}

/** @param {PointerEvent} event */
function begin(event) {
  if (event.button > 0) return;
  event.preventDefault();
  canvas.focus({ preventScroll: true });
  const stroke = { erase: erasing, width: width(), points: [spotOf(event)] };
  add(stroke);
  canvas.setPointerCapture(event.pointerId);
  const move = (/** @type {PointerEvent} */ moved) => {
    for (const step of moved.getCoalescedEvents?.() ?? [moved]) {
      stroke.points.push(spotOf(step));
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

/** @param {KeyboardEvent} event */
function pressed(event) {
  const step = ARROWS[event.key];
  if (step) {
    const [x, y] = spot.map((value, axis) => value + step[axis] * KEY_STEP * longer());
    spot = [Math.min(canvas.width, Math.max(0, x)), Math.min(canvas.height, Math.max(0, y))];
  } else if (event.key === " ") add({ erase: erasing, width: width(), points: [spot] });
  else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) actions["mask-undo"]();
  else return;
  event.preventDefault();
  moveCursor(spot);
}

/** @param {PointerEvent} event */
function showCursor(event) {
  if (event.pointerType === "mouse") moveCursor(spotOf(event));
}

function hideCursor() {
  cursor.hidden = true;
}

/**
 * The ring that shows where and how large the brush is.
 * @param {[number, number]} spot
 */
function moveCursor([x, y]) {
  const scale = canvas.getBoundingClientRect().width / canvas.width;
  const size = `${width() * scale}px`;
  Object.assign(cursor.style, { left: `${x * scale}px`, top: `${y * scale}px`, width: size, height: size });
  cursor.hidden = false;
}

/** @param {Stroke} stroke */
function add(stroke) {
  strokes.push(stroke);
  apply(stroke);
}

function redraw() {
  apply("clear");
  strokes.forEach(apply);
}

/** @param {HTMLCanvasElement} paper */
const penOf = (paper) => /** @type {CanvasRenderingContext2D} */ (paper.getContext("2d"));

/** @param {Stroke} stroke */
function apply(stroke) {
  const pen = penOf(canvas);
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
  const painted = penOf(canvas).getImageData(0, 0, canvas.width, canvas.height).data;
  if (!painted.some((value, index) => index % 4 === 3 && value > 127)) return undefined;
  const paper = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const pen = penOf(paper);
  pen.fillRect(0, 0, paper.width, paper.height);
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(canvas, 0, 0);
  /** @type {Promise<Blob | null>} */
  const png = new Promise((resolve) => paper.toBlob(resolve, "image/png"));
  return (await png) ?? undefined;
}
