// Like and save buttons: shown at once, taken back when the server says no.
import { api } from "./api.js";
import { toast } from "./ui.js";

function show(button, liked, count) {
  button.setAttribute("aria-pressed", String(liked));
  button.querySelector("[data-like-count]").textContent = count || "";
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-like]");
  if (!button) return;
  event.preventDefault();
  if (button.dataset.signIn) {
    location.assign(button.dataset.signIn);
    return;
  }
  const was = button.getAttribute("aria-pressed") === "true";
  const count = Number(button.querySelector("[data-like-count]").textContent || 0);
  show(button, !was, count + (was ? -1 : 1));
  try {
    const answer = await api(`/api/v1/videos/${button.dataset.like}/like/`, { method: was ? "DELETE" : "PUT" });
    show(button, answer.liked, answer.likes);
  } catch (error) {
    show(button, was, count);
    toast(error.message, { bad: true });
  }
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-save]");
  if (!button) return;
  event.preventDefault();
  const was = button.getAttribute("aria-pressed") === "true";
  button.setAttribute("aria-pressed", String(!was));
  try {
    const answer = await api(`/api/v1/videos/${button.dataset.save}/save/`, { method: was ? "DELETE" : "PUT" });
    button.setAttribute("aria-pressed", String(answer.saved));
    toast(answer.saved ? "Saved" : "No longer saved");
  } catch (error) {
    button.setAttribute("aria-pressed", String(was));
    toast(error.message, { bad: true });
  }
});

// A page that can't know the count (the clip's own) asks for it.
for (const button of document.querySelectorAll("[data-like-load]")) {
  api(`/api/v1/videos/${button.dataset.like}/like/`)
    .then((answer) => show(button, answer.liked, answer.likes))
    .catch(() => {});
}
