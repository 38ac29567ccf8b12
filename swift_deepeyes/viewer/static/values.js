// How values are written: numbers, shares, names, results, and the colours that stand for things.

// Okabe and Ito's colours, told apart by colour-blind readers too; dark text reads on all but blue.
const COLOURS = ["#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#0072b2", "#d55e00", "#f0e442"];
const colourOf = (turn) => COLOURS[turn % COLOURS.length];
const inkOn = (colour) => (colour === "#0072b2" ? "#ffffff" : "#111111");

const RESULTS = {
  right: { mark: "✓", text: "right" },
  wrong: { mark: "✗", text: "wrong" },
  unjudged: { mark: "?", text: "not judged" },
};

const words = (name) => String(name).replaceAll("_", " ");
const capitalised = (text) => text.replace(/^./, (letter) => letter.toUpperCase());

function plural(count, noun) {
  const many = noun.endsWith("y") ? `${noun.slice(0, -1)}ies` : `${noun}s`;
  return `${count.toLocaleString("en")} ${count === 1 ? noun : many}`;
}

function number(value, digits = 2) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString("en");
  // Small values keep two digits; very small ones are written with their power of ten.
  if (size > 0 && size < 1e-4) return value.toExponential(1).replaceAll("-", "−");
  const text = size > 0 && size < 0.5 * 10 ** -digits ? value.toPrecision(2) : value.toFixed(size >= 100 ? 0 : digits);
  return String(Number(text)).replace("-", "−");
}

const percent = (share) => (share === null || share === undefined ? "–" : `${number(100 * share, share < 0.1 ? 1 : 0)} %`);
const written = (value, unit) => (unit === "share" ? percent(value) : number(value));

const sizeText = (size) => (size && size[0] ? `${size[0]}×${size[1]}` : null);

function resultMark(result) {
  return make("span", { class: `result ${result}`, title: RESULTS[result].text }, RESULTS[result].mark);
}
