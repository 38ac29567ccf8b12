// Trajectories beside each other, short: what each saw, cut out, wrote and answered.

const whyNoCrop = (row) => (row.calls ? "its calls failed" : row.hasTool ? "it never looked closer" : "it has no tool");

function columnPictures(row, detail) {
  const figures = Array.from({ length: Math.min(detail.sources, 2) }, (_, source) => sourceFigures(detail, source)[0]);
  const crops = cropsOf(detail).slice(0, 2).map(({ call, turn }) => cropFigure(detail, call, turn, { named: true }));
  const none = make("figure", { class: "no-crop" }, make("figcaption", { class: "above" }, "No crop"), make("p", {}, whyNoCrop(row)));
  const all = [...figures, ...(crops.length ? crops : [none])];
  return make("div", { class: "pictures", style: { "--figures": Math.min(3, all.length) } }, all);
}

function columnTurn(detail, turn, at) {
  const failed = turn.calls.filter((call) => call.status !== "ok" && call.status !== "not_run");
  return make("div", { class: "turn", "data-turn": at, style: { "--turn": colourOf(at) } }, taggedText(turn.text),
    failed.length > 0 && make("ul", { class: "calls" }, failed.map((call) => callLine(detail, call))));
}

function columnElement(row, detail) {
  const where = [isComparison && head.runs[row.run].name, stepText(row), differ((other) => other.split) && row.split].filter(Boolean).join(" · ");
  return make("section", { class: `column ${row.result}`, "data-key": row.key },
    make("header", {},
      make("p", { class: "verdict-line" }, resultMark(row.result), " ", make("b", {}, answerOf(row)), make("span", { class: "faint" }, ` reward ${number(row.reward)}`)),
      make("p", { class: "faint" }, where && [make("span", { class: isComparison && `of-run-${row.run}` }, where), " · "], `${toolUse(row)} `,
        make("a", { href: `#${encodeURIComponent(row.key)}` }, "whole trajectory"))),
    columnPictures(row, detail),
    make("div", { class: "turns" }, detail.turns.map((turn, at) => columnTurn(detail, turn, at))));
}

// What the rows have in common and what tells them apart, in one line.
function relation(chosen) {
  const same = (valueOf) => chosen.every((row) => valueOf(row) === valueOf(chosen[0]));
  const count = chosen.length === 2 ? "Two" : String(chosen.length);
  const what = same((row) => row.prompt) ? "rollouts of this prompt" : "trajectories of different prompts";
  const step = same((row) => row.step) ? stepText(chosen[0]) && `at ${stepText(chosen[0])}` : "at different steps";
  const where = same((row) => row.run) ? step : "in different runs";
  return [`${count} ${what}`, where].filter(Boolean).join(", ");
}

function comparisonElement(chosen, details) {
  const samePrompt = chosen.every((row) => row.prompt === chosen[0].prompt);
  const sameQuestion = details.every((detail) => detail.question === details[0].question);
  const reference = samePrompt && details[0].reference ? ` · right is “${details[0].reference}”` : "";
  return [
    make("header", { class: "detail-head" },
      sameQuestion ? questionTitle(details[0].question) : make("h2", {}, "Different prompts, beside each other"),
      make("p", { class: "faint" }, relation(chosen), reference)),
    make("div", { class: chosen.length > 2 ? "beside many" : "beside", style: { "--columns": chosen.length } }, chosen.map((row, at) =>
      make("div", { class: "beside-part" }, !sameQuestion && make("h3", { class: "column-question" }, details[at].question), columnElement(row, details[at])))),
    isComparison && samePrompt && historyElement(chosen[0]),
  ].filter(Boolean);
}
