// A card plays its clip, muted, while the pointer or the keyboard rests on it.
import { prefersStill } from "./ui.js";

function start(card) {
  if (prefersStill()) return;
  const frame = card.querySelector("[data-preview]");
  if (!frame || frame.querySelector("video")) return;
  const video = document.createElement("video");
  video.muted = true;
  video.loop = true;
  video.playsInline = true;
  video.setAttribute("aria-hidden", "true");
  video.tabIndex = -1;
  video.addEventListener("playing", () => frame.classList.add("is-playing"), { once: true });
  video.addEventListener("error", () => video.remove(), { once: true });
  video.src = frame.dataset.preview;
  frame.append(video);
  video.play().catch(() => video.remove());
}

function stop(card) {
  const frame = card.querySelector("[data-preview]");
  if (!frame) return;
  frame.classList.remove("is-playing");
  frame.querySelector("video")?.remove();
}

/** Watch all present and future cards below `root`: the listeners sit on it, not on the cards. */
export function watchClips(root) {
  let current = null;
  let timer = 0;
  const enter = (card) => {
    if (card === current) return;
    leave();
    current = card;
    timer = setTimeout(() => current === card && start(card), 140);
  };
  const leave = () => {
    clearTimeout(timer);
    if (current) stop(current);
    current = null;
  };
  root.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    const card = event.target.closest?.("[data-clip]");
    if (card) enter(card);
    else leave();
  });
  root.addEventListener("focusin", (event) => {
    const card = event.target.closest?.("[data-clip]");
    if (card) enter(card);
  });
  root.addEventListener("focusout", leave);
}
