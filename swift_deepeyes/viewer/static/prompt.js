// One prompt: its other rollouts at the same step, and what became of it at other steps and in
// other runs.

const answerOf = (row) => (row.answer === null ? "no answer" : row.answer);
const toolUse = (row) => (row.crops ? plural(row.crops, "crop") : row.calls ? "failed calls" : "no call");

const bestFirst = (members) => [...members].sort((a, b) => compare(b.reward, a.reward) || a.position - b.position);
const isRight = (row) => row.result === "right";

// The other rollouts of the group, best first: what separates a good one from a bad one?
function groupStrip(row) {
  const members = bestFirst(rowsByGroup.get(row.group));
  if (members.length < 2) return null;
  return make("nav", { class: "group", "aria-label": "Rollouts of the same prompt" },
    make("h3", {}, "Rollouts of this prompt", make("span", { class: "faint" }, ` ${members.filter(isRight).length} of ${members.length} right${STEPS.length > 1 ? ` at ${stepText(row)}` : ""} · n and p move through them`)),
    make("div", { class: "members" }, members.map((member) => make("button", {
      type: "button", class: "member", "data-key": member.key, "aria-current": member === row ? "true" : null,
      title: `${answerOf(member)} · ${toolUse(member)} · ${member.id}`, onclick: () => select(member),
    },
    resultMark(member.result), make("b", {}, number(member.reward)),
    make("span", { class: "member-answer" }, answerOf(member)),
    member.crops > 0 && make("i", { class: "crop-mark", title: toolUse(member) })))));
}

// The rollout that speaks for its step: of the most frequent answer there, the best one.
function representative(members) {
  const answers = [...grouped(members, answerOf).values()].sort((a, b) => b.length - a.length);
  return bestFirst(answers[0])[0];
}

// The prompt's rollouts by run and step, in order: [{run, step, members}].
function historyOf(row) {
  const parts = [...grouped(rowsByPrompt.get(row.prompt), (member) => `${member.run} ${member.split} ${member.step}`).values()];
  return parts.map((members) => ({ run: members[0].run, step: members[0].step, split: members[0].split, members }))
    .sort((a, b) => a.run - b.run || a.step - b.step);
}

function answerCounts(members) {
  const answers = [...grouped(members, (member) => `${member.result} ${answerOf(member)}`).values()].sort((a, b) => b.length - a.length);
  return answers.slice(0, 4).map((same) => make("span", { class: "answer-count" }, resultMark(same[0].result), ` ${answerOf(same[0])}`, same.length > 1 && make("span", { class: "faint" }, ` × ${same.length}`)));
}

function historyLine(row, { run, step, split, members }) {
  const right = members.filter(isRight).length;
  const isHere = members.includes(row);
  const name = [isComparison && head.runs[run].name, differ((other) => other.split) && split, STEPS.length > 1 && `step ${step}`].filter(Boolean).join(" · ");
  return make("button", {
    type: "button", class: "history-line", "aria-current": isHere ? "true" : null,
    title: isHere ? "The step of this trajectory" : "Show it beside this trajectory",
    onclick: () => { if (!isHere) showBeside([row, representative(members)]); },
  },
  make("span", { class: isComparison ? `history-name of-run-${run}` : "history-name" }, name),
  make("span", { class: "bar", title: `${right} of ${members.length} right` }, make("i", { style: { width: `${100 * right / members.length}%` } })),
  make("span", { class: "number" }, `${right}/${members.length}`),
  make("span", { class: "history-answers" }, answerCounts(members)));
}

const MOST_BESIDE = 4;

// At most four of many, the first and the last among them.
function spread(items) {
  if (items.length <= MOST_BESIDE) return items;
  return Array.from({ length: MOST_BESIDE }, (_, at) => items[Math.round(at * (items.length - 1) / (MOST_BESIDE - 1))]);
}

// The same question at other steps: how the answer changed.
function historyElement(row) {
  const history = historyOf(row);
  if (history.length < 2) return null;
  const beside = () => showBeside(spread(history).map(({ members }) => representative(members)));
  return make("nav", { class: "history", "aria-label": "The same prompt at other steps" },
    make("h3", {}, isComparison ? "This prompt in all runs" : "This prompt over the steps", " ",
      make("button", { type: "button", class: "beside-all", onclick: beside }, "Show beside each other")),
    make("div", { class: "history-lines" }, history.map((part) => historyLine(row, part))));
}

// The trajectory of the same prompt in another run, of the nearest step and of the same place there.
function counterpart(row) {
  const others = rowsByPrompt.get(row.prompt).filter((other) => other.run !== row.run);
  if (!others.length) return null;
  const distance = (other) => Math.abs(other.step - row.step);
  const nearest = Math.min(...others.map(distance));
  const there = others.filter((other) => distance(other) === nearest && other.run === others.find((one) => distance(one) === nearest).run);
  const place = rowsByGroup.get(row.group).indexOf(row);
  return there[place % there.length];
}
