// One chart: a line per run, or bars by kind. A dashed line marks where tool use halved for good.

const KIND_COLOURS = ["#0072b2", "#e69f00", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#009e73"];
const OTHER_COLOUR = "#8a8f98";

const vertical = (name) => draw("line", { class: name, y1: 0, y2: PLOT, visibility: "hidden" });

function moveTo(line, step) {
  line.setAttribute("visibility", step === null ? "hidden" : "visible");
  if (step === null) return;
  line.setAttribute("x1", xOf(step));
  line.setAttribute("x2", xOf(step));
}

// The parts that all charts have: a title with values, the plot, labels at its corners.
function makeChart(title, origin, scale, unit) {
  const svg = draw("svg", { viewBox: `0 0 ${PLOT} ${PLOT}`, preserveAspectRatio: "none", role: "img", "aria-label": title });
  const zero = scale.y(Math.max(0, scale.bottom));
  svg.append(draw("line", { class: "axis", x1: 0, x2: PLOT, y1: zero, y2: zero }));
  const plot = make("div", { class: "plot" }, svg,
    make("span", { class: "tick top" }, written(scale.top, unit)),
    make("span", { class: "tick first" }, firstStep), make("span", { class: "tick last" }, lastStep));
  const caption = make("figcaption", { title: `${title} (${origin})` }, make("span", { class: "name" }, title));
  const element = make("figure", { class: hasSteps ? "chart" : "chart single" }, caption, plot);
  return { element, caption, plot, svg, cursor: vertical("cursor"), pinned: vertical("pinned") };
}

const pathOf = (points, scale) => points.map(([step, value]) => `${xOf(step)},${scale.y(value)}`).join(" ");

// The value of one run in a chart: the mean of its last steps, or that of the step pointed at.
function runValue(series, unit) {
  const { points, run } = series;
  const byStep = new Map(points);
  const [early, recent] = [earlyMean(points), recentMean(points)];
  const isSame = early !== undefined && written(early, unit) === written(recent, unit);
  const before = early === undefined || isComparison || isSame ? null : make("span", { class: "before", title: `mean of the first ${plural(RECENT, "step")}` }, `${written(early, unit)} → `);
  const output = make("output", { title: `mean of the last ${plural(Math.min(RECENT, points.length), "step")}`, class: isComparison && `of-run-${run}` });
  const show = (step) => {
    const value = step === null ? recent : byStep.get(step);
    output.textContent = value === undefined ? (points.length ? "–" : "no data") : written(value, unit);
    if (before) before.hidden = step !== null;
    return value;
  };
  return { before, output, show, byStep };
}

function seriesLine(chart, scale, series, unit) {
  const value = runValue(series, unit);
  chart.caption.append(make("span", { class: "value" }, value.before, value.output));
  // A line of no length with round ends: a dot that the stretched coordinates leave round.
  const dot = draw("line", { class: `dot of-run-${series.run}`, visibility: "hidden" });
  const raw = draw("polyline", { class: `raw of-run-${series.run}`, points: pathOf(series.points, scale) });
  const smooth = draw("polyline", { class: `line of-run-${series.run}` });
  if (hasSteps) chart.svg.append(raw, smooth, dot);
  return {
    smoothen: (weight) => {
      raw.setAttribute("visibility", weight > 0 ? "visible" : "hidden");
      smooth.setAttribute("points", pathOf(smoothed(series.points, weight), scale));
    },
    show: (step) => {
      const shown = value.show(step);
      dot.setAttribute("visibility", step === null || shown === undefined ? "hidden" : "visible");
      if (step === null || shown === undefined) return;
      for (const end of ["1", "2"]) { dot.setAttribute(`x${end}`, xOf(step)); dot.setAttribute(`y${end}`, scale.y(shown)); }
    },
  };
}

function markFall(chart, step) {
  const line = vertical("fall");
  moveTo(line, step);
  chart.svg.append(line);
  const isLate = xOf(step) > PLOT / 2;
  chart.plot.append(make("span", { class: isLate ? "fall-text late" : "fall-text", style: { [isLate ? "right" : "left"]: `${isLate ? PLOT - xOf(step) : xOf(step)}%` } }, `halved at ${step}`));
}

// `series`: the curve of that title in each run that has it. `title` may be shorter than theirs.
function lineChart(series, title = series[0].title) {
  const { unit } = series[0];
  const scale = scaleOf(series.flatMap((curve) => curve.points.map(([, value]) => value)), unit);
  const chart = makeChart(title, series[0].origin, scale, unit);
  const lines = series.map((curve) => seriesLine(chart, scale, curve, unit));
  chart.show = (step) => lines.forEach((line) => line.show(step));
  chart.smoothen = (weight) => lines.forEach((line) => line.smoothen(weight));
  chart.show(null);
  const fall = series[0].falls && hasSteps && !isComparison ? halvingStep(series[0].points) : null;
  if (fall !== null) markFall(chart, fall);
  return chart;
}

function stackBars(chart, stack, kinds, scale) {
  const width = Math.min(2 * INSET, (0.75 * (PLOT - 2 * INSET)) / stack.steps.length);
  stack.steps.forEach((step, at) => {
    let below = 0;
    for (const { values, colour } of kinds) {
      const [low, high] = [scale.y(below), scale.y(below + values[at])];
      if (values[at]) chart.svg.append(draw("rect", { x: xOf(step) - width / 2, y: high, width, height: low - high, fill: colour }));
      below += values[at];
    }
  });
}

function stackChart(stack) {
  const kinds = Object.entries(stack.kinds).map(([name, values], at) => ({ name, values, colour: KIND_COLOURS[at] || OTHER_COLOUR, share: make("b", {}) }));
  const sums = stack.steps.map((_, at) => kinds.reduce((sum, { values }) => sum + values[at], 0));
  const scale = scaleOf(sums, stack.unit);
  const title = isComparison ? `${stack.title} · ${head.runs[stack.run].name}` : stack.title;
  const chart = makeChart(title, "counted in the logged trajectories", scale, stack.unit);
  stackBars(chart, stack, kinds, scale);
  const value = make("output", {});
  chart.caption.append(value);
  chart.element.classList.add("wide");
  chart.element.append(make("ul", { class: "legend" }, kinds.map(({ name, colour, share }) =>
    make("li", {}, make("i", { style: { background: colour } }), words(name), share))));
  const recent = (values) => values.slice(-RECENT).reduce((sum, item) => sum + item, 0) / Math.min(RECENT, values.length);
  chart.show = (step) => {
    const at = stack.steps.indexOf(step);
    const shown = (values) => (step === null ? recent(values) : at < 0 ? null : values[at]);
    value.textContent = stack.unit === "share" ? "" : written(shown(sums), stack.unit);
    for (const { values, share } of kinds) share.textContent = written(shown(values), stack.unit);
  };
  chart.smoothen = () => {};
  chart.show(null);
  return chart;
}
