// The download menu of a clip: a format that isn't there yet is asked for, then fetched when it is.
import { api } from "./api.js";
import { poll } from "./chores.js";
import { toast } from "./ui.js";

for (const menu of document.querySelectorAll("[data-downloads]")) {
  const address = `/api/v1/videos/${menu.dataset.downloads}/renditions/`;
  menu.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-format]");
    if (button && button.getAttribute("aria-busy") !== "true") make(address, button);
  });
}

async function make(address, button) {
  const code = button.dataset.format;
  const title = button.querySelector("span").textContent;
  const state = button.querySelector("[data-state]");
  button.setAttribute("aria-busy", "true");
  state.textContent = "being made";
  try {
    const ended = (item) => ["ready", "failed"].includes(item.status) && item;
    const asked = await api(address, { method: "POST", body: { format: code } });
    const found = ended(asked) || (await poll(address, ({ formats }) => ended(formats.find((item) => item.format === code))));
    if (found.status === "failed") throw new Error(found.problem);
    const link = document.createElement("a");
    link.href = found.url;
    link.download = "";
    link.dataset.format = code;
    link.append(...button.childNodes);
    link.querySelector("[data-state]").textContent = "ready";
    const focused = document.activeElement === button;
    button.replaceWith(link);
    if (focused) link.focus();
    toast(`${title} is ready`);
    link.click();
  } catch (error) {
    state.textContent = "try again";
    button.removeAttribute("aria-busy");
    toast(error.message, { bad: true });
  }
}
