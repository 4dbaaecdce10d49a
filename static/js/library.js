// The library: choose clips by click, touch or keyboard; act on them; undo what went to the trash.
// Without this script the checkboxes and the bar's buttons are a plain form.
import { api } from "./api.js";
import { follow } from "./chores.js";
import { storage, toast } from "./ui.js";

const shelf = document.querySelector("[data-shelf]");
const workspace = document.querySelector("[data-library]").dataset.library;
const address = `/api/v1/workspaces/${workspace}/library/`;

document.querySelector("[data-submit-on-change]")?.addEventListener("change", (event) => event.target.form.submit());

if (shelf) run();

function run() {
  const list = shelf.querySelector("[data-feed-items]");
  const bar = shelf.querySelector("[data-bulk]");
  const clear = bar.querySelector("[data-clear]");
  const inTrash = shelf.dataset.show === "trash";
  const keysOff = storage("shortcuts-off");
  let anchor = null; // where a range begins

  const cards = () => [...shelf.querySelectorAll("[data-clip]")];
  const box = (card) => card.querySelector(".clip__pick input");
  const chosen = () => cards().filter((card) => box(card).checked);
  const ids = (some) => some.filter((card) => !("upload" in card.dataset)).map((card) => card.dataset.clip);
  const uploads = (some) => some.filter((card) => "upload" in card.dataset).map((card) => card.dataset.clip);
  const count = (n) => (n === 1 ? "1 clip" : `${n} clips`);
  const things = (some) => (uploads(some).length ? `${some.length} ${some.length === 1 ? "upload" : "things"}` : count(some.length));

  clear.hidden = false;
  bar.classList.add("bulk--live");
  document.querySelector("[data-keys]").hidden = matchMedia("(pointer: coarse)").matches;
  show();

  function show() {
    const n = chosen().length;
    bar.querySelector("[data-count]").textContent = n;
    bar.classList.toggle("is-open", n > 0);
    shelf.classList.toggle("is-choosing", n > 0);
  }

  function pick(card, on, { range = false } = {}) {
    const all = cards();
    const from = range && anchor && all.includes(anchor) ? all.indexOf(anchor) : all.indexOf(card);
    const [low, high] = [from, all.indexOf(card)].sort((a, b) => a - b);
    for (const each of all.slice(low, high + 1)) box(each).checked = on;
    anchor = card;
    show();
  }

  function clearAll() {
    for (const card of cards()) box(card).checked = false;
    show();
  }

  shelf.addEventListener("change", (event) => {
    if (event.target.closest(".clip__pick")) show();
  });
  shelf.addEventListener("click", (event) => {
    const input = event.target.closest(".clip__pick input");
    if (input) pick(input.closest("[data-clip]"), input.checked, { range: event.shiftKey });
    // While some are chosen, a click on another card chooses it as well.
    const link = event.target.closest(".clip__prompt a");
    if (link && chosen().length && !event.metaKey && !event.ctrlKey && event.detail > 0) {
      event.preventDefault();
      const card = link.closest("[data-clip]");
      pick(card, !box(card).checked, { range: event.shiftKey });
    }
    const star = event.target.closest("[data-star]");
    if (star) favour([star.closest("[data-clip]")], star.getAttribute("aria-pressed") !== "true");
    if (event.target.closest("[data-clear]")) clearAll();
  });

  shelf.addEventListener("submit", async (event) => {
    event.preventDefault();
    const some = chosen();
    const button = event.submitter;
    if (!some.length || !button) return;
    button.setAttribute("aria-busy", "true");
    await act(button.value, some);
    button.removeAttribute("aria-busy");
  });

  async function act(action, some) {
    if (action === "favourite" || action === "unfavourite") return favour(some, action === "favourite");
    if (action === "download") return download(some);
    const select = shelf.querySelector("[name=folder]");
    const body = { action, videos: ids(some), uploads: uploads(some) };
    if (action === "move") body.folder = select.value ? Number(select.value) : null;
    try {
      await api(address, { method: "POST", body });
    } catch (error) {
      return problem(error);
    }
    if (action === "move") {
      clearAll();
      return toast(`Moved ${count(some.length)} ${select.value ? `to ${select.selectedOptions[0].text}` : "out of folders"}`);
    }
    const places = takeAway(some);
    const back = action === "trash" ? "restore" : "trash";
    toast(action === "trash" ? `Moved ${things(some)} to the trash` : `Took back ${things(some)}`, {
      action: "Undo",
      onAction: () => undo(back, some, places),
    });
    return undefined;
  }

  async function undo(action, some, places) {
    try {
      await api(address, { method: "POST", body: { action, videos: ids(some), uploads: uploads(some) } });
    } catch (error) {
      return problem(error);
    }
    for (const [item, next, place] of places.reverse()) place.insertBefore(item, next?.isConnected ? next : null);
    clearAll();
    toast(action === "restore" ? "Back in the library, private" : "Back in the trash");
    return undefined;
  }

  /** Take cards out of the list; where each stood. */
  function takeAway(some) {
    const focused = some.includes(document.activeElement?.closest("[data-clip]"));
    const rest = cards().filter((card) => !some.includes(card));
    const places = some.map((card) => {
      const item = card.closest("li");
      return [item, item.nextElementSibling, item.parentElement];
    });
    for (const [item] of places) item.remove();
    for (const card of some) box(card).checked = false;
    if (focused) rest[0]?.querySelector("a").focus();
    show();
    return places;
  }

  async function favour(some, on) {
    try {
      await api(address, { method: "POST", body: { action: on ? "favourite" : "unfavourite", videos: ids(some) } });
    } catch (error) {
      return problem(error);
    }
    for (const card of some) card.querySelector("[data-star]")?.setAttribute("aria-pressed", String(on));
    if (!on && shelf.dataset.show === "favourites") takeAway(some);
    if (chosen().length) clearAll();
    toast(on ? "Marked as favourite" : "No longer a favourite");
    return undefined;
  }

  async function download(some) {
    try {
      const chore = await api(`/api/v1/workspaces/${workspace}/downloads/`, { method: "POST", body: { videos: ids(some) } });
      toast(`Packing ${count(some.length)}…`);
      clearAll();
      const done = await follow(chore);
      location.assign(done.url);
    } catch (error) {
      problem(error);
    }
  }

  function problem(error) {
    toast([error.message, error.remedy].filter(Boolean).join(" "), { bad: true });
  }

  /** The card `step` places on; up and down go by the rows as they are laid out now. */
  function neighbour(card, key) {
    const all = cards();
    const at = all.indexOf(card);
    if (key === "ArrowRight") return all[at + 1];
    if (key === "ArrowLeft") return all[at - 1];
    if (key === "Home") return all[0];
    if (key === "End") return all.at(-1);
    const own = card.getBoundingClientRect();
    const below = key === "ArrowDown";
    const line = (below ? all.slice(at + 1) : all.slice(0, at).reverse()).filter((other) => {
      const top = other.getBoundingClientRect().top;
      return below ? top > own.top + 4 : top < own.top - 4;
    });
    const row = line[0]?.getBoundingClientRect().top;
    return line
      .filter((other) => Math.abs(other.getBoundingClientRect().top - row) < 4)
      .sort((a, b) => Math.abs(a.getBoundingClientRect().left - own.left) - Math.abs(b.getBoundingClientRect().left - own.left))[0];
  }

  document.addEventListener("keydown", (event) => {
    const field = event.target.closest("input:not([type=checkbox]), select, textarea, dialog");
    if (field || event.metaKey || event.ctrlKey || event.altKey) return;
    const card = event.target.closest?.("[data-clip]") ?? null;
    if (event.key === "Escape" && chosen().length) return clearAll();
    if (["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) {
      const next = card ? neighbour(card, event.key) : document.activeElement === document.body ? cards()[0] : null;
      if (!next) return undefined;
      event.preventDefault();
      next.querySelector(".clip__prompt a").focus();
      if (event.shiftKey && card) {
        if (!box(card).checked) pick(card, true);
        pick(next, true);
      }
      return undefined;
    }
    if (event.key === " " && card && event.target.matches("a")) {
      event.preventDefault();
      return pick(card, !box(card).checked, { range: event.shiftKey });
    }
    const some = chosen().length ? chosen() : card ? [card] : [];
    if (event.key === "Delete" && some.length) return void act(inTrash ? "restore" : "trash", some);
    if (keysOff.read() === true) return undefined;
    if (event.key === "a") {
      const all = cards();
      const on = chosen().length < all.length;
      for (const each of all) box(each).checked = on;
      return show();
    }
    if (event.key === "f" && some.length && !inTrash) {
      return void favour(some, !some.every((each) => each.querySelector("[data-star]").getAttribute("aria-pressed") === "true"));
    }
    return undefined;
  });
}
