// Endless feed: the "Older clips" link is followed before the reader reaches it.
// Without this script the link still works as a link.
import { storage } from "./ui.js";

const AHEAD = "900px";
const MINUTE = 60_000;

function grow(area) {
  const list = area.querySelector("[data-feed-items]");
  let busy = false;

  async function next(link) {
    if (busy) return;
    busy = true;
    link.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(link.href, { headers: { "X-Feed-Part": "1" } });
      if (!response.ok) throw new Error(String(response.status));
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const seen = new Set([...list.querySelectorAll("[data-clip]")].map((card) => card.dataset.clip));
      const fresh = [...page.querySelectorAll("[data-feed-items] > *")];
      list.append(...fresh.filter((card) => !seen.has(card.querySelector("[data-clip]")?.dataset.clip)));
      area.querySelector("[data-feed-more]").replaceWith(page.querySelector("[data-feed-more]"));
      observe();
    } catch {
      // Leave the link: a click tries again.
      link.removeAttribute("aria-busy");
      link.textContent = "Couldn't load more. Try again";
    } finally {
      busy = false;
    }
  }

  const watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        watcher.unobserve(entry.target);
        next(entry.target);
      }
    },
    { rootMargin: AHEAD },
  );

  function observe() {
    const link = area.querySelector("[data-feed-more] a");
    if (!link) return;
    watcher.observe(link);
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      next(link);
    });
  }

  observe();
}

// After so many minutes in this tab's feeds a card suggests a break; it stands still and blocks nothing.
function suggestBreaks(area) {
  const card = document.querySelector("[data-break]");
  const minutes = Number(area.dataset.breakMinutes);
  if (!card || !minutes) return;
  const since = storage("feed-since", () => sessionStorage);
  let began = Number(since.read()) || Date.now();
  since.write(began);
  setInterval(() => {
    if (document.hidden || Date.now() - began < minutes * MINUTE) return;
    began = Date.now();
    since.write(began);
    area.querySelector("[data-break-card]")?.remove();
    const list = area.querySelector("[data-feed-items]");
    const seen = [...list.children].find((item) => item.getBoundingClientRect().top > innerHeight / 2);
    list.insertBefore(card.content.cloneNode(true), seen || null);
  }, 5000);
  area.addEventListener("click", (event) => {
    if (event.target.closest("[data-break-on]")) event.target.closest("[data-break-card]").remove();
  });
}

for (const area of document.querySelectorAll("[data-feed]")) {
  grow(area);
  suggestBreaks(area);
}
