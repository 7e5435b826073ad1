function summarySection(data) {
  const about = data.summary, parts = [];
  const facts = card("What is in it", pairs(about.facts));
  facts.classList.add("wide", "facts");
  parts.push(facts);
  const again = [];
  if (about.commands.length) {
    again.push(element("p", {}, "Type this to make it again; DATA and FILE stand for your paths, of which an output keeps none:"));
    again.push(...about.commands.map((line) => element("pre", {}, line)));
  }
  if (about.recipe) again.push(folded("Recipe (TOML)", element("pre", {}, about.recipe)));
  if (again.length) {
    const made = card("Make it again", ...again);
    made.classList.add("wide");
    parts.push(made);
  }
  if (about.verify) parts.push(verifyCard(about.verify));
  if (about.citation) {
    const cited = card("Cite it", element("p", { class: "prose" }, about.citation), folded("BibTeX", element("pre", {}, about.bibtex)));
    cited.classList.add("wide");
    parts.push(cited);
  }
  return section("summary", "Summary", element("div", { class: "cards" }, ...parts));
}

function verifyCard(found) {
  const good = found.problems.length === 0;
  const lines = [element("p", { class: `notice ${good ? "good" : "bad"}` },
    good ? `OK: ${counted(found.rows)} rows match their checksums`
      : `FAILED: ${counted(found.problems.length + found.more)} problems`)];
  if (!good) lines.push(element("ul", {}, ...found.problems.map((one) => element("li", {}, one))));
  if (found.more) lines.push(note(`and ${counted(found.more)} more; augtool verify lists them`));
  if (found.digest) lines.push(pairs([["content digest", found.digest]]));
  lines.push(...found.notes.map(note));
  return card("Verified", ...lines);
}

function warningsSection(data) {
  const lines = data.warnings.map((text) => element("li", { class: "notice warn" }, text));
  const body = lines.length ? element("ul", { class: "notices" }, ...lines)
    : element("p", { class: "notice good" }, "Nothing to warn of.");
  const missing = data.kind === "output" && !data.summary.with_source
    ? note("What was odd about the source is not stored in an output: add --in DATA to read it again.") : null;
  return section("warnings", "Warnings", body, missing);
}

function sourcesSection(data) {
  const parts = [];
  if (data.sources) {
    const used = data.sources;
    const chart = (entries, what) => columns(entries.map(([times, rows]) => [times === 40 ? "40+" : String(times), rows]), {
      title: `How many source rows are ${what} so many times`, xLabel: `times as ${what}`, yLabel: "source rows",
    });
    parts.push(card("As base", chart(used.base, "base"), note(`${counted(used.rows)} source rows in all`)));
    parts.push(card("As partner, with weight", chart(used.partner, "partner"),
      note(used.unused ? `${counted(used.unused)} source rows are in no row at all` : "Every source row is used.")));
    if (used.most.length) {
      const named = used.most.some((one) => one.name);
      parts.push(card("Used most", table(["source row", "base", "partner", ...(named ? ["name"] : [])],
        used.most.map((one) => [counted(one.row), counted(one.base), counted(one.partner), ...(named ? [one.name || ""] : [])]), [0, 1, 2])));
    }
  }
  if (data.check) parts.push(...checkCards(data.check));
  else parts.push(card("Its images", element("p", {}, data.kind === "output"
    ? "Add --in DATA --check to look at every image of the source: copies on both sides of a hold-out, damaged files, odd sizes."
    : "Add --check to look at every image: copies, damaged files, odd sizes.")));
  return section("sources", "Sources", element("div", { class: "cards" }, ...parts));
}

function checkCards(found) {
  const parts = [];
  if (found.held) {
    const held = found.held, good = held.count === 0;
    const lines = [element("p", { class: `notice ${good ? "good" : "bad"}` }, good
      ? `No image is both mixed and held out (${counted(held.rows)} rows are held out).`
      : `${counted(held.count)} images have a copy that is mixed and one that is held out.`)];
    if (held.leaks.length) lines.push(table(["mixed", "held out"], held.leaks, []));
    if (held.groups !== null) {
      lines.push(element("p", { class: `notice ${held.groups ? "bad" : "good"}` }, held.groups
        ? `${counted(held.groups)} groups of ${held.group_by} are on both sides.`
        : `No group of ${held.group_by} is on both sides.`));
    }
    parts.push(card("Hold-out", ...lines));
  }
  const sizes = found.sizes.map(([high, wide, count]) => `${high}×${wide} (${counted(count)})`).join(", ");
  const more = found.more_sizes ? ` and ${counted(found.more_sizes)} more` : "";
  const lines = [element("p", {}, `${counted(found.images)} images were looked at. Height×width: ${sizes}${more}.`)];
  if (!found.kinds.length) lines.push(element("p", { class: "notice good" }, "Nothing odd was found."));
  for (const kind of found.kinds) {
    lines.push(folded(`${kind.kind}: ${counted(kind.count)} (${kind.words})`, table(["image", "what"], kind.examples, []),
      kind.count > kind.examples.length ? note(`and ${counted(kind.count - kind.examples.length)} more; augtool check --json lists them`) : null));
  }
  parts.push(card("Its images", ...lines));
  return parts;
}
