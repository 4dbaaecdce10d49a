// Clips with their prompts from another place: a table and its files, or a zip of both. Each file goes the
// way of every upload; what is not taken is listed with the reason.
import { api, ApiError } from "./api.js";
import { element } from "./dom.js";
import { sendFile } from "./upload.js";
import { readZip, ZipProblem } from "./zip_reader.js";
import { say } from "./ui.js";

const page = document.querySelector("[data-clip-import]");
const { workspace } = page.dataset;
const input = page.querySelector("[data-files]");
const drop = page.querySelector("[data-drop]");
const list = page.querySelector("[data-rows]");
const bar = page.querySelector("[data-bar-of-all]");
const start = page.querySelector("[data-start]");
const stop = page.querySelector("[data-stop]");
const report = page.querySelector("[data-report]");
const box = page.querySelector("[data-problem]");
const WAIT_FOR_TURN_MS = 2000;
const PAGES_OF_UPLOADS = 20;

let rows = []; // {file, prompt, source: {name, size, open()}, state, why, item}
let running = null;

function problem(message, remedy = "") {
  box.querySelector("[data-message]").textContent = message;
  box.querySelector("[data-remedy]").textContent = remedy;
  box.hidden = !message;
  if (message) box.scrollIntoView({ block: "nearest" });
}

// --- What was chosen: a table, and files by their name ------------------------------------------------

async function take(files) {
  problem("");
  report.hidden = true;
  try {
    const sources = [];
    for (const file of files) {
      if (/\.zip$/i.test(file.name)) sources.push(...(await readZip(file)));
      else sources.push({ name: file.name, size: file.size, open: async () => file });
    }
    const tables = sources.filter(({ name }) => /\.(csv|json)$/i.test(name));
    if (tables.length !== 1) {
      return problem(
        tables.length ? `There are ${tables.length} tables: ${tables.map(({ name }) => name).join(", ")}.` : "There is no table of prompts.",
        "Add one CSV with the columns file and prompt, or one JSON list of such objects.",
      );
    }
    const table = await (await tables[0].open()).text();
    const answer = await api(`/api/v1/workspaces/${workspace}/prompt-tables/`, { method: "POST", body: { name: tables[0].name, text: table } });
    await show(answer.rows, sources.filter((source) => source !== tables[0]));
  } catch (error) {
    if (error instanceof ZipProblem) problem(error.message);
    else if (error instanceof ApiError) problem(error.message, error.remedy || "");
    else throw error;
  }
  return undefined;
}

const last = (name) => name.replaceAll("\\", "/").split("/").pop();

async function show(found, sources) {
  const known = await already();
  const left = new Set(sources);
  rows = found.map(({ file, prompt, problem: wrong }) => {
    const source = sources.find(({ name }) => name === file) || sources.find(({ name }) => last(name) === last(file));
    left.delete(source);
    const row = { file, prompt, source, state: "waits", why: "" };
    if (wrong) Object.assign(row, { state: "left", why: wrong });
    else if (!source) Object.assign(row, { state: "left", why: "There is no such file beside the table." });
    else if (known.has(`${last(source.name)} ${source.size}`)) Object.assign(row, { state: "left", why: "It is here already." });
    return row;
  });
  for (const source of left) rows.push({ file: source.name, prompt: "", source: null, state: "left", why: "It is not in the table." });
  list.replaceChildren(...rows.map(line));
  count();
  start.focus();
}

