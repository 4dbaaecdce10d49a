// Endless feed: the "Older clips" link is followed before the reader reaches it.
// Without this script the link still works as a link.
const AHEAD = "900px";

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

for (const area of document.querySelectorAll("[data-feed]")) grow(area);
