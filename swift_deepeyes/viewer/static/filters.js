// What the table shows and in which order.

const ANY = "";
const distinct = (values) => [...new Set(values.filter((value) => value !== null && value !== undefined))].sort();

const TOOL_USE = {
  "with a crop": (row) => row.crops > 0,
  "called, no crop": (row) => row.calls > 0 && row.crops === 0,
  "never called": (row) => row.hasTool && row.calls === 0,
  "with a failed call": (row) => row.failed > 0,
};

// Each filter: its label, its options, and whether a row matches the chosen option.
const FILTERS = [
  { name: "run", label: "Run", options: isComparison ? head.runs.map((_, at) => String(at)) : [], told: (at) => head.runs[at].name, matches: (row, value) => row.run === Number(value) },
  { name: "source", label: "Source", options: distinct(rows.map((row) => row.source)), matches: (row, value) => row.source === value },
  { name: "category", label: "Category", options: distinct(rows.map((row) => row.category)), matches: (row, value) => row.category === value },
  { name: "split", label: "Split", options: distinct(rows.map((row) => row.split)), matches: (row, value) => row.split === value },
  { name: "result", label: "Result", options: Object.keys(RESULTS).filter((result) => rows.some((row) => row.result === result)), matches: (row, value) => row.result === value },
  { name: "tool", label: "Tool", options: Object.keys(TOOL_USE), matches: (row, value) => TOOL_USE[value](row) },
  { name: "error", label: "Tool error", options: distinct(rows.flatMap((row) => row.errors)), matches: (row, value) => row.errors.includes(value) },
  { name: "stop", label: "Stop", options: distinct(rows.map((row) => row.stop)), matches: (row, value) => row.stop === value },
  { name: "format", label: "Format", options: ["any error", ...distinct(rows.flatMap((row) => row.format))], matches: (row, value) => (value === "any error" ? row.format.length > 0 : row.format.includes(value)) },
].filter((filter) => filter.options.length > (filter.name === "format" || filter.name === "error" ? 0 : 1));

const STEPS = distinct(rows.map((row) => row.step).map(String)).map(Number).sort((a, b) => a - b);

// Null where nothing has more than one: an evaluation has no steps.
const stepText = (row) => (STEPS.length > 1 ? `step ${row.step}` : null);

const wanted = { from: null, to: null, text: "", reward: null, choices: new Map() };
const order = { key: null, descending: false };

function isWanted(row, text) {
  if (wanted.from !== null && row.step < wanted.from) return false;
  if (wanted.to !== null && row.step > wanted.to) return false;
  if (wanted.reward !== null && !(row.reward >= wanted.reward.low && row.reward <= wanted.reward.high)) return false;
  for (const [filter, value] of wanted.choices) if (!filter.matches(row, value)) return false;
  return !text || haystackOf(row).includes(text);
}

function compare(first, second) {
  if (first === second) return 0;
  // What has no value stands last in both directions.
  if (first === null || first === undefined) return 2;
  if (second === null || second === undefined) return -2;
  return first < second ? -1 : 1;
}

function chosenRows(sortKeys) {
  const text = wanted.text.trim().toLowerCase();
  const chosen = rows.filter((row) => isWanted(row, text));
  if (order.key === null) return chosen;
  const value = sortKeys[order.key];
  const sign = order.descending ? -1 : 1;
  return chosen.sort((a, b) => {
    const by = compare(value(a), value(b));
    return (Math.abs(by) === 2 ? by : sign * by) || a.position - b.position;
  });
}

// Its first option is its name: a filter that is not in use needs no more room than that.
function dropdown(label, options, onchange, extra, written = words) {
  const use = (event) => {
    event.target.classList.toggle("in-use", event.target.value !== ANY);
    onchange(event.target.value);
  };
  return make("select", { "aria-label": label, title: label, onchange: use, ...extra },
    make("option", { value: ANY }, label), options.map((option) => make("option", { value: option }, written(option))));
}

function stepSelect(label, end, changed) {
  return dropdown(label, STEPS, (value) => { wanted[end] = value === ANY ? null : Number(value); changed(); }, { id: `step-${end}` }, (step) => `${end} ${step}`);
}

function rewardSelect(changed) {
  const bounds = { "over 1": [1.0001, Infinity], "0 to 1": [0, 1], "under 0": [-Infinity, -0.0001] };
  return dropdown("Reward", Object.keys(bounds), (value) => {
    wanted.reward = value === ANY ? null : { low: bounds[value][0], high: bounds[value][1] };
    changed();
  }, { id: "filter-reward" });
}

function showFilters(form, changed) {
  let pause = 0;
  const search = make("input", {
    type: "search", id: "search", placeholder: "Search in all texts  ( / )", "aria-label": "Search", autocomplete: "off",
    oninput: (event) => {
      clearTimeout(pause);
      pause = setTimeout(() => { wanted.text = event.target.value; whenRead(changed); }, 120);
    },
  });
  form.append(search);
  if (STEPS.length > 1) form.append(stepSelect("From step", "from", changed), stepSelect("To step", "to", changed));
  for (const filter of FILTERS) {
    form.append(dropdown(filter.label, filter.options, (value) => {
      if (value === ANY) wanted.choices.delete(filter);
      else wanted.choices.set(filter, value);
      changed();
    }, { id: `filter-${filter.name}` }, filter.told));
  }
  form.append(rewardSelect(changed), make("button", { type: "reset" }, "Clear"));
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    Object.assign(wanted, { from: null, to: null, text: "", reward: null });
    wanted.choices.clear();
    for (const element of form.querySelectorAll(".in-use")) element.classList.remove("in-use");
    setTimeout(changed); // after the fields themselves were cleared
  });
}

function chooseStep(step, changed) {
  const isChosen = wanted.from === step && wanted.to === step;
  wanted.from = wanted.to = isChosen ? null : step;
  for (const end of ["from", "to"]) {
    find(`step-${end}`).value = isChosen ? ANY : String(step);
    find(`step-${end}`).classList.toggle("in-use", !isChosen);
  }
  changed();
}
