// The storyboard page: cards on a timeline, one inspector, autosave, Generate.
import { api, ApiError } from "./api.js";
import { Board } from "./board.js";
import { element, icon, iconButton, readJson, secondsText } from "./dom.js";
import { DraftKeeper } from "./draft_keeper.js";
import { Order } from "./order.js";
import { SpanSlider } from "./span_slider.js";
import { say, toast } from "./ui.js";
import { openUploadPicker } from "./upload.js";

const TITLES = { text: "Text", image: "Picture", clip: "Clip" };
const ICONS = { text: "text", image: "attach", clip: "film" };

const page = document.querySelector("[data-storyboard]");
const timeline = page.querySelector("[data-timeline]");
const ruler = page.querySelector("[data-ruler]");
const inspector = page.querySelector("[data-inspector]");
const settings = readJson("board-settings");
const draft = readJson("draft");
const media = draft.media || {};
const { workspace, fps, tools } = settings;
const title = page.querySelector("[data-title]");
const form = page.querySelector("[data-board-form]");

const board = new Board(draft.plan, { ...settings, onChange: changed });
const order = new Order(page, { workspace, values, fieldOf });
const nodes = new Map(); // card id -> its button on the timeline
let chosen = board.cards[0]?.id ?? null;
let snap = 0.5;
let spanSlider = null;

// --- What is asked for --------------------------------------------------------------------------------

function values({ final }) {
  const empty = board.cards.some((card) => card.type === "text" && !card.text.trim());
  if (!final && (empty || !board.cards.length)) return null;
  const [width, height] = form.elements.size.value.split("x").map(Number);
  const cards = board.cards.map((card) => {
    if (card.type === "text") return { type: "text", text: card.text, at: card.at };
    if (card.type === "image") return { type: "image", media: card.media, at: card.at, ...(card.moment && { moment: card.moment }) };
    return { type: "clip", media: card.media, start: card.start, end: card.end, at: card.at };
  });
  return {
    tool: "storyboard",
    edit: { cards },
    seconds: board.seconds,
    width,
    height,
    fit: form.elements.fit.value,
    style: form.elements.style?.value || "",
    camera: form.elements.camera?.value || "",
    draft: form.elements.draft.checked,
    ...(form.elements.seed.value && { seed: Number(form.elements.seed.value) }),
  };
}

/** The card an error names: by its place in the request, or in the plan, which is sorted by time. */
function fieldOf(param) {
  const [, list, index] = /^(?:edit|plan)\.(cards|prompts|pictures|keep)\[(\d+)\]/.exec(param) || [];
  if (!list) return param === "tool" ? page.querySelector("[data-tools-note]") : null;
  const type = { prompts: "text", pictures: "image", keep: "clip" }[list];
  const card = (type ? board.ofType(type) : board.cards)[Number(index)];
  return card ? nodes.get(card.id) : null;
}

// --- Drawing ------------------------------------------------------------------------------------------

function share(time) {
  return `${(100 * time) / board.seconds}%`;
}

function drawRuler() {
  const step = board.seconds > 24 ? 5 : board.seconds > 12 ? 2 : 1;
  const marks = [];
  for (let time = 0; time <= board.seconds + 1e-6; time += step) {
    const mark = element("span", { class: "board__mark" }, `${time} s`);
    mark.style.insetInlineStart = share(time);
    marks.push(mark);
  }
  ruler.replaceChildren(...marks);
}

function label(card) {
  const name = card.type === "text" ? card.text || "Empty text" : media[card.media]?.name || "No longer there";
  const span = card.type === "clip" ? `, ${secondsText(board.length(card))} long` : "";
  return `${TITLES[card.type]} at ${secondsText(card.at)}${span}: ${name.slice(0, 80)}`;
}

