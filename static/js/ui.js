// Small helpers every module uses: toasts, the balance in the header, a calm live region, times.

const reduced = matchMedia("(prefers-reduced-motion: reduce)");

export function prefersStill() {
  return reduced.matches || navigator.connection?.saveData === true;
}

/** A note at the bottom. With `action` it has a button, stays longer, and calls `onAction` once. */
export function toast(text, { bad = false, action = "", onAction } = {}) {
  const area = document.querySelector("[data-toasts]");
  if (!area) return;
  const note = document.createElement("p");
  note.className = bad ? "toast toast--bad" : "toast";
  note.textContent = text;
  if (action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "toast__action";
    button.textContent = action;
    button.addEventListener("click", () => {
      note.remove();
      onAction();
    });
    note.append(button);
  }
  area.append(note);
  setTimeout(() => note.remove(), action ? 10000 : bad ? 7000 : 3500);
}

/** Show what can be spent now, wherever the page shows it. */
export function showBalance(available) {
  for (const place of document.querySelectorAll("[data-balance]")) place.textContent = available;
}

let lastSaid = 0;
/** Tell screen readers, at most every ten seconds unless it matters now. */
export function say(text, { now = false } = {}) {
  const region = document.querySelector("[data-live]");
  if (!region || (!now && Date.now() - lastSaid < 10_000)) return;
  lastSaid = Date.now();
  region.textContent = text;
}

/** "about 40 s", "about 3 min": an estimate is never shown to the second. */
export function about(seconds) {
  if (seconds === null || seconds === undefined) return "";
  if (seconds < 10) return "a few seconds";
  if (seconds < 90) return `about ${Math.ceil(seconds / 5) * 5} s`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)} min`;
  return `about ${Math.round(seconds / 3600)} h`;
}

/** What the browser keeps under a key: for good, or with `area` in this tab only. */
export function storage(key, area = () => localStorage) {
  return {
    read() {
      try {
        return JSON.parse(area().getItem(key));
      } catch {
        return null;
      }
    },
    write(value) {
      try {
        area().setItem(key, JSON.stringify(value));
      } catch {
        // Full or switched off: the page works without it.
      }
    },
    forget() {
      try {
        area().removeItem(key);
      } catch {
        // Nothing to forget then.
      }
    },
  };
}

/** An identifier for one draft; also where the page is not a secure context. */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
