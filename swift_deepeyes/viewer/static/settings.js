// What each run was: its settings as the log has them; of several runs, what differs stands first.

function settingRows() {
  const names = [...new Set(head.runs.flatMap((run) => Object.keys(run.settings)))];
  const valuesOf = (name) => head.runs.map((run) => (Object.hasOwn(run.settings, name) ? run.settings[name] : null));
  const all = names.map((name) => ({ name, values: valuesOf(name) }));
  const differs = ({ values }) => values.some((value) => value !== values[0]);
  return [...all.filter(differs), ...all.filter((row) => !differs(row))].map((row) => ({ ...row, differs: differs(row) }));
}

function factRows() {
  const steps = (run) => (run.steps[0] === run.steps[1] ? null : `${run.steps[0]} to ${run.steps[1]}`);
  const facts = { kind: (run) => run.kind, started: startedText, steps, trajectories: (run) => run.logged.toLocaleString("en") };
  return Object.entries(facts).map(([name, fact]) => ({ name, values: head.runs.map(fact), differs: false }))
    .filter(({ values }) => values.some(Boolean));
}

function showSettings(panel) {
  const line = ({ name, values, differs }) => make("div", { class: isComparison && differs ? "setting differs" : "setting" },
    make("dt", {}, name), values.map((value) => make("dd", {}, value === null || value === undefined ? "–" : value)));
  const names = isComparison && make("div", { class: "setting names" }, make("dt", {}, "Run"), head.runs.map((run, at) => make("dd", { class: `of-run-${at}` }, run.name)));
  const hasSettings = head.runs.some((run) => Object.keys(run.settings).length);
  panel.append(make("dl", { style: { "--runs": head.runs.length } }, names, factRows().map(line), settingRows().map(line)));
  if (!hasSettings) panel.append(make("p", { class: "faint" }, "The log has no settings (run.json)."));
}

function toggleSettings() {
  const panel = find("settings");
  panel.hidden = !panel.hidden;
  find("toggle-settings").setAttribute("aria-expanded", String(!panel.hidden));
}