/** "name size" of the uploads that are here, so that a second try sends only what is missing. */
async function already() {
  const known = new Set();
  let cursor = "";
  for (let number = 0; number < PAGES_OF_UPLOADS && cursor !== null; number += 1) {
    const answer = await api(`/api/v1/workspaces/${workspace}/uploads/?ready=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    for (const { name, size_bytes: size } of answer.results) known.add(`${name} ${size}`);
    cursor = answer.next_cursor;
  }
  return known;
}

const SAYS = { waits: "Waits", sent: "Being sent", checked: "Being checked", ready: "Ready", left: "Left out" };
const LOOK = { waits: "badge", sent: "badge badge--accent", checked: "badge badge--sky", ready: "badge badge--good", left: "badge badge--warn" };

function line(row) {
  row.badge = element("span");
  row.note = element("small", { class: "muted" });
  row.item = element("li", { class: "import__row" }, row.badge, element("div", {}, element("b", {}, row.file), element("span", { class: "import__prompt" }, row.prompt), row.note));
  mark(row, row.state, row.why);
  return row.item;
}

function mark(row, state, why = "") {
  Object.assign(row, { state, why });
  row.badge.className = LOOK[state];
  row.badge.textContent = SAYS[state];
  if (typeof why === "string") row.note.textContent = why;
  else row.note.replaceChildren(why);
}

function count() {
  const open = rows.filter(({ state }) => state === "waits").length;
  page.querySelector("[data-plan]").hidden = !rows.length;
  start.hidden = Boolean(running) || !open;
  start.lastChild.textContent = open === 1 ? "Import 1 file" : `Import ${open} files`;
  stop.hidden = !running;
  const done = rows.filter(({ state }) => state === "ready" || state === "left").length;
  bar.max = rows.length || 1;
  bar.value = done;
  page.querySelector("[data-done]").textContent = rows.length ? `${done} of ${rows.length}` : "";
}

// --- One file after another ---------------------------------------------------------------------------

async function run() {
  running = new AbortController();
  count();
  try {
    for (const row of rows) {
      if (row.state !== "waits") continue;
      await one(row, running.signal);
      count();
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  } finally {
    running = null;
    for (const row of rows) if (row.state === "sent" || row.state === "checked") mark(row, "waits");
    count();
  }
  if (!rows.some(({ state }) => state === "waits")) finish();
}

async function one(row, signal) {
  try {
    const file = await row.source.open();
    const upload = await turn(row, file, signal);
    if (upload.status !== "ready") return mark(row, "left", upload.reason ? `${upload.reason.message} ${upload.reason.remedy}` : "It was not taken.");
    const draft = await api(`/api/v1/workspaces/${workspace}/drafts/`, {
      method: "POST",
      body: { title: row.prompt.slice(0, 80), plan: { tool: "remix", source: upload.ref, prompt: row.prompt } },
      signal,
    });
    return mark(row, "ready", element("a", { href: draft.page_url }, "Open its draft"));
  } catch (error) {
    if (error instanceof ZipProblem) return mark(row, "left", error.message);
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "upload_agreement_required") {
      problem(error.message, error.remedy);
      throw new DOMException("agreement", "AbortError");
    }
    return mark(row, "left", [error.message, error.remedy].filter(Boolean).join(" "));
  }
}

/** A workspace may have few uploads under way: wait for a turn, as long as it takes. */
async function turn(row, file, signal) {
  for (;;) {
    try {
      return await sendFile(workspace, file, {
        signal,
        onProgress: (share) => mark(row, "sent", `${Math.round(share * 100)} %`),
        onWait: () => mark(row, "sent", "The server can't be reached. It goes on by itself when it is back."),
        onChecking: () => mark(row, "checked", "Nobody can see it before that."),
      });
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== "too_many_open") throw error;
      mark(row, "waits", "Other uploads are checked first.");
      await new Promise((resolve) => setTimeout(resolve, WAIT_FOR_TURN_MS));
      signal.throwIfAborted();
    }
  }
}

// --- The report -----------------------------------------------------------------------------------------

const cell = (text) => `"${String(text).replaceAll('"', '""')}"`;

function finish() {
  const left = rows.filter(({ state }) => state === "left");
  const taken = rows.length - left.length;
  const text = `${taken} ${taken === 1 ? "file was" : "files were"} taken, ${left.length} left out.`;
  report.querySelector("[data-sum]").textContent = text;
  report.querySelector("[data-left]").replaceChildren(...left.map(({ file, why }) => element("li", {}, element("b", {}, file), `: ${why}`)));
  const lines = rows.map(({ file, state, why }) => [file, state === "ready" ? "taken" : "left out", typeof why === "string" ? why : ""].map(cell).join(","));
  const save = report.querySelector("[data-save]");
  URL.revokeObjectURL(save.href);
  save.href = URL.createObjectURL(new Blob([["file,result,reason", ...lines].join("\r\n")], { type: "text/csv" }));
  report.hidden = false;
  report.focus();
  say(text, { now: true });
}

input.addEventListener("change", () => take([...input.files]).finally(() => (input.value = "")));
for (const name of ["dragenter", "dragover"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("is-over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (!running) take([...event.dataTransfer.files]);
});
start.addEventListener("click", run);
stop.addEventListener("click", () => running?.abort(new DOMException("stopped", "AbortError")));
addEventListener("beforeunload", (event) => running && event.preventDefault());
