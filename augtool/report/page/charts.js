const WIDTH = 360, HEIGHT = 200, LEFT = 44, BOTTOM = 34, TOP = 22, RIGHT = 8;

// The next round number, so that an axis ends at one.
function roundUp(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].map((one) => one * power).find((one) => one >= value - 1e-12 * value);
}

function short(value) {
  if (value >= 1e6) return `${SHORT.format(value / 1e6)}M`;
  if (value >= 1e4) return `${SHORT.format(value / 1e3)}k`;
  return SHORT.format(value);
}

function frame(top, title, xLabel, yLabel) {
  const chart = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  const y = (value) => HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * (value / top);
  for (const share of [0, 0.5, 1]) {
    const at = Math.round(y(top * share)) + 0.5;
    chart.append(svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: at, y2: at }));
    chart.append(svg("text", { x: LEFT - 5, y: at + 4, "text-anchor": "end" }, short(top * share)));
  }
  chart.append(svg("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, xLabel));
  chart.append(svg("text", { x: 2, y: 10 }, yLabel));
  return { chart, y };
}

// Counts in bins of equal width from `low` to `high`; `expected` are shares of the bins of a curve.
function histogram(data, { title, xLabel, expected, yLabel = "rows" }) {
  const total = data.counts.reduce((sum, one) => sum + one, 0);
  const curve = (expected || []).map((share) => share * total);
  const tallest = Math.max(...data.counts);
  // A curve that has a pole at an end may leave the chart there; the bars stay readable.
  const top = roundUp(Math.max(tallest, Math.min(Math.max(0, ...curve), 1.15 * tallest)));
  const { chart, y } = frame(top, title, xLabel, yLabel);
  const bins = data.counts.length, step = (WIDTH - LEFT - RIGHT) / bins;
  data.counts.forEach((count, at) => {
    const from = data.low + ((data.high - data.low) * at) / bins;
    const to = data.low + ((data.high - data.low) * (at + 1)) / bins;
    if (!count) return;
    const bar = svg("rect", {
      class: "bar-after", x: (LEFT + at * step + 0.4).toFixed(2), width: Math.max(step - 0.8, 0.5).toFixed(2),
      y: y(count).toFixed(2), height: Math.max(y(0) - y(count), 0.75).toFixed(2),
    }, svg("title", {}, `${number(from)} to ${number(to)}: ${counted(count)}`));
    chart.append(bar);
  });
  if (curve.length) {
    const points = curve.map((value, at) =>
      `${(LEFT + (at + 0.5) * step).toFixed(2)},${Math.max(y(value), TOP - 4).toFixed(2)}`);
    chart.append(svg("polyline", { class: "curve", points: points.join(" ") }));
  }
  for (const share of [0, 0.5, 1]) {
    const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
    chart.append(svg("text", { x: LEFT + share * (WIDTH - LEFT - RIGHT), y: HEIGHT - BOTTOM + 14, "text-anchor": anchor },
      number(data.low + share * (data.high - data.low))));
  }
  return chart;
}

// Named bars upright: [[name, count], …].
function columns(entries, { title, xLabel, yLabel }) {
  const top = roundUp(Math.max(1, ...entries.map(([, count]) => count)));
  const { chart, y } = frame(top, title, xLabel, yLabel);
  const step = (WIDTH - LEFT - RIGHT) / entries.length;
  const every = Math.ceil(entries.length / 12);
  entries.forEach(([name, count], at) => {
    const x = LEFT + at * step;
    if (count) {
      chart.append(svg("rect", {
        class: "bar-after", x: (x + step * 0.1).toFixed(2), width: Math.min(step * 0.8, 60).toFixed(2),
        y: y(count).toFixed(2), height: Math.max(y(0) - y(count), 0.75).toFixed(2),
      }, svg("title", {}, `${name}: ${counted(count)}`)));
    }
    if (at % every === 0) {
      chart.append(svg("text", { x: x + Math.min(step * 0.5, 30 + step * 0.1), y: HEIGHT - BOTTOM + 14, "text-anchor": "middle" }, name));
    }
  });
  return chart;
}

// Names down the side, a bar or two for each: [[name, before or null, after], …].
function bars(entries, title) {
  const two = entries.some(([, before]) => before !== null);
  const high = two ? 24 : 19, narrow = innerWidth < 600;
  const wide = narrow ? 330 : 760, left = narrow ? 96 : 150, right = narrow ? 48 : 66, letters = narrow ? 14 : 22;
  const top = Math.max(1e-9, ...entries.map(([, before, after]) => Math.max(before || 0, after)));
  const chart = svg("svg", {
    class: "chart", viewBox: `0 0 ${wide} ${entries.length * high + 4}`, role: "img", "aria-label": title,
  });
  entries.forEach(([name, before, after], at) => {
    const y = at * high + 2, length = (value) => ((wide - left - right) * value) / top;
    const shown = name.length > letters ? `${name.slice(0, letters - 1)}…` : name;
    chart.append(svg("text", { class: "ink", x: left - 8, y: y + high / 2 + 3, "text-anchor": "end" }, shown,
      svg("title", {}, name)));
    if (before !== null) {
      chart.append(svg("rect", { class: "bar-before", x: left, y: y + 2, width: length(before).toFixed(2), height: 8 },
        svg("title", {}, `${name}, before: ${number(before)}`)));
    }
    const y2 = before === null ? y + 2 : y + 11, tall = before === null ? 13 : 8;
    chart.append(svg("rect", { class: "bar-after", x: left, y: y2, width: length(after).toFixed(2), height: tall },
      svg("title", {}, `${name}: ${number(after)}`)));
    chart.append(svg("text", { x: left + length(Math.max(before || 0, after)) + 5, y: y + high / 2 + 3 }, number(after)));
  });
  return chart;
}

const REDRAWN = [];

// A canvas with a square for each value (0 … 1); `label` says what is under the pointer.
function heat(values, { title, label, shape }) {
  const canvas = element("canvas", { width: values[0].length, height: values.length, role: "img", "aria-label": title });
  canvas.style.aspectRatio = `${shape[1]} / ${shape[0]}`;
  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    const [low, high] = ["--heat-low", "--heat-high"].map((name) => style.getPropertyValue(name).split(",").map(Number));
    const context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    values.flat().forEach((value, at) => {
      for (let channel = 0; channel < 3; channel++) {
        image.data[4 * at + channel] = low[channel] + (high[channel] - low[channel]) * Math.min(1, Math.max(0, value));
      }
      image.data[4 * at + 3] = 255;
    });
    context.putImageData(image, 0, 0);
  };
  draw();
  REDRAWN.push(draw);
  const said = element("p", { class: "note", "aria-live": "polite" }, label(null));
  canvas.addEventListener("pointermove", (event) => {
    const column = Math.floor((event.offsetX / canvas.clientWidth) * canvas.width);
    const row = Math.floor((event.offsetY / canvas.clientHeight) * canvas.height);
    if (values[row] && values[row][column] !== undefined) said.textContent = label([row, column]);
  });
  canvas.addEventListener("pointerleave", () => { said.textContent = label(null); });
  return element("div", { class: "figure-box" }, canvas, said);
}

function ramp(low, high) {
  return element("div", { class: "ramp" }, low, element("i", {}), high);
}

function key(...entries) {
  return element("ul", { class: "key" }, ...entries.map(([kind, text]) =>
    element("li", {}, element("i", { class: kind }), text)));
}
