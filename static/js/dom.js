// Making elements. Everything a person typed goes in as text, never as markup.
const icons = document.documentElement.dataset.icons;

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${icons}#${name}`);
  svg.append(use);
  return svg;
}

/** A button with an icon; without `text` its label is for screen readers and the tooltip. */
export function iconButton(name, label, onClick, { text = false, look = "btn--ghost btn--icon" } = {}) {
  const made = element("button", { type: "button", class: `btn btn--sm ${look}`, "aria-label": text ? null : label, title: text ? null : label }, icon(name));
  if (text) made.append(label);
  made.addEventListener("click", onClick);
  return made;
}

/** 2.5 -> "2.5 s"; never more digits than anybody can set. */
export function secondsText(value) {
  return `${Number(value.toFixed(2))} s`;
}

export function readJson(id) {
  return JSON.parse(document.getElementById(id).textContent);
}
