// The list of drafts: deleting one.
import { api } from "./api.js";
import { toast } from "./ui.js";

document.querySelector("[data-drafts]")?.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-delete]");
  if (!button) return;
  const row = button.closest("li");
  try {
    const { title, plan } = await api(`/api/v1/drafts/${button.dataset.delete}/`);
    const path = `/api/v1/workspaces/${row.parentElement.dataset.workspace}/drafts/`;
    await api(`/api/v1/drafts/${button.dataset.delete}/`, { method: "DELETE" });
    row.remove();
    toast("Deleted", {
      action: "Undo",
      onAction: async () => {
        await api(path, { method: "POST", body: { title, plan } });
        location.reload();
      },
    });
  } catch (error) {
    toast(error.message, { bad: true });
  }
});
