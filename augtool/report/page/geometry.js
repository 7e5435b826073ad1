function geometrySection(data) {
  const geometry = data.geometry, rows = data.estimated || data.total, parts = [];
  if (data.estimated) parts.push(estimated(data));
  const cards = [];
  const mixed = rows - geometry.unmixed;
  cards.push(card("Weight of the base in the label",
    histogram(geometry.weight, { title: "Weight of the base in the label", xLabel: "weight of the base", yLabel: "rows" }),
    note(`${counted(mixed)} mixed rows are shown. ${counted(geometry.unmixed)} rows (${percent(geometry.unmixed / rows)}) are unmixed: all weight is the base's.`)));
  for (const choice of geometry.choices) {
    const total = choice.options.reduce((sum, [, count]) => sum + count, 0) || 1;
    cards.push(card(`Branches of ${choice.name}`, table(["option", "asked for", "rows", "share"],
      choice.options.map(([name, count, weight]) => [name, percent(weight), counted(count), percent(count / total)]), [1, 2, 3])));
  }
  for (const step of geometry.steps) cards.push(...stepCards(step, rows));
  return section("geometry", "Geometry", ...parts, element("div", { class: "cards" }, ...cards));
}

function stepCards(step, rows) {
  const cards = [], applied = `${step.name} changes ${counted(step.rows)} rows (${percent(step.rows / rows)}).`;
  if (step.lam) {
    cards.push(card(`λ drawn by ${step.name}`,
      histogram(step.lam, { title: `λ drawn by ${step.name}`, xLabel: "λ", yLabel: "draws", expected: step.beta }),
      step.beta ? key(["after", "drawn"], ["line", `Beta(${number(step.alpha)}, ${number(step.alpha)})`]) : null,
      note(applied)));
  }
  if (step.boxes) {
    const boxes = step.boxes, top = Math.max(1e-9, ...boxes.cover.flat());
    const high = boxes.cover.length, wide = boxes.cover[0].length;
    cards.push(card(`Where boxes of ${step.name} lie`, heat(boxes.cover.map((line) => line.map((one) => one / top)), {
      title: `Share of boxes of ${step.name} that cover each place`, shape: boxes.size,
      label: (at) => at
        ? `row ${Math.round(((at[0] + 0.5) * boxes.size[0]) / high)}, column ${Math.round(((at[1] + 0.5) * boxes.size[1]) / wide)}: ${percent(boxes.cover[at[0]][at[1]])} of the boxes`
        : "The share of boxes that cover a place; point at it to read it.",
    }), ramp("0 %", percent(top))));
    cards.push(card(`Sizes of boxes of ${step.name}`, histogram(boxes.areas, {
      title: `Area of boxes of ${step.name}`, xLabel: "share of the image's area", yLabel: "boxes",
    }), note(`${counted(boxes.count)} boxes that are not empty; on average ${number(boxes.height)}×${number(boxes.width)} pixels of ${boxes.size.join("×")}.`)));
  }
  if (!step.lam && !step.boxes) cards.push(card(step.name, element("p", {}, applied)));
  return cards;
}
