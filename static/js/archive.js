// Settings: a workspace goes out as one file and comes back; both go on when the page is left.
import { api } from "./api.js";
import { follow } from "./chores.js";
import { toast } from "./ui.js";

const NAMES = { export: "Export", import: "Import", download: "Zip of clips" };

for (const panel of document.querySelectorAll("[data-archive]")) {
  const base = `/api/v1/workspaces/${panel.dataset.archive}`;
  const area = panel.querySelector("[data-chores]");
  const start = panel.querySelector("[data-export]");
  const take = panel.querySelector("[data-import]");
  const file = take.querySelector("input");
  panel.hidden = false;
  take.hidden = !("owner" in panel.dataset);

  const rows = new Map();
  function show(chore) {
    let row = rows.get(chore.id);
    if (!row) {
      row = document.createElement("div");
      row.className = "archive__row";
      rows.set(chore.id, row);
      area.prepend(row);
    }
    row.replaceChildren(...parts(chore));
  }

  function parts(chore) {
    const day = new Date(chore.created_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    const title = element("span", `${NAMES[chore.kind]}, ${day}`);
    if (chore.status === "failed") return [title, element("span", chore.problem, "archive__bad")];
    if (chore.status !== "done") {
      const bar = document.createElement("progress");
      bar.max = chore.total || 1;
      if (chore.total) bar.value = chore.done;
      bar.setAttribute("aria-label", `${NAMES[chore.kind]} progress`);
      return [title, bar, element("small", chore.total ? `${chore.done} of ${chore.total}` : "waiting")];
    }
    if (chore.url) {
      const link = element("a", `Download (${(chore.bytes / 1e6).toFixed(1)} MB)`, "btn btn--primary btn--sm");
      link.href = chore.url;
      return [title, link];
    }
    const found = chore.report;
    const said = [`${found.taken_in} taken in, ${found.already_there} already there, ${found.left_out_count} left out.`, ...found.notes];
    const list = document.createElement("ul");
    for (const item of found.left_out.slice(0, 20)) list.append(element("li", `${item.clip.slice(0, 8)}: ${item.why}`));
    return [title, element("span", said.join(" ")), list];
  }

  function element(tag, text, classes = "") {
    const made = document.createElement(tag);
    made.textContent = text;
    made.className = classes;
    return made;
  }

  function problem(error) {
    toast([error.message, error.remedy].filter(Boolean).join(" "), { bad: true });
  }

  async function watch(chore) {
    try {
      show(await follow(chore, show));
    } catch (error) {
      if (error.code !== "failed") problem(error);
    }
  }

  start.addEventListener("click", async () => {
    start.setAttribute("aria-busy", "true");
    try {
      await watch(await api(`${base}/exports/`, { method: "POST" }));
    } catch (error) {
      problem(error);
    }
    start.removeAttribute("aria-busy");
  });

  file.addEventListener("change", async () => {
    if (!file.files.length) return;
    const body = new FormData();
    body.append("file", file.files[0]);
    take.setAttribute("aria-busy", "true");
    try {
      await watch(await api(`${base}/imports/`, { method: "POST", body }));
    } catch (error) {
      problem(error);
    }
    take.removeAttribute("aria-busy");
    file.value = "";
  });

  api(`${base}/chores/`)
    .then(({ chores }) => {
      for (const chore of chores.slice(0, 5).reverse()) watch(chore);
    })
    .catch(() => {});
}
