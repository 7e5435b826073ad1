function main() {
  const data = JSON.parse(document.getElementById("data").textContent);
  document.getElementById("kind").textContent = data.kind === "output" ? "Output of augtool" : "Input, as augtool reads it";
  document.getElementById("title").textContent = data.title;
  document.getElementById("lead").textContent = data.summary.sentence;
  const sections = [summarySection(data), warningsSection(data), rowsSection(data), labelsSection(data)];
  if (data.geometry) sections.push(geometrySection(data));
  sections.push(sourcesSection(data));
  document.getElementById("main").replaceChildren(...sections);
  document.getElementById("contents").replaceChildren(...sections.map((one) =>
    element("li", {}, element("a", { href: `#${one.id}` }, one.querySelector("h2").textContent))));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => REDRAWN.forEach((draw) => draw()));
  document.documentElement.dataset.ready = "yes";
}

main();
