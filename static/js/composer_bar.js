// The composer at the bottom of every page: opens when it is used, keeps its text over navigation.
import { api } from "./api.js";
import { Attachments } from "./attachments.js";
import { element, readJson } from "./dom.js";
import { Order } from "./order.js";
import { openPromptHistory } from "./prompt_history.js";
import { storage, toast } from "./ui.js";

const bar = document.querySelector("[data-bar]");
const form = bar.querySelector("form");
const prompt = form.querySelector("[data-prompt]");
const workspace = bar.dataset.workspace;
const draft = storage(`bar-${workspace}`, () => sessionStorage);
const saved = draft.read();

const attachments = new Attachments(form.querySelector("[data-attach]"), form.querySelector("[data-attached]"), {
  workspace,
  tools: readJson("bar-tools"),
  items: saved?.items || [],
  onChange: changed,
});
const order = new Order(form, { workspace, values, key: saved?.key });

function values() {
  const data = new FormData(form);
  const [width, height] = String(data.get("size")).split("x").map(Number);
  const seconds = Number(data.get("seconds"));
  return {
    prompt: data.get("prompt"),
    width,
    height,
    seconds,
    variations: Number(data.get("variations")),
    style: data.get("style") || "",
    camera: data.get("camera") || "",
    draft: data.get("draft") === "on",
    ...attachments.form(seconds),
  };
}

function keep() {
  const chosen = {};
  for (const select of form.querySelectorAll("select[name]")) chosen[select.name] = select.value;
  draft.write({ prompt: prompt.value, chosen, draft: form.elements.draft.checked, items: attachments.items, key: order.key });
}

function changed() {
  order.changed();
  form.elements.request_key.value = order.key;
  keep();
  open(true);
}

// --- Open and closed --------------------------------------------------------------------------------

let styles = null;

function open(on) {
  if (bar.classList.contains("is-open") === on) return;
  bar.classList.toggle("is-open", on);
  if (!on) return;
  order.quoteSoon();
  styles ??= addStyles();
}

/** The workspace's own styles, once; the page itself comes without them. */
async function addStyles() {
  const { own } = await api(`/api/v1/workspaces/${workspace}/presets/`).catch(() => ({ own: [] }));
  const select = form.elements.style;
  for (const { id, name } of own) select.append(element("option", { value: `own:${id}` }, name));
  if (own.length) select.closest("label").hidden = false;
  const kept = saved?.chosen?.style;
  if (kept?.startsWith("own:") && own.some(({ id }) => kept === `own:${id}`)) select.value = kept;
}

// Earlier prompts: arrow up in an empty field, and on from there.
let history = null;
let place = -1;

async function recall(by) {
  history ??= (await api(`/api/v1/workspaces/${workspace}/prompts/`).catch(() => ({ prompts: [] }))).prompts;
  place = Math.min(history.length - 1, Math.max(-1, place + by));
  prompt.value = history[place]?.prompt || "";
  changed();
}

/** One of the list: its words, and its size and length where they are offered here. */
form.querySelector("[data-history]").addEventListener("click", async (event) => {
  const found = await openPromptHistory(workspace);
  event.target.closest("button").focus();
  if (!found) return;
  prompt.value = found.prompt;
  for (const [name, value] of [["size", `${found.width}x${found.height}`], ["seconds", String(found.seconds)]]) {
    const option = form.elements[name].querySelector(`option[value="${CSS.escape(value)}"]`);
    if (option && !option.disabled) form.elements[name].value = value;
  }
  changed();
  prompt.focus();
});

function inUse() {
  return prompt.value.trim() !== "" || attachments.items.length > 0;
}

// The buttons must stay where they are between press and release, so only the text opens it.
form.addEventListener("focusin", (event) => {
  bar.classList.remove("is-away", "is-beside");
  if (event.target === prompt) open(true);
});
document.addEventListener("pointerdown", (event) => {
  if (!bar.contains(event.target) && !event.target.closest("dialog") && !inUse()) open(false);
});
bar.addEventListener("focusout", (event) => {
  const next = event.relatedTarget;
  if (next && !bar.contains(next) && !next.closest("dialog") && !inUse()) open(false);
});
bar.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    open(false);
    document.activeElement.blur();
  }
});

// On a small screen two Generate buttons would stand on each other: while the tools of a clip show
// theirs, this one makes room.
const tools = document.querySelector("[data-edit]");
if (tools) {
  const beside = (on) => bar.classList.toggle("is-beside", on && !bar.contains(document.activeElement));
  new IntersectionObserver(([foot]) => beside(foot.isIntersecting)).observe(tools.querySelector(".edit__foot"));
  // On a large one it waits in the corner, not on them.
  new IntersectionObserver(([panel]) => bar.classList.toggle("is-aside", panel.isIntersecting)).observe(tools);
}

// On a small screen it gets out of the way while somebody reads on.
const small = matchMedia("(max-width: 46rem)");
let before = scrollY;
addEventListener(
  "scroll",
  () => {
    const down = scrollY > before + 4;
    const up = scrollY < before - 4;
    if (!down && !up) return;
    before = scrollY;
    const away = small.matches && down && scrollY > 80 && !bar.contains(document.activeElement);
    bar.classList.toggle("is-away", away);
    if (away) open(false);
  },
  { passive: true },
);

// --- Sending ------------------------------------------------------------------------------------------

async function send(event) {
  event.preventDefault();
  open(true);
  if (!prompt.value.trim() && !attachments.items.length) {
    order.showProblem({ message: "Describe the scene first.", remedy: "One sentence is enough.", param: "prompt" });
    return;
  }
  const job = await order.send();
  if (!job) return keep();
  prompt.value = "";
  attachments.items = [];
  attachments.draw();
  draft.forget();
  form.elements.request_key.value = order.key;
  prompt.focus();
  const count = job.variations?.length || 1;
  const text = count > 1 ? `${count} clips are under way` : "Your clip is under way";
  if (location.pathname === "/activity/") toast(text);
  else toast(text, { action: "Watch", onAction: () => location.assign("/activity/") });
}

if (saved) {
  prompt.value = saved.prompt || "";
  form.elements.draft.checked = Boolean(saved.draft);
  for (const [name, value] of Object.entries(saved.chosen || {})) {
    const option = form.elements[name]?.querySelector(`option[value="${CSS.escape(value)}"]`);
    if (option && !option.disabled) form.elements[name].value = value;
  }
}
form.elements.request_key.value = order.key;
form.addEventListener("input", changed);
form.addEventListener("submit", send);
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
  const recalled = place >= 0 && prompt.value === history[place].prompt;
  if (event.target === prompt && by && (recalled || (by > 0 && !prompt.value))) {
    event.preventDefault();
    if (!prompt.value) place = -1;
    recall(by);
  }
});
