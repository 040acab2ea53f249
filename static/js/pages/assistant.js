// The form of an assistant: the rules of a chat that were kept for it fill in a new one.
import { find } from "../common/dom.js";

const KEY = "assistant-from-rules";
const stored = sessionStorage.getItem(KEY);
const form = find("#assistant-form");

if (stored && form instanceof HTMLFormElement && location.hash === "#from-rules") {
  sessionStorage.removeItem(KEY);
  const { tools, ...values } = JSON.parse(stored);
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLSelectElement) {
      if ([...field.options].some((option) => option.value === value)) field.value = value;
    } else if (field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) field.value = String(value);
  }
  if (Array.isArray(tools)) {
    for (const box of form.querySelectorAll("input[name='tools']")) {
      if (box instanceof HTMLInputElement) box.checked = tools.includes(box.value);
    }
  }
  find("#id_name")?.focus();
}