function drawCard(card) {
  let node = nodes.get(card.id);
  if (!node) {
    node = element("button", { type: "button", class: `card card--${card.type}`, "data-card-id": card.id });
    node.addEventListener("pointerdown", (event) => grab(event, card.id));
    node.addEventListener("keydown", (event) => press(event, card.id));
    node.addEventListener("focus", () => choose(card.id));
    nodes.set(card.id, node);
  }
  const lane = timeline.querySelector(`[data-lane="${card.type}"]`);
  if (node.parentElement !== lane) lane.append(node);
  const found = media[card.media];
  const inside = [icon(ICONS[card.type]), element("span", { class: "card__text" }, card.type === "text" ? card.text || "…" : found?.name || "No longer there")];
  if (card.type === "clip") inside.push(element("i", { class: "card__edge card__edge--start" }), element("i", { class: "card__edge card__edge--end" }));
  node.replaceChildren(...inside);
  if (card.type !== "text") node.style.backgroundImage = found?.poster_url ? `url("${found.poster_url}")` : "";
  node.style.insetInlineStart = share(card.at);
  const length = card.type === "text" ? board.textLength(card) : board.length(card);
  node.style.inlineSize = card.type === "image" ? "" : share(Math.max(length, 0.15));
  node.setAttribute("aria-label", label(card));
  node.setAttribute("aria-pressed", String(card.id === chosen));
  node.classList.toggle("is-missing", card.type !== "text" && !found);
}

function draw() {
  for (const [id, node] of nodes) {
    if (board.card(id)) continue;
    node.remove();
    nodes.delete(id);
  }
  if (!board.card(chosen)) chosen = board.cards[0]?.id ?? null;
  drawRuler();
  timeline.style.setProperty("--step", share(snap || 0.5));
  for (const card of board.cards) drawCard(card);
  const hint = page.querySelector("[data-hint]");
  hint.textContent = board.hint();
  hint.hidden = !hint.textContent;
  form.elements.seconds.value = board.seconds;
  page.querySelector("[data-undo]").disabled = !board.past.length;
  page.querySelector("[data-redo]").disabled = !board.future.length;
  page.querySelector("[data-count]").textContent = `${board.cards.length} of ${board.most} cards`;
  drawInspector();
}

// --- The inspector: all of one card, with fields ------------------------------------------------------

let inspected = "";

function drawInspector() {
  const card = board.card(chosen);
  const shape = card ? `${card.id} ${card.type} ${card.media}` : "none";
  if (shape !== inspected) {
    inspected = shape;
    inspector.replaceChildren(...(card ? inspect(card) : [element("p", { class: "muted" }, "Add a card to begin.")]));
  }
  if (!card) return;
  const put = (name, value) => {
    const field = inspector.querySelector(`[data-field="${name}"]`);
    if (field && document.activeElement !== field && field.value !== String(value)) field.value = value;
  };
  put("text", card.text || "");
  put("at", Number(card.at.toFixed(3)));
  if (card.type === "clip") spanSlider.set(card.start, card.end, media[card.media]?.seconds || card.end);
}

function inspect(card) {
  const at = element("input", { type: "number", min: "0", max: String(board.longest), step: "0.25", "data-field": "at", id: "card-at" });
  at.addEventListener("input", () => at.value !== "" && board.move(card.id, Number(at.value), { what: "typed time" }));
  const time = element("div", { class: "field board__at" }, element("label", { class: "field__label", for: "card-at" }, card.type === "clip" ? "Begins at (s)" : "At (s)"), at);
  const tools = element(
    "div",
    { class: "row" },
    iconButton("copy", "Duplicate", () => duplicate(card.id), { text: true, look: "btn--quiet" }),
    iconButton("trash", "Delete", () => remove(card.id), { text: true, look: "btn--danger" }),
  );
  const head = element("h2", { class: "panel__title" }, icon(ICONS[card.type]), `${TITLES[card.type]} card`);
  if (card.type === "text") return [head, writing(card), time, tools];
  const found = media[card.media];
  const picture = found
    ? element("figure", { class: "board__source" }, element("img", { src: found.poster_url, alt: "" }), element("figcaption", {}, found.name))
    : element("p", { class: "alert alert--warning" }, icon("alert"), "This is no longer there. Delete the card or choose something else.");
  if (card.type === "image") return [head, picture, time, tools];
  const host = element("div");
  spanSlider = new SpanSlider(host, {
    length: found?.seconds || card.end,
    fine: 1 / fps,
    start: card.start,
    end: card.end,
    label: "Part of the clip",
    onInput: ({ start, end }) => resize(card.id, start, end),
  });
  return [head, picture, element("div", { class: "field" }, host), time, tools];
}

