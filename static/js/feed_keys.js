// Keyboard of a list of clips: j and k go from card to card, l likes, s saves, Enter opens.
// Single letters can be switched off in the sheet of shortcuts, as everywhere.
import { storage } from "./ui.js";

const off = storage("shortcuts-off");

function cards() {
  return [...document.querySelectorAll("[data-feed] [data-clip]")];
}

function current() {
  return document.activeElement?.closest("[data-feed] [data-clip]");
}

function move(step) {
  const all = cards();
  if (!all.length) return;
  const at = all.indexOf(current());
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
  if (!next) return;
  next.querySelector(".clip__prompt a").focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function press(name) {
  current()?.querySelector(`[data-${name}]`)?.click();
}

const deeds = { j: () => move(1), k: () => move(-1), l: () => press("like"), s: () => press("save") };
let afterG = 0;

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, textarea, select, [contenteditable]")) return;
  if (event.ctrlKey || event.metaKey || event.altKey || off.read() === true) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "g") {
    afterG = Date.now(); // "g l" goes to the library
    return;
  }
  if (Date.now() - afterG < 1500) return;
  const deed = deeds[event.key];
  if (!deed) return;
  event.preventDefault();
  deed();
});
