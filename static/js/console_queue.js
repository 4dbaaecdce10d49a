// The queue by keyboard: j and k move, Enter opens, x chooses, s starts; and the bar for several.
import { listen } from "./console_keys.js";

const form = document.querySelector("[data-queue]");
const rows = form ? [...form.querySelectorAll("[data-row]")] : [];
let current = -1;

function go(index) {
  if (!rows.length) return;
  rows[current]?.removeAttribute("data-current");
  current = Math.max(0, Math.min(rows.length - 1, index));
  rows[current].setAttribute("data-current", "");
  rows[current].querySelector("[data-open]").focus({ preventScroll: true });
  rows[current].scrollIntoView({ block: "nearest" });
}

const bar = document.querySelector("[data-bulk]");

function count() {
  const chosen = rows.filter((row) => row.querySelector("input[type=checkbox]").checked).length;
  bar.hidden = chosen === 0;
  bar.querySelector("[data-bulk-count]").textContent = chosen === 1 ? "1 case" : `${chosen} cases`;
}

if (form) {
  form.addEventListener("change", count);
  form.addEventListener("focusin", (event) => {
    const row = event.target.closest("[data-row]");
    if (row && rows.indexOf(row) !== current) {
      rows[current]?.removeAttribute("data-current");
      current = rows.indexOf(row);
      row.setAttribute("data-current", "");
    }
  });
  count();
}

listen({
  j: () => go(current + 1),
  k: () => go(current - 1),
  x: () => {
    if (current < 0) go(0);
    const box = rows[current]?.querySelector("input[type=checkbox]");
    if (box) {
      box.checked = !box.checked;
      count();
    }
  },
  s: () => {
    const start = document.querySelector("[data-next]");
    if (!start) return false;
    location.assign(start.href);
  },
});