function writing(card) {
  const area = element("textarea", { rows: "4", maxlength: "2000", "data-field": "text", id: "card-text", placeholder: "What to see from here on" });
  area.value = card.text || "";
  area.addEventListener("input", () => board.set(card.id, { text: area.value }, "text"));
  const expand = iconButton("wand", "Expand caption", () => expandCaption(card.id, expand), { text: true, look: "btn--quiet" });
  return element("div", { class: "field" }, element("label", { class: "field__label", for: "card-text" }, "What to see from here on"), area, element("div", { class: "row" }, expand));
}

async function expandCaption(id, button) {
  const { text } = board.card(id);
  if (!text?.trim()) return toast("Write a few words first.", { bad: true });
  button.setAttribute("aria-busy", "true");
  try {
    const others = board.ofType("text").filter((card) => card.id !== id);
    const answer = await api(`/api/v1/workspaces/${workspace}/captions/`, {
      method: "POST",
      body: { caption: text, context: others.map((card) => card.text).join(". ") },
    });
    if (!board.card(id)) return;
    board.set(id, { text: answer.text });
    const back = () => board.card(id) && board.set(id, { text });
    toast("Expanded. Edit it as you like.", { action: "Undo", onAction: back });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast([error.message, error.remedy].filter(Boolean).join(" "), { bad: true });
  } finally {
    button.removeAttribute("aria-busy");
  }
}

// --- Moving cards: pointer and keyboard -----------------------------------------------------------------

function choose(id) {
  if (chosen === id) return;
  chosen = id;
  for (const [other, node] of nodes) node.setAttribute("aria-pressed", String(other === id));
  drawInspector();
}

/** New bounds of a clip's part; its beginning on the timeline stays, it must not reach past the end. */
function resize(id, start, end) {
  const card = board.card(id);
  const room = board.seconds - card.at;
  board.set(id, { start, end: Math.min(end, start + room) }, "resize");
}

function grab(event, id) {
  if (event.button !== 0) return;
  const node = nodes.get(id);
  const card = { ...board.card(id) };
  const edge = event.target.classList.contains("card__edge--start") ? "start" : event.target.classList.contains("card__edge--end") ? "end" : "";
  const perPixel = board.seconds / timeline.querySelector("[data-lane]").clientWidth;
  const from = event.clientX;
  const key = `drag ${from} ${Date.now()}`;
  const source = media[card.media]?.seconds || card.end;
  let moves = false;
  const snapped = (time) => (snap ? Math.round(time / snap) * snap : Math.round(time * fps) / fps);
  const move = (next) => {
    const by = (next.clientX - from) * perPixel;
    if (!moves && Math.abs(next.clientX - from) < 4) return;
    moves = true;
    node.classList.add("is-dragged");
    board.lastEdit.when = Date.now(); // one drag is one step of the history, however slow
    if (edge === "end") {
      const until = snapped(card.at + card.end - card.start + by) - card.at;
      board.set(id, { end: Math.max(card.start + 1 / fps, Math.min(source, card.start + until, card.start + board.seconds - card.at)) }, key);
    } else if (edge === "start") {
      const at = Math.max(0, Math.max(card.at - card.start, snapped(card.at + by)));
      const start = card.start + at - card.at;
      if (start < card.end - 1 / fps) board.set(id, { start, at }, key);
    } else {
      board.move(id, snapped(card.at + by), { what: key });
    }
  };
  const done = () => {
    node.classList.remove("is-dragged");
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", done);
    removeEventListener("pointercancel", done);
    if (moves) say(label(board.card(id)), { now: true });
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", done);
  addEventListener("pointercancel", done);
}

function press(event, id) {
  const card = board.card(id);
  const step = event.shiftKey ? 1 / fps : snap || 0.5;
  const by = { ArrowLeft: -step, ArrowRight: step }[event.key];
  if (by && event.altKey && card.type === "clip") {
    const source = media[card.media]?.seconds || card.end;
    resize(id, card.start, Math.max(card.start + 1 / fps, Math.min(source, card.end + by)));
  } else if (by) {
    board.move(id, card.at + by, { snap: event.shiftKey ? 0 : snap });
  } else if (event.key === "Home") {
    board.move(id, 0);
  } else if (event.key === "End") {
    board.move(id, board.seconds);
  } else if (event.key === "Delete" || event.key === "Backspace") {
    remove(id);
  } else if (event.key.toLowerCase() === "d" && (event.ctrlKey || event.metaKey)) {
    duplicate(id);
  } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
    inspector.querySelector("textarea, input")?.focus();
  } else {
    return;
  }
  event.preventDefault();
  if (board.card(id)) say(label(board.card(id)), { now: true });
}

