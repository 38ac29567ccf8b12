// One trajectory: what was asked, what the images show, what the model did, who judged it and how.

function badge(text, kind) {
  return make("span", { class: `badge ${kind || ""}` }, text);
}

// The first paragraph is the question; options and the like follow in smaller letters.
function questionTitle(question) {
  const [first, ...rest] = question.trim().split("\n");
  if (!first) return make("h2", { class: "question" }, make("em", {}, "The question is not logged"));
  return make("h2", { class: "question" }, first, rest.length > 0 && make("span", { class: "options" }, rest.join("\n").trim()));
}

function answerLine(row, detail) {
  const answer = detail.answer === null ? make("em", {}, "none") : detail.answer;
  return make("p", { class: "answer-line" }, resultMark(row.result), " ",
    make("span", { class: "faint" }, "answered "), make("b", { class: "answer-text" }, answer),
    make("span", { class: "faint" }, row.result === "right" ? " · reference " : " · right is "), make("span", { class: "reference" }, detail.reference || "–"));
}

function titleLine(row, detail) {
  const link = make("a", { class: "trajectory-id", href: `#${encodeURIComponent(row.key)}`, title: "Link to this trajectory" }, row.id);
  const facts = [isComparison && head.runs[row.run].name, stepText(row), row.split, row.source, row.category, detail.index !== null && `row ${detail.index}`, `rank ${detail.rank}`];
  return make("header", { class: "detail-head" },
    questionTitle(detail.question),
    answerLine(row, detail),
    make("p", { class: "badges" },
      badge(`reward ${number(row.reward)}`, "strong"),
      row.advantage !== null && badge(`advantage ${number(row.advantage)}`),
      badge(words(row.stop || "no stop reason"), row.stop === "answered" ? "" : "warn"),
      badge(plural(row.turns, "turn")), badge(plural(row.crops, "crop")),
      row.errors.map((error) => badge(words(error), "bad")),
      row.format.map((error) => badge(`format: ${words(error)}`, "bad"))),
    make("p", { class: "facts faint" }, facts.filter(Boolean).join(" · "), " · ", link));
}

// View, source and crops in one row: that the detail is in the crop alone is seen at a glance.
function pictureRow(detail) {
  const sources = Array.from({ length: detail.sources }, (_, source) => sourceFigures(detail, source)).flat();
  const crops = cropsOf(detail).map(({ call, turn }) => cropFigure(detail, call, turn, { named: true }));
  return make("div", { class: "pictures", style: { "--figures": Math.min(4, Math.max(2, sources.length + crops.length)) } }, sources, crops);
}

function trajectoryElement(row, detail) {
  return [
    titleLine(row, detail),
    groupStrip(row),
    pictureRow(detail),
    make("div", { class: "turns" }, promptElement(detail), detail.turns.map((turn, at) => turnCard(detail, turn, at))),
    make("div", { class: "outcome" }, judgeElement(row, detail), scoreTable(detail)),
    historyElement(row),
  ].filter(Boolean);
}
