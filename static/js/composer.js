// The composer: cost and wait before the click, one job for each draft, the job's card below.
import { Attachments } from "./attachments.js";
import { element, readJson } from "./dom.js";
import { advance, fill, handleButtons, isFinal, newCard } from "./job_card.js";
import { watchWorkspace } from "./live.js";
import { Order } from "./order.js";
import { openPromptHistory } from "./prompt_history.js";
import { openStyles } from "./styles.js";
import { storage } from "./ui.js";

const studio = document.querySelector("[data-studio]");
const form = studio.querySelector("[data-composer]");
const prompt = form.querySelector("[data-prompt]");
const jobs = studio.querySelector("[data-jobs]");
const workspace = studio.dataset.workspace;
const draft = storage(`draft-${workspace}`);
const cards = new Map();
const KEPT = ["seed", "steps", "guidance", "negative_prompt", "style", "camera", "fit", "expand", "diversify"];

// --- The draft: kept until it is accepted, with the key that makes a repeated click harmless ----

const attachments = new Attachments(form.querySelector("[data-attach]"), form.querySelector("[data-attached]"), {
  workspace,
  tools: readJson("tools"),
  onChange: changed,
});
const order = new Order(studio, { workspace, values, fieldOf: (param) => radioOf(param) });

function values() {
  const data = new FormData(form);
  const [width, height] = String(data.get("size")).split("x").map(Number);
  const number = (name) => (data.get(name) ? Number(data.get(name)) : null);
  const seconds = Number(data.get("seconds"));
  const expert = {};
  for (const name of ["seed", "steps", "guidance"]) if (number(name) !== null) expert[name] = number(name);
  for (const name of ["negative_prompt", "style", "camera", "fit"]) if (data.get(name)) expert[name] = data.get(name);
  const expand = data.get("expand") === "on";
  const diversify = { on: true, off: false }[data.get("diversify")] ?? null;
  if (expand || diversify !== null) Object.assign(expert, { rewriting: { expand, diversify }, expand: data.get("expand"), diversify: data.get("diversify") || "" });
  return {
    prompt: data.get("prompt"),
    width,
    height,
    seconds,
    variations: Number(data.get("variations") || 1),
    share: data.get("share") === "on",
    draft: data.get("draft") === "on",
    ...expert,
    ...attachments.form(seconds),
  };
}

function radioOf(param) {
  const field = form.elements[["width", "height"].includes(param) ? "size" : param];
  return field instanceof RadioNodeList ? field[0] : null;
}

function check(name, value) {
  const radio = form.querySelector(`input[name="${name}"][value="${CSS.escape(value)}"]:not(:disabled)`);
  if (radio) radio.checked = true;
}

function restore() {
  const saved = draft.read();
  const link = new URLSearchParams(location.search);
  const fromLink = link.has("prompt") || link.has("from");
  if (!saved || fromLink || form.hasAttribute("data-answered")) return;
  if (saved.key) order.key = saved.key;
  prompt.value = saved.prompt || "";
  check("size", `${saved.width}x${saved.height}`);
  check("seconds", String(saved.seconds));
  check("variations", String(saved.variations || 1));
  for (const name of KEPT) if (saved[name] !== undefined && form.elements[name]) form.elements[name].value = saved[name] ?? "";
  form.elements.share.checked = Boolean(saved.share);
  form.elements.draft.checked = Boolean(saved.draft);
}

function changed() {
  order.changed();
  draft.write({ ...values(), key: order.key });
  form.elements.request_key.value = order.key;
  countChars();
}

function countChars() {
  const left = prompt.maxLength - prompt.value.length;
  form.querySelector("[data-count]").textContent = left < 300 ? `${left} characters left` : "";
}

// --- Sending ----------------------------------------------------------------------------------------

async function send(event) {
  event.preventDefault();
  if (!prompt.value.trim() && !attachments.items.length) {
    order.showProblem({ message: "Describe the scene first.", remedy: "One sentence is enough.", param: "prompt" });
    prompt.focus();
    return;
  }
  const job = await order.send();
  if (!job) return;
  draft.forget();
  form.elements.request_key.value = order.key;
  for (const one of job.variations || [job]) show(one);
  cards.get(job.id).scrollIntoView({ block: "nearest", behavior: "smooth" });
}

// --- The jobs below -----------------------------------------------------------------------------------

function show(job) {
  let card = cards.get(job.id);
  if (!card) {
    card = newCard();
    cards.set(job.id, card);
    jobs.prepend(card);
    jobs.closest("[data-jobs-area]").hidden = false;
  }
  const ended = card.job && !isFinal(card.job) && isFinal(job);
  fill(card, job);
  if (ended) order.quoteSoon();
}

restore();
form.elements.request_key.value = order.key;
countChars();
if (!form.hasAttribute("data-answered")) order.quoteSoon();

form.addEventListener("input", changed);
form.addEventListener("submit", send);
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
form.querySelector("[data-new-seed]").addEventListener("click", () => {
  form.elements.seed.value = crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
  changed();
});
form.querySelector("[data-history]").addEventListener("click", async (event) => {
  const found = await openPromptHistory(workspace);
  event.target.closest("button").focus();
  if (!found) return;
  prompt.value = found.prompt;
  check("size", `${found.width}x${found.height}`);
  check("seconds", String(found.seconds));
  form.elements.steps.value = found.steps;
  prompt.focus();
  changed();
});
form.querySelector("[data-styles]").addEventListener("click", async () => {
  const select = form.elements.style;
  const before = select.value;
  const { own, made } = await openStyles(workspace);
  for (const option of select.querySelectorAll('[value^="own:"]')) option.remove();
  for (const { id, name } of own) select.append(element("option", { value: `own:${id}` }, name));
  select.value = made ? `own:${made}` : before;
  if (select.selectedIndex < 0) select.value = ""; // the chosen one was thrown away
  select.focus();
  changed();
});
studio.addEventListener("click", (event) => {
  const idea = event.target.closest("[data-idea]");
  if (!idea) return;
  prompt.value = idea.dataset.idea;
  prompt.focus();
  changed();
});

handleButtons(jobs, show);

for (const job of JSON.parse(document.getElementById("jobs").textContent)) show(job);

watchWorkspace(workspace, {
  snapshot(list) {
    const sorted = [...list].sort((a, b) => a.created_at.localeCompare(b.created_at));
    // Old, ended jobs belong to the activity page; here are the ones under way or already shown.
    for (const job of sorted) if (!isFinal(job) || cards.has(job.id)) show(job);
  },
  generation(job) {
    if (!isFinal(job) || cards.has(job.id)) show(job);
  },
  progress(event) {
    const card = cards.get(event.id);
    if (card) advance(card, event);
  },
});