// --- Adding and taking away ------------------------------------------------------------------------------

function added(id) {
  if (id === null) return toast(`A storyboard has at most ${board.most} cards. Make two and stitch them.`, { bad: true });
  chosen = id;
  draw();
  nodes.get(id).focus();
}

/** Where a new card goes: a second after the last one of its kind. */
function nextTime(type) {
  const cards = board.ofType(type);
  const last = cards[cards.length - 1];
  if (!last) return 0;
  return Math.min(board.seconds - (snap || 0.5), last.at + Math.max(board.length(last), 1));
}

async function addMedia(type) {
  const image = type === "image";
  const reason = tools[image ? "image" : "extend"].reason;
  if (reason) toast(reason, { bad: true });
  const item = await openUploadPicker({ workspace, kinds: image ? ["image"] : ["video"] });
  if (!item) return;
  media[item.ref] = item;
  const span = image ? {} : { start: 0, end: Math.min(item.seconds, board.seconds) };
  added(board.add({ type, media: item.ref, ...span }, nextTime(type)));
}

function duplicate(id) {
  added(board.duplicate(id));
}

function remove(id) {
  const { id: old, ...card } = board.card(id);
  board.remove(id);
  toast("Card deleted", { action: "Undo", onAction: () => added(board.add(card)) });
  nodes.get(chosen)?.focus();
}

function undo() {
  if (board.undo()) say("Undone", { now: true });
}

function redo() {
  if (board.redo()) say("Done again", { now: true });
}

// --- Keeping it ------------------------------------------------------------------------------------------

function content() {
  const { elements } = form;
  const plan = board.toPlan();
  const [width, height] = elements.size.value.split("x").map(Number);
  Object.assign(plan, { width, height, fit: elements.fit.value, style: elements.style?.value || "", camera: elements.camera?.value || "", seed: elements.seed.value });
  return { title: title.value, plan };
}

const keeper = new DraftKeeper(page, { workspace, draft, content, onProblem: (error) => order.showProblem(error, { early: true }) });

// --- The page ------------------------------------------------------------------------------------------------

function changed() {
  draw();
  order.changed();
  keeper.soon();
}

for (const name of ["width", "height"]) delete draft.plan[name];
if (draft.plan.fit) form.elements.fit.value = draft.plan.fit;
if (draft.plan.seed) form.elements.seed.value = draft.plan.seed;
for (const card of board.cards) {
  if (card.type !== "clip") continue;
  card.start ??= 0;
  card.end ??= media[card.media]?.seconds || 1;
}
form.addEventListener("input", (event) => {
  if (event.target.name === "seconds") {
    if (event.target.value !== "") board.setSeconds(Number(event.target.value));
    return;
  }
  if (event.target.name === "snap") {
    snap = Number(event.target.value);
    draw();
    return;
  }
  order.changed();
  keeper.soon();
});
title.addEventListener("input", () => keeper.soon());
page.querySelector("[data-add-text]").addEventListener("click", () => added(board.add({ type: "text", text: "" }, nextTime("text"))));
page.querySelector("[data-add-image]").addEventListener("click", () => addMedia("image"));
page.querySelector("[data-add-clip]").addEventListener("click", () => addMedia("clip"));
page.querySelector("[data-undo]").addEventListener("click", undo);
page.querySelector("[data-redo]").addEventListener("click", redo);
addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || !(event.ctrlKey || event.metaKey)) return;
  const key = event.key.toLowerCase();
  if (key === "enter") form.requestSubmit();
  else if (key === "z" && !event.shiftKey) undo();
  else if ((key === "z" && event.shiftKey) || key === "y") redo();
  else return;
  event.preventDefault();
});
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!board.cards.length) return order.showProblem({ message: "There is no card yet.", remedy: "Add a text card." });
  await keeper.save();
  const job = await order.send();
  if (job) toast("Your clip is under way", { action: "Watch", onAction: () => location.assign("/activity/") });
});

draw();
order.quoteSoon();
