// Single-letter keys of the console. They stand before those of every page, and can be switched off.
import { storage } from "./ui.js";

const off = storage("shortcuts-off");

/** Calls `keys[key](event)` for a key pressed outside fields and dialogs; `always` also inside fields. */
export function listen(keys, always = {}) {
  const sheet = document.querySelector("[data-console-keys]");
  const show = () => sheet?.showModal();
  for (const button of document.querySelectorAll("[data-keys]")) button.addEventListener("click", show);
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (document.querySelector("dialog[open]")) return;
      const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
      const key = event.key === " " ? "Space" : event.key;
      const found = typing ? always[key] : (always[key] ?? (off.read() === true ? undefined : key === "?" ? show : keys[key]));
      if (!found || (key === "Space" && event.target.closest("button, a, summary"))) return;
      if (found(event) === false) return;
      event.preventDefault();
      event.stopImmediatePropagation();
    },
    true,
  );
}
