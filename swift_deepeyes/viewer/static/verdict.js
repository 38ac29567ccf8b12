// Who judged the answer and how, and what it earned.

const DECIDERS = {
  server: "the judge server", cache: "the judge server, from the cache", rule: "the rules",
  rule_after_unreadable: "the rules, as the judge's reply could not be read",
  rule_after_failure: "the rules, as the judge failed",
};

function judgeElement(row, detail) {
  const verdict = detail.verdict;
  if (!verdict) {
    const text = row.result === "unjudged" ? "Nothing could judge this answer." : "The rules settled it without a judge.";
    return make("section", { class: "judge" }, make("h3", {}, "Verdict"), make("p", {}, text));
  }
  return make("section", { class: "judge" }, make("h3", {}, "Verdict"),
    make("p", {}, make("b", {}, words(verdict.outcome)), `, decided by ${DECIDERS[verdict.by] || words(verdict.by)}`),
    verdict.reply !== null && make("blockquote", {}, verdict.reply));
}

function scoreTable(detail) {
  const named = (values) => Object.entries(values).filter(([name, value]) => name !== "advantage" || value !== null).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", { class: "number" }, number(value, 3))));
  return make("section", { class: "scores" }, make("h3", {}, "Rewards"),
    make("table", {}, make("tbody", {}, named(detail.scores), named(detail.rewards))));
}
