// The thread keeps its end in view while the reader is there, and offers the way back when they are not.
const NEAR = 48; // pixels from the end that still count as the end

/** @type {HTMLElement} */
let box;
/** @type {HTMLElement} */
let button;
let following = true;
let lastTop = 0;
let lastHeight = 0; // of the box

const distance = () => box.scrollHeight - box.scrollTop - box.clientHeight;

/**
 * Watch the scrolling part of a (new) main part.
 * @param {HTMLElement} scrollBox
 * @param {HTMLElement} content
 * @param {HTMLElement} latest the button that leads to the end
 */
export function watch(scrollBox, content, latest) {
  box = scrollBox;
  button = latest;
  box.addEventListener("scroll", moved, { passive: true });
  const resizes = new ResizeObserver(() => (following ? toEnd() : showButton()));
  resizes.observe(content);
  resizes.observe(box);
  if (content.querySelector("#welcome"))
    following = false; // a greeting is read from its head
  else toEnd();
}

/**
 * Stay at a message that somebody looked for.
 * @param {HTMLElement} message
 */
export function stayAt(message) {
  following = false;
  message.scrollIntoView({ block: "center" });
  lastTop = box.scrollTop;
  showButton();
}

/** There are later messages that have not been fetched. */
const hasLater = () => box.querySelector(".later") !== null;

export function toEnd() {
  following = true;
  box.scrollTop = box.scrollHeight;
  lastTop = box.scrollTop;
  lastHeight = box.clientHeight;
  showButton();
}

/** The composer changes: who reads the end goes on reading it. */
export function keep() {
  if (following) toEnd();
}

/** Where the reader is, counted from the end: what is added above does not change it. */
export const position = () => box.scrollHeight - box.scrollTop;

/** @param {number} fromEnd */
export function restore(fromEnd) {
  box.scrollTop = lastTop = box.scrollHeight - fromEnd;
}

function moved() {
  const resized = box.clientHeight !== lastHeight; // a composer that shrinks moves the thread, too
  if (box.scrollTop < lastTop - 1 && !resized) following = false; // only a reader moves up; growth never does
  if (distance() < NEAR && !hasLater()) following = true;
  lastTop = box.scrollTop;
  lastHeight = box.clientHeight;
  showButton();
}

function showButton() {
  button.hidden = following || (distance() < NEAR && !hasLater());
}
