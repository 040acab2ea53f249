// Files that are dropped on a part of the page, or pasted into it.

/**
 * @param {object} options
 * @param {Document | HTMLElement} options.area where files may be dropped
 * @param {Document | HTMLElement} options.pasteArea where they may be pasted
 * @param {HTMLElement} options.marked gets the class `dropping` while files are above the area
 * @param {(files: File[]) => void} options.onFiles
 * @param {() => boolean} [options.isOpen] whether files are taken now
 * @param {(event: ClipboardEvent) => File[]} [options.pasted] the files of a paste that are meant for us
 */
export function takeFiles({ area, pasteArea, marked, onFiles, isOpen = () => true, pasted = filesOf }) {
  const mark = (/** @type {boolean} */ over) => marked.classList.toggle("dropping", over);
  /** @param {DragEvent} event */
  const carried = ({ dataTransfer }) => (isOpen() && dataTransfer?.types.includes("Files") ? dataTransfer : undefined);
  /** @param {DragEvent} event */
  const dragged = (event) => {
    const transfer = carried(event);
    if (!transfer) return;
    event.preventDefault();
    transfer.dropEffect = "copy";
    mark(true);
  };
  /** @param {DragEvent} event */
  const left = ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && area.contains(relatedTarget))) mark(false);
  };
  /** @param {DragEvent} event */
  const dropped = (event) => {
    mark(false);
    const transfer = carried(event);
    if (!transfer) return;
    event.preventDefault();
    const items = [...transfer.items].filter((item) => item.kind === "file" && !item.webkitGetAsEntry?.()?.isDirectory);
    onFiles(items.map((item) => item.getAsFile()).filter((file) => file !== null));
  };
  /** @param {ClipboardEvent} event */
  const paste = (event) => {
    const files = isOpen() ? pasted(event) : [];
    if (!files.length) return;
    event.preventDefault();
    onFiles(files);
  };
  const listen = (/** @type {string} */ type, /** @type {(event: never) => void} */ listener, on = area) =>
    on.addEventListener(type, /** @type {EventListener} */ (listener));
  listen("dragenter", dragged);
  listen("dragover", dragged);
  listen("dragleave", left);
  listen("drop", dropped);
  listen("paste", paste, pasteArea);
}

/** @param {ClipboardEvent} event */
const filesOf = ({ clipboardData }) => [...(clipboardData?.files ?? [])];
