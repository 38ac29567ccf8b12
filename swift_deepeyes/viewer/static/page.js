// The page comes to life: its head, the keyboard, light and dark.

const KEYS = [
  ["j  k", "next, previous trajectory"], ["n  p", "next, previous rollout of the same prompt"],
  ["o", "the pair that the page opened on"], ["/", "search"], ["c", "curves"], ["s", "settings of the run"],
  ["Esc", "leave the search, close the image"],
];

function toggleCurves() {
  const section = find("curves");
  section.hidden = !section.hidden;
  showRows(true);
}

function toggleTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
}

const ACTIONS = {
  j: () => move(1), k: () => move(-1), n: () => moveInGroup(1), p: () => moveInGroup(-1),
  o: () => { if (openingPair().length) showBeside(openingPair()); },
  c: toggleCurves, s: toggleSettings, "/": () => find("search").focus(),
};

function onKey(event) {
  if (event.key === "Escape" && event.target.id === "search") { event.target.blur(); return; }
  const isTyping = /^(SELECT|TEXTAREA)$/.test(event.target.tagName) || (event.target.tagName === "INPUT" && event.target.type !== "range");
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping) return;
  const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : null;
  if (!action) return;
  event.preventDefault();
  action();
}

// The minute is enough; what is no ISO date is shown as it is.
const startedText = ({ started }) => (started && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(started) ? started.slice(0, 16).replace("T", " ") : started);

function showHead() {
  const name = head.runs.map((run) => run.name).join("  ·  ");
  document.title = `${name} · swift-deepeyes`;
  fill(find("title"), { title: name }, [name]);
  const [run] = head.runs;
  const facts = isComparison
    ? [`${head.runs.length} runs`, plural(rows.length, "trajectory")]
    : [run.kind, startedText(run), plural(run.logged, "trajectory"), STEPS.length > 1 && `steps ${STEPS[0]} to ${STEPS[STEPS.length - 1]}`];
  find("subtitle").textContent = facts.filter(Boolean).join(" · ");
  if (head.notes.length) {
    const notes = find("notes");
    notes.hidden = false;
    notes.querySelector("summary").textContent = plural(head.notes.length, "note");
    notes.querySelector("ul").append(...head.notes.map((note) => make("li", {}, note)));
  }
  for (const [keys, meaning] of KEYS) find("help").querySelector("dl").append(make("dt", {}, keys), make("dd", {}, meaning));
}

// What the address names, else a telling pair, else the first row.
function showFirst() {
  const asked = rowsOfAddress();
  if (asked.length) goTo(asked);
  else if (openingPair().length) {
    showChosen(openingPair());
    scrollToRow(openingPair()[0]);
  }
  else preview(table.shown[0] || null);
}

function start() {
  showHead();
  showSettings(find("settings"));
  showCurves(find("curves"), (step) => { if (STEPS.length > 1) chooseStep(step, updateTable); });
  Object.assign(table, { open: (row) => { openRow(row); bringIntoView(); }, preview });
  showFilters(find("filters"), updateTable);
  showHeader(updateTable);
  listRows();
  showFirst();
  find("scroller").addEventListener("scroll", () => showRows(false), { passive: true });
  addEventListener("resize", () => showRows(true));
  addEventListener("keydown", onKey);
  addEventListener("hashchange", () => { const asked = rowsOfAddress(); if (asked.length) goTo(asked); });
  find("toggle-curves").addEventListener("click", toggleCurves);
  find("toggle-settings").addEventListener("click", toggleSettings);
  find("toggle-theme").addEventListener("click", toggleTheme);
  // Two frames later the first table has been painted; the tests read this mark.
  requestAnimationFrame(() => requestAnimationFrame(() => performance.mark("first-table")));
}

start();
