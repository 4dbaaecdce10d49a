// The activity page: one card for each job, kept live.
import { advance, fill, handleButtons, isFinal, newCard } from "./job_card.js";
import { watchWorkspace } from "./live.js";

const page = document.querySelector("[data-activity]");
const list = page.querySelector("[data-jobs]");
const empty = page.querySelector("[data-empty]");
const away = page.querySelector("[data-away]");
const title = document.title;
const older = page.hasAttribute("data-deep"); // a page of history only follows its own jobs

const cards = new Map([...list.querySelectorAll("[data-card]")].map((card) => [card.dataset.job, card]));

function show(job, { top = true } = {}) {
  let card = cards.get(job.id);
  if (!card) {
    if (older && top) return;
    card = newCard();
    cards.set(job.id, card);
    if (top) list.prepend(card);
    else list.append(card);
  }
  fill(card, job);
}

function count() {
  const open = [...cards.values()].filter((card) => card.job && !isFinal(card.job)).length;
  document.title = open ? `(${open}) ${title}` : title;
  empty.hidden = cards.size > 0;
}

for (const job of JSON.parse(document.getElementById("jobs").textContent)) show(job, { top: false });
count();

handleButtons(list, (job) => {
  show(job);
  count();
});

watchWorkspace(page.dataset.workspace, {
  snapshot(jobs) {
    for (const job of [...jobs].sort((a, b) => a.created_at.localeCompare(b.created_at))) show(job);
    count();
  },
  generation(job) {
    show(job);
    count();
  },
  progress(event) {
    const card = cards.get(event.id);
    if (card) advance(card, event);
  },
  link(up) {
    away.hidden = up;
  },
});
