// The thread keeps its end in view while the reader is there, and offers the way back when they are not.
const NEAR = 48; // pixels from the end that still count as the end

let box;
let button;
let following = true;
let lastTop = 0;

const distance = () => box.scrollHeight - box.scrollTop - box.clientHeight;

/** Watch the scrolling part of a (new) main part. */
export function watch(scrollBox, content, latest) {
  box = scrollBox;
  button = latest;
  box.addEventListener("scroll", moved, { passive: true });
  const resizes = new ResizeObserver(() => (following ? toEnd() : showButton()));
  resizes.observe(content);
  resizes.observe(box);
  toEnd();
}

export function toEnd() {
  following = true;
  box.scrollTop = box.scrollHeight;
  lastTop = box.scrollTop;
  showButton();
}

/** Where the reader is, counted from the end: what is added above does not change it. */
export const place = () => box.scrollHeight - box.scrollTop;

export function restore(fromEnd) {
  box.scrollTop = lastTop = box.scrollHeight - fromEnd;
}

function moved() {
  if (box.scrollTop < lastTop - 1) following = false; // only a reader moves up; growth never does
  if (distance() < NEAR) following = true;
  lastTop = box.scrollTop;
  showButton();
}

function showButton() {
  button.hidden = following || distance() < NEAR;
}
