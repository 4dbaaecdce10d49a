// What every page has: theme switch, menus, shortcuts, previews of clips.
import { storage } from "./ui.js";
import { watchClips } from "./preview.js";

const root = document.documentElement;

function shownTheme() {
  if (root.dataset.theme) return root.dataset.theme;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

document.querySelector("[data-theme-toggle]")?.addEventListener("click", () => {
  root.dataset.theme = shownTheme() === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // The choice then lasts for this page only.
  }
});

const menus = document.querySelectorAll("[data-menu]");
document.addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target)) menu.open = false;
});

// Single-letter shortcuts can be switched off (WCAG 2.1.4).
const off = storage("shortcuts-off");
const sheet = document.querySelector("[data-shortcuts]");
const switchOff = document.querySelector("[data-shortcuts-off]");
if (switchOff) {
  switchOff.checked = off.read() === true;
  switchOff.addEventListener("change", () => off.write(switchOff.checked));
}

const places = { r: "/", c: "/create/", a: "/activity/", l: "/library/" };
let afterG = 0;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    for (const menu of menus) {
      if (!menu.open) continue;
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    return;
  }
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || off.read() === true) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "/") {
    event.preventDefault();
    const prompt = document.querySelector("[data-prompt]");
    if (prompt) prompt.focus();
    else location.assign("/create/");
  } else if (event.key === "?") {
    sheet?.showModal();
  } else if (event.key === "g") {
    afterG = Date.now();
  } else if (places[event.key] && Date.now() - afterG < 1500) {
    location.assign(places[event.key]);
  }
});

document.addEventListener("click", (event) => {
  event.target.closest("[data-close-dialog]")?.closest("dialog")?.close();
});

watchClips(document);
