function rowsSection(data) {
  const state = { shown: data.rows, at: 0 };
  const grid = element("ul", { class: "grid" });
  const count = element("p", { class: "count", "aria-live": "polite", id: "row-count" });
  const tiles = new Map(data.rows.map((row) => [row, tileOf(data, row, () => openDetails(data, state, row))]));
  const controls = controlsOf(data, (chosen) => {
    state.shown = chosen;
    grid.replaceChildren(...chosen.map((row) => tiles.get(row)));
    count.textContent = `${counted(chosen.length)} of ${counted(data.rows.length)} rows shown; ` +
      (data.rows.length < data.total ? `they are spread evenly over ${counted(data.total)}.` : "these are all rows.");
  });
  controls.apply();
  return section("rows", "Rows", controls.form, count, element("div", { class: "rows-box" }, grid), data.note ? note(data.note) : null);
}

function className(target, id) {
  const found = target.classes.find(([one]) => one === id);
  return found ? found[1] : target.names[String(id)] || `#${id}`;
}

function labelWords(data, row) {
  return data.targets.map((target, at) => {
    const label = row.labels[at], before = target.name ? `${target.name}: ` : "";
    if (label.values) return before + label.values.map(number).join(", ");
    const sure = label.entries.length === 1 && label.entries[0][1] > 0.995;
    const shown = target.kind === "multihot" ? label.entries : label.entries.slice(0, 4);
    const words = shown.map(([id, share]) =>
      sure || (target.kind === "multihot" && share > 0.995) ? className(target, id) : `${className(target, id)} ${share.toFixed(2)}`);
    const more = label.entries.length - shown.length + label.more;
    if (more) words.push(`+${more} more`);
    if (label.unknown) words.push(label.entries.length ? `${label.unknown} unknown` : "unknown");
    return before + (words.join(" · ") || "no class");
  });
}

function picture(uri, description, boxes, size) {
  if (!uri) return element("span", { class: "frame none" }, description);
  const image = element("img", { src: uri, alt: description });
  image.decoding = "async";
  if (uri.startsWith("data:image/png")) image.className = "small";
  const made = element("span", { class: "frame" }, image);
  if (boxes && boxes.length) {
    const drawn = svg("svg", { viewBox: `0 0 ${size[1]} ${size[0]}`, preserveAspectRatio: "none", "aria-hidden": "true" });
    for (const [y0, x0, y1, x1] of boxes) {
      for (const kind of ["box-out", "box-in"]) {
        drawn.append(svg("rect", { class: kind, x: x0, y: y0, width: x1 - x0, height: y1 - y0 }));
      }
    }
    made.append(drawn);
  }
  return made;
}

function tileOf(data, row, open) {
  const words = labelWords(data, row);
  const button = element("button", { class: "tile", type: "button", "aria-haspopup": "dialog" },
    picture(row.picture, row.picture ? "" : `row ${row.row}`, null, data.size),
    element("span", { class: "labels" }, ...words.flatMap((line, at) => at ? [element("br", {}), line] : [line])),
    element("span", { class: "row" }, row.name || `row ${row.row}`));
  button.addEventListener("click", open);
  return element("li", {}, button);
}

function controlsOf(data, show) {
  const main = data.targets[0];
  const used = new Map();
  for (const row of data.rows) for (const [id] of row.labels[0].entries || []) used.set(id, (used.get(id) || 0) + 1);
  const option = (value, text) => element("option", { value }, text);
  const classes = element("select", { id: "by-class" }, option("", "any"), ...[...used.keys()].sort((a, b) => a - b)
    .map((id) => option(String(id), `${className(main, id)} (${used.get(id)})`)));
  const taken = [...new Set(data.rows.flatMap((row) => row.took || []))].sort();
  const branch = element("select", { id: "by-branch" }, option("", "any"), ...taken.map((name) => option(name, name)));
  const least = element("input", { id: "least", type: "number", min: 0, max: 1, step: 0.05, value: 0 });
  const most = element("input", { id: "most", type: "number", min: 0, max: 1, step: 0.05, value: 1 });
  const order = element("select", { id: "order" }, option("row", "row number"), option("lam", "λ, smallest first"),
    option("-lam", "λ, largest first"), option("weight", "weight of the base"));
  const fields = [];
  const labelled = (text, control, half) => element("label", { class: half ? "half" : "" }, text, control);
  if (used.size) fields.push(labelled("Class", classes));
  if (taken.length > 1) fields.push(labelled("Branch", branch));
  if (data.kind === "output") {
    fields.push(labelled("Base weight from", least, true), labelled("to", most, true), labelled("Sort by", order));
  }
  const reset = element("button", { type: "reset" }, "Reset");
  const form = element("form", { class: "controls", "aria-label": "Choose rows" }, ...fields, fields.length ? reset : null);
  const apply = () => {
    const low = least.value === "" ? 0 : Number(least.value), high = most.value === "" ? 1 : Number(most.value);
    const chosen = data.rows.filter((row) =>
      (classes.value === "" || (row.labels[0].entries || []).some(([id]) => String(id) === classes.value)) &&
      (branch.value === "" || (row.took || []).includes(branch.value)) &&
      (row.weight === undefined || (row.weight >= low - 1e-9 && row.weight <= high + 1e-9)));
    const by = order.value.replace("-", ""), sign = order.value.startsWith("-") ? -1 : 1;
    chosen.sort((a, b) => sign * ((a[by] ?? a.row) - (b[by] ?? b.row)) || a.row - b.row);
    show(chosen);
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  return { form, apply };
}

function openDetails(data, state, row) {
  const dialog = document.getElementById("details");
  state.at = state.shown.indexOf(row);
  fillDetails(dialog, data, state);
  dialog.onkeydown = (event) => {
    if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      turn(dialog, data, state, event.key === "ArrowRight" ? 1 : -1);
    }
  };
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.showModal();
}

