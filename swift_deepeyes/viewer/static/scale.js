// From values to places in a chart, and from many values to the one that a reader remembers.

// Shapes live in a stretched coordinate system of 100 x 100; texts are HTML, so they stay crisp.
const PLOT = 100;
const INSET = 3; // half of the widest bar

const allSteps = [...new Set([...head.curves, ...head.metrics].flatMap((curve) => curve.points.map(([step]) => step)))].sort((a, b) => a - b);
const firstStep = allSteps.length ? allSteps[0] : Infinity;
const lastStep = allSteps.length ? allSteps[allSteps.length - 1] : -Infinity;
const hasSteps = firstStep < lastStep;
const xOf = (step) => INSET + ((step - firstStep) / (lastStep - firstStep || 1)) * (PLOT - 2 * INSET);

function niceCeiling(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

function scaleOf(values, unit) {
  const high = values.reduce((a, b) => Math.max(a, b), 0);
  const low = values.reduce((a, b) => Math.min(a, b), 0);
  const bottom = low < 0 ? -niceCeiling(-low) : 0;
  const ceiling = high > 0 ? niceCeiling(high) : low < 0 ? 0 : 1;
  const top = unit === "share" ? Math.min(1, ceiling) : ceiling;
  return { top, bottom, y: (value) => (1 - (value - bottom) / (top - bottom)) * PLOT };
}

// How many steps stand for the end of a run: a tenth to a fifth of it, at most ten.
const RECENT = Math.max(1, Math.min(10, Math.ceil(allSteps.length / 5)));

const meanOf = (points) => (points.length ? points.reduce((sum, [, value]) => sum + value, 0) / points.length : undefined);
const recentMean = (points) => meanOf(points.slice(-RECENT));
const earlyMean = (points) => (points.length >= 3 * RECENT ? meanOf(points.slice(0, RECENT)) : undefined);

// Exponential moving average; the first values count in full, so that it starts where the run does.
function smoothed(points, weight) {
  let sum = 0;
  let total = 0;
  return points.map(([step, value]) => {
    sum = weight * sum + value;
    total = weight * total + 1;
    return [step, sum / total];
  });
}

// The step from which on all values are under half of the peak before it: a dip that recovers is noise.
function halvingStep(points) {
  let peak = 0;
  let fallen = null;
  for (const [step, value] of points) {
    if (peak <= 0.1 || value >= peak / 2) fallen = null;
    else if (fallen === null) fallen = step;
    peak = Math.max(peak, value);
  }
  return fallen;
}
