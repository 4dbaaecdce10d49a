// The composer: cost and wait before the click, one job for each draft, the job's card below.
import { api, ApiError } from "./api.js";
import { advance, fill, handleButtons, isFinal, newCard } from "./job_card.js";
import { watchWorkspace } from "./live.js";
import { about, freshKey, showBalance, storage } from "./ui.js";

const studio = document.querySelector("[data-studio]");
const form = studio.querySelector("[data-composer]");
const prompt = form.querySelector("[data-prompt]");
const button = form.querySelector("[data-generate]");
const quote = form.querySelector("[data-quote]");
const problem = form.querySelector("[data-problem]");
const jobs = studio.querySelector("[data-jobs]");
const workspace = studio.dataset.workspace;
const draft = storage(`draft-${workspace}`);
const cards = new Map();

// --- The draft: kept until it is accepted, with the key that makes a repeated click harmless ----

let key = freshKey();

function values() {
  const data = new FormData(form);
  const [width, height] = String(data.get("size")).split("x").map(Number);
  const number = (name) => (data.get(name) ? Number(data.get(name)) : null);
  return {
    prompt: data.get("prompt"),
    width,
    height,
    seconds: Number(data.get("seconds")),
    seed: number("seed"),
    steps: number("steps"),
    share: data.get("share") === "on",
  };
}

function check(name, value) {
  const radio = form.querySelector(`input[name="${name}"][value="${CSS.escape(value)}"]:not(:disabled)`);
  if (radio) radio.checked = true;
}

function restore() {
  const saved = draft.read();
  const fromLink = new URLSearchParams(location.search).has("prompt");
  if (!saved || fromLink || form.hasAttribute("data-answered")) return;
  if (saved.key) key = saved.key;
  prompt.value = saved.prompt || "";
  check("size", `${saved.width}x${saved.height}`);
  check("seconds", String(saved.seconds));
  for (const name of ["seed", "steps"]) if (saved[name] !== null) form.elements[name].value = saved[name] ?? "";
  form.elements.share.checked = Boolean(saved.share);
}

function changed() {
  // Another request needs another key; the same one may be sent again safely.
  key = freshKey();
  draft.write({ ...values(), key });
  form.elements.request_key.value = key;
  clearProblem();
  askQuote();
  countChars();
}

function countChars() {
  const left = prompt.maxLength - prompt.value.length;
  form.querySelector("[data-count]").textContent = left < 300 ? `${left} characters left` : "";
}

// --- Cost, wait and balance ---------------------------------------------------------------------

let asking = null;
let timer = 0;

function part(html, value) {
  const place = quote.querySelector(`[data-quote-part="${html}"]`);
  place.hidden = value === null;
  if (value !== null) place.querySelector("b").textContent = value;
}

async function readQuote() {
  asking?.abort();
  asking = new AbortController();
  const { prompt: text, width, height, seconds, steps } = values();
  try {
    const answer = await api(`/api/v1/workspaces/${workspace}/estimates/`, {
      method: "POST",
      body: { prompt: text, width, height, seconds, steps },
      signal: asking.signal,
    });
    const short = answer.balance.available < answer.cost_credits;
    part("cost", `${answer.cost_credits} credits`);
    part("wait", about(answer.eta_seconds) || null);
    part("left", `${answer.balance.available} left`);
    quote.dataset.short = short;
    showBalance(answer.balance.available);
    const notes = answer.warnings || [];
    const note = studio.querySelector("[data-warnings]");
    note.textContent = notes.join(" ");
    note.hidden = notes.length === 0;
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    part("cost", null);
    part("wait", null);
    part("left", null);
    if (error.status === 400 || error.status === 402) showProblem(error);
  }
}

function askQuote() {
  clearTimeout(timer);
  timer = setTimeout(readQuote, 350);
}

// --- Problems: the field, the reason, the way out. What was typed stays. --------------------------

function fieldOf(param) {
  if (!param) return null;
  const name = ["width", "height", "size"].includes(param) ? "size" : param;
  const field = form.elements[name];
  return field instanceof RadioNodeList ? field[0] : field;
}

function clearProblem() {
  problem.hidden = true;
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}

function showProblem(error) {
  problem.querySelector("[data-message]").textContent = error.message;
  problem.querySelector("[data-remedy]").textContent =
    error.remedy || (error.retryAfter ? `Try again in ${error.retryAfter} seconds.` : "");
  problem.querySelector("[data-rules]").hidden = error.code !== "prompt_refused";
  problem.hidden = false;
  const field = fieldOf(error.param);
  if (field?.closest("details")) field.closest("details").open = true;
  field?.setAttribute("aria-invalid", "true");
}

// --- Sending ----------------------------------------------------------------------------------------

let sending = false;

async function send(event) {
  event.preventDefault();
  if (sending) return;
  if (!prompt.value.trim()) {
    showProblem({ message: "Describe the scene first.", remedy: "One sentence is enough.", param: "prompt" });
    prompt.focus();
    return;
  }
  sending = true;
  button.setAttribute("aria-busy", "true");
  clearProblem();
  const { seed, steps, ...rest } = values();
  const body = { ...rest, ...(seed !== null && { seed }), ...(steps !== null && { steps }) };
  try {
    const job = await api(`/api/v1/workspaces/${workspace}/generations/`, {
      method: "POST",
      body,
      headers: { "Idempotency-Key": key },
    });
    draft.forget();
    key = freshKey();
    form.elements.request_key.value = key;
    show(job);
    const card = cards.get(job.id);
    card.scrollIntoView({ block: "nearest", behavior: "smooth" });
    askQuote();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    showProblem(error);
    fieldOf(error.param)?.focus();
  } finally {
    sending = false;
    button.removeAttribute("aria-busy");
  }
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
  if (ended) askQuote();
}

restore();
form.elements.request_key.value = key;
countChars();
askQuote();

form.addEventListener("input", changed);
form.addEventListener("submit", send);
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
form.querySelector("[data-new-seed]").addEventListener("click", () => {
  form.elements.seed.value = crypto.getRandomValues(new Uint32Array(1))[0] >>> 1;
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
