const SHOWN_BARS = 30;

function labelsSection(data) {
  const parts = [];
  for (const target of data.targets) {
    const of = target.name ? ` of ${target.name}` : "";
    parts.push(...(target.kind === "values" ? valueCards(target, of) : classCards(data, target, of)));
  }
  return section("labels", "Labels", data.estimated ? estimated(data) : null, element("div", { class: "cards" }, ...parts));
}

function estimated(data) {
  return element("p", { class: "notice warn" },
    `Estimated from ${counted(data.estimated)} of ${counted(data.total)} rows, spread evenly: each row of this format is a file of its own.`);
}

function valueCards(target, of) {
  const cards = target.values.map((one, at) => card(`Value ${at + 1}${of}`,
    histogram(one, { title: `Value ${at + 1}${of}`, xLabel: "value", yLabel: "rows" })));
  if (target.unknown) cards.push(card(`Unknown${of}`, element("p", {}, `${counted(target.unknown)} rows have values that are not known.`)));
  return cards;
}

function classCards(data, target, of) {
  const listed = target.classes.map(([id, name], at) => ({
    id, name, after: target.after[at], before: target.before ? target.before[at] : null, hard: target.hard ? target.hard[at] : null,
  }));
  const largest = [...listed].sort((a, b) => b.after - a.after || a.id - b.id).slice(0, SHOWN_BARS);
  const shown = listed.length <= SHOWN_BARS ? listed : largest;
  const mixed = data.kind === "output";
  const mass = card(mixed ? `Mass of each class${of}` : `Rows of each class${of}`,
    bars(shown.map((one) => [one.name, one.before, one.after]), `Mass of each class${of}`),
    target.before ? key(["before", "labels of the bases, before mixing"], ["after", "labels as they are"]) : null,
    mixed && !target.before ? note("Add --in DATA to see the mass before mixing beside it.") : null,
    listed.length > shown.length ? note(`The ${shown.length} largest of ${counted(target.width)} classes; the table has more.`) : null,
    classTable(target, listed, mixed));
  mass.classList.add("wide");
  const cards = [mass];
  if (target.entropy) cards.push(entropyCard(target, of));
  if (target.per_row) {
    cards.push(card(`Classes in a row${of}`, columns(target.per_row.map((rows, count) => [String(count), rows]),
      { title: "How many rows have so many classes", xLabel: "classes", yLabel: "rows" })));
  }
  if (target.pairs.classes.length > 1) cards.push(pairCard(target, of));
  if (target.unknown) cards.push(card(`Unknown${of}`, element("p", {}, `${counted(target.unknown)} rows have a label that is not known, or not all of it.`)));
  return cards;
}

function classTable(target, listed, mixed) {
  const headings = ["id", "class", ...(target.before ? ["before"] : []), mixed ? "mass" : "rows", ...(target.hard && mixed ? ["hard labels"] : [])];
  const rows = listed.map((one) => [one.id, one.name, ...(target.before ? [number(one.before)] : []), number(one.after),
    ...(target.hard && mixed ? [counted(one.hard)] : [])]);
  const numbers = headings.map((_, at) => at).filter((at) => at !== 1);
  return folded(`Table of ${counted(listed.length)} classes`, table(headings, rows, numbers),
    target.width > listed.length ? note(`${counted(target.width - listed.length)} classes of less mass are not listed.`) : null);
}

function entropyCard(target, of) {
  const lines = [histogram(target.entropy, { title: `Entropy of the soft labels${of}`, xLabel: "bits", yLabel: "rows" })];
  lines.push(note("0 bits: one class alone; 1 bit: two classes with half of the label each."));
  if (target.floor) lines.push(note(`Label smoothing gives every class ${number(target.floor)}.`));
  return card(`Entropy of the soft labels${of}`, ...lines);
}

function pairCard(target, of) {
  const { classes, rows } = target.pairs, top = Math.max(1, ...rows.flat());
  const matrix = heat(rows.map((line) => line.map((one) => one / top)), {
    title: `Classes that come together${of}`, shape: [1, 1],
    label: (at) => at ? `${classes[at[0]][1]} with ${classes[at[1]][1]}: ${counted(rows[at[0]][at[1]])} rows`
      : "Classes by number, from the upper left; point at a square to read it.",
  });
  const together = [];
  rows.forEach((line, a) => line.forEach((count, b) => { if (a < b && count) together.push([classes[a][1], classes[b][1], count]); }));
  together.sort((one, other) => other[2] - one[2]);
  const made = card(`Classes that come together${of}`, matrix, ramp("0 rows", `${counted(top)} rows`),
    target.width > classes.length ? note(`The ${classes.length} largest of ${counted(target.width)} classes.`) : null,
    folded("The most frequent pairs", table(["class", "class", "rows"], together.slice(0, 50).map(([a, b, c]) => [a, b, counted(c)]), [2])));
  return made;
}
