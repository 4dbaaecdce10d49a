// The uploads page: add through the picker, remove, and show when a check has ended.
import { api } from "./api.js";
import { openUploadPicker } from "./upload.js";
import { toast } from "./ui.js";

const area = document.querySelector("[data-uploads]");
const LOOK_AGAIN_MS = 2000;

area.addEventListener("click", async (event) => {
  if (event.target.closest("[data-add]")) {
    await openUploadPicker({ workspace: area.dataset.workspace, clips: false });
    location.reload();
    return;
  }
  const remove = event.target.closest("[data-remove]");
  if (!remove) return;
  const card = remove.closest("[data-upload]");
  remove.setAttribute("aria-busy", "true");
  try {
    await api(`/api/v1/uploads/${card.dataset.upload}/`, { method: "DELETE" });
  } catch (error) {
    remove.removeAttribute("aria-busy");
    toast(error.message, { bad: true });
    return;
  }
  const next = card.nextElementSibling || card.previousElementSibling;
  const ready = card.dataset.status === "ready";
  card.remove();
  if (next) next.querySelector("[data-remove]").focus();
  else if (!ready) location.reload();
  if (!ready) return toast("Removed");
  toast("In the trash", {
    action: "Undo",
    onAction: async () => {
      await api(`/api/v1/uploads/${card.dataset.upload}/restore/`, { method: "POST" }).catch((error) => toast(error.message, { bad: true }));
      location.reload();
    },
  });
});

async function watch() {
  const open = area.querySelectorAll('[data-status="waiting"], [data-status="checking"]');
  for (const card of open) {
    try {
      const upload = await api(`/api/v1/uploads/${card.dataset.upload}/`);
      if (upload.status !== card.dataset.status && upload.status !== "checking") location.reload();
    } catch {
      // Away for a moment, or removed in another tab: the next look tells.
    }
  }
  if (open.length) setTimeout(watch, LOOK_AGAIN_MS);
}
setTimeout(watch, LOOK_AGAIN_MS);
