// The verify page works without this script; with it a dropped or chosen file is sent at once.
const form = document.querySelector("[data-verify]");
const area = form.querySelector("[data-drop]");
const input = form.querySelector("input[type=file]");
const button = form.querySelector("[type=submit]");

function send() {
  if (!input.files.length) return;
  button.setAttribute("aria-busy", "true");
  form.querySelector("[data-chosen]").textContent = `Checking ${input.files[0].name}`;
  form.requestSubmit();
}

for (const name of ["dragenter", "dragover"]) {
  area.addEventListener(name, (event) => {
    event.preventDefault();
    area.classList.add("is-over");
  });
}
for (const name of ["dragleave", "drop"]) {
  area.addEventListener(name, () => area.classList.remove("is-over"));
}
area.addEventListener("drop", (event) => {
  event.preventDefault();
  if (!event.dataTransfer.files.length) return;
  input.files = event.dataTransfer.files;
  send();
});
input.addEventListener("change", send);
