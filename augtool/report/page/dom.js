"use strict";

// Text from files goes into the page through these alone: as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

function element(name, properties, ...children) {
  const made = document.createElement(name);
  return filled(made, properties, children);
}

function svg(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function filled(made, properties, children) {
  for (const [key, value] of Object.entries(properties || {})) {
    if (key === "class") made.className = value;
    else if (key.startsWith("aria-") || key === "for" || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function section(id, title, ...children) {
  return element("section", { id, "aria-labelledby": `${id}-title` },
    element("h2", { id: `${id}-title` }, title), ...children);
}

function card(title, ...children) {
  return element("div", { class: "card" }, title ? element("h3", {}, title) : null, ...children);
}

function note(text) {
  return element("p", { class: "note" }, text);
}

function pairs(entries) {
  const list = element("dl", {});
  for (const [term, text] of entries) {
    list.append(element("div", {}, element("dt", {}, term), element("dd", {}, text)));
  }
  return list;
}

function folded(title, ...children) {
  return element("details", {}, element("summary", {}, title), ...children);
}

function table(headings, rows, numbers) {
  const cell = (kind, text, at) =>
    element(kind, { class: numbers.includes(at) ? "number" : "", scope: kind === "th" ? "col" : "" }, String(text));
  const head = element("tr", {}, ...headings.map((text, at) => cell("th", text, at)));
  const body = rows.map((row) => element("tr", {}, ...row.map((text, at) => cell("td", text, at))));
  return element("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": headings.join(", ") },
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...body)));
}

const GROUPED = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });

function counted(value) {
  return GROUPED.format(value);
}

function number(value) {
  if (value === null || value === undefined) return "unknown";
  return Math.abs(value) >= 10000 ? GROUPED.format(value) : SHORT.format(value);
}

function percent(share) {
  return `${SHORT.format(Number((100 * share).toFixed(share < 0.001 ? 3 : 1)))} %`;
}