function turn(dialog, data, state, by) {
  state.at = Math.min(state.shown.length - 1, Math.max(0, state.at + by));
  const id = document.activeElement && document.activeElement.id;
  fillDetails(dialog, data, state);
  const again = id ? document.getElementById(id) : null;
  (again && !again.disabled ? again : document.getElementById("details-close")).focus();
}

function fillDetails(dialog, data, state) {
  const row = state.shown[state.at];
  const button = (id, text, act, disabled) => {
    const made = element("button", { type: "button", id, disabled: Boolean(disabled) }, text);
    made.addEventListener("click", act);
    return made;
  };
  const bar = element("div", { class: "bar" },
    element("h2", { id: "details-title" }, `Row ${counted(row.row)}`),
    button("details-before", "← Previous", () => turn(dialog, data, state, -1), state.at === 0),
    button("details-after", "Next →", () => turn(dialog, data, state, 1), state.at === state.shown.length - 1),
    button("details-close", "Close", () => dialog.close()));
  const parts = [bar, picturesOf(data, row)];
  if (data.kind === "output" && !data.summary.with_source) {
    parts.push(note("Pictures and names of the base and its partners are left out: add --in DATA to the command that made this page."));
  }
  parts.push(element("h3", {}, "Label"), element("p", {}, ...labelWords(data, row).flatMap((line, at) => at ? [element("br", {}), line] : [line])));
  for (const step of row.steps || []) {
    parts.push(element("h3", {}, step.name), element("ul", {}, ...step.lines.map((line) => element("li", {}, line))));
  }
  if (row.carried) parts.push(element("h3", {}, "Carried along"), pairs(Object.entries(row.carried)));
  if (row.command) parts.push(element("h3", {}, "Make this row again, with its sources"), element("pre", {}, row.command));
  dialog.replaceChildren(...parts);
}

function picturesOf(data, row) {
  const made = element("div", { class: "pictures" });
  const figure = (content, ...caption) => made.append(element("figure", {}, content, element("figcaption", {}, ...caption)));
  (row.sources || []).forEach(([number, weight], slot) => {
    const about = data.source_rows[String(number)] || {};
    const role = slot ? (row.sources.length > 2 ? `Partner ${slot}` : "Partner") : "Base";
    const swatch = element("span", { class: "swatch" });
    swatch.style.background = data.colours[slot % data.colours.length];
    const where = about.name || `source row ${counted(number)}`;
    figure(about.picture ? picture(about.picture, `${role}: ${where}`, null, data.size)
      : element("span", { class: "frame none" }, data.summary.with_source ? "no picture" : "not shown without --in"),
    swatch, ` ${role}, weight ${weight.toFixed(4)}`, element("br", {}), where);
  });
  if (row.owner && (row.sources || []).length) {
    figure(picture(row.owner, "Which source each pixel comes from", null, data.size), "Owners of the pixels, in the colours above");
  }
  if (row.picture) {
    figure(picture(row.picture, `Row ${row.row}`, row.boxes, data.size), row.name || (data.kind === "output" ? "Mixed" : `Row ${row.row}`));
  }
  if (row.mask) figure(picture(row.mask, "Label image", row.boxes, data.size), "Label image");
  return made;
}
