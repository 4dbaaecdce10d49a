// The clip page: sharing, copying the link, reporting.
import { api } from "./api.js";
import { toast } from "./ui.js";

const page = document.querySelector("[data-watch]");
const id = page.dataset.watch;

const share = page.querySelector("[data-share]");
share?.addEventListener("click", async (event) => {
  event.preventDefault();
  const on = share.getAttribute("aria-pressed") === "true";
  share.setAttribute("aria-busy", "true");
  try {
    const video = await api(`/api/v1/videos/${id}/${on ? "unshare" : "share"}/`, { method: "POST" });
    const shared = Boolean(video.shared_at);
    share.setAttribute("aria-pressed", String(shared));
    share.querySelector("[data-label]").textContent = shared ? "Stop sharing" : "Share to Recent";
    page.querySelector("[data-visibility]").textContent = shared ? "Shared" : "Private";
    toast(shared ? "Shared to Recent" : "No longer shared");
  } catch (error) {
    toast([error.message, error.remedy].filter(Boolean).join(" "), { bad: true });
  } finally {
    share.removeAttribute("aria-busy");
  }
});

page.querySelector("[data-copy]")?.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    toast("Link copied");
  } catch {
    toast("Copy the address from the address bar.", { bad: true });
  }
});

const remixing = page.querySelector("[data-remixing]");
remixing?.querySelector("[type=submit]").setAttribute("hidden", "");
remixing?.addEventListener("change", async (event) => {
  const box = event.target;
  try {
    await api(`/api/v1/videos/${id}/remixing/`, { method: "PUT", body: { allowed: box.checked } });
    toast(box.checked ? "Others may remix it" : "Nobody else may remix it");
  } catch (error) {
    box.checked = !box.checked;
    toast(error.message, { bad: true });
  }
});

const dialog = document.getElementById("report");
const form = dialog?.querySelector("form[data-report]");
page.querySelector("[data-report-open]")?.addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || !dialog) return;
  event.preventDefault();
  dialog.showModal();
});
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const send = form.querySelector("[type=submit]");
  const problem = form.querySelector("[data-problem]");
  const data = new FormData(form);
  problem.hidden = true;
  send.setAttribute("aria-busy", "true");
  try {
    const receipt = await api(`/api/v1/videos/${id}/reports/`, {
      method: "POST",
      body: { reason: data.get("reason"), details: data.get("details") },
    });
    form.hidden = true;
    const thanks = dialog.querySelector("[data-receipt]");
    thanks.querySelector("[data-number]").textContent = receipt.receipt;
    thanks.hidden = false;
    thanks.querySelector("button").focus();
  } catch (error) {
    problem.textContent = [error.message, error.remedy].filter(Boolean).join(" ");
    problem.hidden = false;
  } finally {
    send.removeAttribute("aria-busy");
  }
});
