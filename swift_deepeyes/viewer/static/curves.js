// All charts over the same steps. One cursor runs through all of them; a click keeps that step's
// trajectories in the table. Metrics stand by subject; those that never change are only told.

const curves = { charts: [], pinned: null, weight: allSteps.length < 12 ? 0 : 0.6, choose: () => {} };

// Values are those under the cursor, else of the chosen step, else the mean of the last steps.
function pointAt(step) {
  for (const chart of curves.charts) { moveTo(chart.cursor, step); chart.show(step === null ? curves.pinned : step); }
}

function pinStep(step) {
  curves.pinned = step;
  for (const chart of curves.charts) { moveTo(chart.pinned, step); chart.show(step); }
}

function stepAt(chart, event) {
  const bounds = chart.svg.getBoundingClientRect();
  const x = ((event.clientX - bounds.left) / bounds.width) * PLOT;
  const distance = (step) => Math.abs(xOf(step) - x);
  return allSteps.reduce((best, step) => (distance(step) < distance(best) ? step : best));
}

function addChart(parent, chart) {
  parent.append(chart.element);
  if (!hasSteps) return;
  chart.svg.append(chart.pinned, chart.cursor);
  curves.charts.push(chart);
  chart.smoothen(curves.weight);
  moveTo(chart.pinned, curves.pinned);
  chart.show(curves.pinned);
  chart.svg.addEventListener("pointermove", (event) => pointAt(stepAt(chart, event)));
  chart.svg.addEventListener("pointerleave", () => pointAt(null));
  chart.svg.addEventListener("click", (event) => curves.choose(stepAt(chart, event)));
}

// What a curve's figures are, which run has which colour, and how much is smoothed.
function curveBar() {
  const bar = make("div", { class: "curve-bar" });
  if (isComparison) {
    bar.append(make("ul", { class: "run-names" }, head.runs.map((run, at) => make("li", {}, make("i", { class: `of-run-${at}` }), run.name))));
  }
  if (!hasSteps) return bar;
  const told = make("output", {}, number(curves.weight));
  const slider = make("input", {
    type: "range", id: "smoothing", min: 0, max: 0.95, step: 0.05, value: curves.weight,
    oninput: (event) => {
      curves.weight = Number(event.target.value);
      told.textContent = number(curves.weight);
      for (const chart of curves.charts) chart.smoothen(curves.weight);
    },
  });
  bar.append(
    make("span", { class: "faint" }, `Figures: ${isComparison ? "" : "mean of the first → "}mean of the last ${plural(RECENT, "step")}`),
    make("label", { class: "smoothing", title: "Weight of the moving average; the faint line is what was logged" }, "Smoothing ", slider, told));
  return bar;
}

const isFlat = (series) => series.every((curve) => curve.points.every(([, value]) => value === series[0].points[0][1]));
const shortName = (title) => title.replace(/^deepeyes\//, "");

function flatList(flat) {
  return make("details", { class: "flat" }, make("summary", {}, `${plural(flat.length, "metric")} that never changed`),
    make("dl", {}, flat.map((series) => make("div", {}, make("dt", { title: series[0].title }, shortName(series[0].title)), make("dd", {}, number(series[0].points[0][1], 4))))));
}

function metricGroups() {
  const place = make("div", { class: "groups" });
  const series = [...grouped(head.metrics, (curve) => curve.title).values()];
  const changing = series.filter((curve) => !isFlat(curve));
  for (const [name, ofGroup] of grouped(changing, (curve) => curve[0].group)) {
    const charts = make("div", { class: "more-charts" });
    for (const curve of ofGroup) addChart(charts, lineChart(curve, shortName(curve[0].title)));
    place.append(make("section", { class: "metric-group" }, make("h3", {}, name), charts));
  }
  const flat = series.filter(isFlat);
  if (flat.length) place.append(flatList(flat));
  return place;
}

function stackCharts(place) {
  for (const stacks of grouped(head.stacks, (stack) => stack.title).values()) {
    for (const stack of stacks) if (stack.steps.length) addChart(place, stackChart(stack));
  }
  return place;
}

// What is folded away: of several runs the bars too, which cannot lie on each other.
function allMetrics() {
  const count = new Set(head.metrics.map((curve) => curve.title)).size;
  const summary = [isComparison && "What became of the calls, why episodes ended", count && `all ${plural(count, "metric")} of the metrics file`].filter(Boolean).join("; ");
  const fold = make("details", { class: "all-metrics" }, make("summary", {}, capitalised(summary)));
  // Drawn when first opened: a run logs a hundred of them.
  fold.addEventListener("toggle", () => {
    if (isComparison) fold.append(stackCharts(make("div", { class: "main-charts" })));
    if (count) fold.append(metricGroups());
  }, { once: true });
  return fold;
}

function showCurves(parent, choose) {
  if (!allSteps.length) { parent.hidden = true; return; }
  parent.classList.toggle("compared", isComparison);
  curves.choose = choose;
  const main = make("div", { class: "main-charts" });
  for (const series of grouped(head.curves, (curve) => curve.title).values()) {
    if (series.some((curve) => curve.points.length)) addChart(main, lineChart(series));
  }
  if (!isComparison) stackCharts(main);
  parent.append(curveBar(), main);
  if (head.metrics.length || isComparison) parent.append(allMetrics());
}
