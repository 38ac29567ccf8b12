// The table of trajectories. Only the rows in view exist as elements, whatever the number of rows.

const ROW_HEIGHT = 30; // pixels; style.css says the same
const SPARE_ROWS = 8;

const differ = (valueOf) => rows.some((row) => valueOf(row) !== valueOf(rows[0]));
const kindOf = (row) => row.category || row.source;

// What tells nothing apart has no column: one run, one source.
const COLUMNS = [
  isComparison && { title: "Run", class: "run", sort: (row) => row.run, cell: (row) => make("span", { class: `of-run-${row.run}`, title: head.runs[row.run].name }, head.runs[row.run].name) },
  STEPS.length > 1 && { title: "Step", class: "number step", sort: (row) => row.step, cell: (row) => row.step },
  { title: "Question", class: "asked", sort: (row) => row.question, cell: (row) => make("span", { title: row.question }, row.question) },
  { title: "Answer", class: "said", sort: (row) => `${["wrong", "unjudged", "right"].indexOf(row.result)}${row.answer}`, cell: answerCell },
  { title: "Reward", class: "number", sort: (row) => row.reward, cell: (row) => number(row.reward) },
  { title: "Crops", class: "number", sort: (row) => row.crops, cell: (row) => row.crops || make("span", { class: "faint" }, "0") },
  { title: "Errors", class: "errors", sort: (row) => row.failed * 100 + row.format.length, cell: errorCell },
  { title: "Stop", class: "stop", sort: (row) => row.stop, cell: (row) => words(row.stop || "") },
  differ(kindOf) && { title: "Source", class: "source", sort: (row) => row.source, cell: kindOf },
  { title: "Turns", class: "number", sort: (row) => row.turns, cell: (row) => row.turns },
  // Accuracy is the mark beside the answer; every other term of the reward has a column.
  ...head.terms.map((name) => ({ title: capitalised(words(name)), class: "number", sort: (row) => row.terms[name], cell: (row) => number(row.terms[name]) })),
].filter(Boolean);
const SORT_KEYS = Object.fromEntries(COLUMNS.map((column) => [column.title, column.sort]));

function answerCell(row) {
  const answer = row.answer === null ? make("em", {}, "none") : row.answer;
  return [resultMark(row.result), " ", make("span", { title: `${row.answer} (reference: ${row.reference})` }, answer)];
}

function errorCell(row) {
  const tool = row.errors.map((error) => words(error)).join(", ");
  const format = row.format.map((error) => words(error)).join(", ");
  return [
    tool && make("span", { class: "tool-error", title: `tool: ${tool}` }, tool),
    format && make("span", { class: "format-error", title: `format: ${format}` }, format),
  ];
}

const table = { shown: rows, selected: null, marked: new Set(), open: () => {}, preview: () => {}, first: -1, last: -1 };

function showHeader(changed) {
  const row = make("tr", {});
  for (const column of COLUMNS) {
    const sort = () => {
      // First click: large numbers first, texts from A; second: reversed; third: the log's order.
      const startsDescending = column.class === "number" || column.class === "errors";
      if (order.key !== column.title) Object.assign(order, { key: column.title, descending: startsDescending });
      else if (order.descending === startsDescending) order.descending = !startsDescending;
      else order.key = null;
      changed();
    };
    row.append(make("th", { class: column.class, scope: "col" }, make("button", { type: "button", onclick: sort }, column.title)));
  }
  find("table").tHead.append(row);
}

function markOrder() {
  COLUMNS.forEach((column, at) => {
    const isSorted = order.key === column.title;
    const direction = order.descending ? "descending" : "ascending";
    find("table").tHead.rows[0].cells[at].setAttribute("aria-sort", isSorted ? direction : "none");
  });
}

function rowElement(row) {
  const isMarked = table.marked.has(row);
  return make("tr", { "data-key": row.key, class: isMarked && "selected", "aria-selected": isMarked ? "true" : "false", onclick: () => table.open(row) },
    COLUMNS.map((column) => make("td", { class: column.class }, column.cell(row))));
}

const spacer = (count) => make("tr", { class: "spacer" }, make("td", { colspan: COLUMNS.length, style: { height: `${count * ROW_HEIGHT}px` } }));

function showRows(force) {
  const scroller = find("scroller");
  const first = Math.max(0, Math.floor(scroller.scrollTop / ROW_HEIGHT) - SPARE_ROWS);
  const last = Math.min(table.shown.length, first + Math.ceil(scroller.clientHeight / ROW_HEIGHT) + 2 * SPARE_ROWS);
  if (!force && first === table.first && last === table.last) return;
  Object.assign(table, { first, last });
  const elements = table.shown.slice(first, last).map(rowElement);
  find("table").tBodies[0].replaceChildren(spacer(first), ...elements, spacer(table.shown.length - last));
}

function scrollToRow(row) {
  const at = table.shown.indexOf(row);
  if (at < 0) return;
  const scroller = find("scroller");
  const header = find("table").tHead.offsetHeight;
  const [top, bottom] = [at * ROW_HEIGHT, (at + 1) * ROW_HEIGHT];
  const room = scroller.clientHeight - header;
  const isFar = top < scroller.scrollTop - room || bottom > scroller.scrollTop + 2 * room;
  if (isFar) scroller.scrollTop = top - room / 2;
  else if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (bottom > scroller.scrollTop + room) scroller.scrollTop = bottom - room;
}

const share = (count, of) => (of ? percent(count / of) : "–");

// What rows have in common: the sentence that answers "why".
function commonFacts(shown) {
  const judged = shown.filter((row) => row.result !== "unjudged");
  const withTool = shown.filter((row) => row.hasTool);
  return [
    ["right", share(judged.filter((row) => row.result === "right").length, judged.length)],
    ["with a crop", share(withTool.filter((row) => row.crops > 0).length, withTool.length)],
    ["never called", share(withTool.filter((row) => row.calls === 0).length, withTool.length)],
    ["format errors", share(shown.filter((row) => row.format.length > 0).length, shown.length)],
  ];
}

function frequentErrors(shown) {
  const errors = new Map();
  for (const row of shown) for (const error of row.errors) errors.set(error, (errors.get(error) || 0) + 1);
  return [...errors].sort((a, b) => b[1] - a[1]).slice(0, 4).map(([error, count]) => [words(error), count.toLocaleString("en")]);
}

function showSummary() {
  const { shown } = table;
  const part = ([label, value]) => make("span", {}, make("b", {}, value), ` ${label}`);
  const all = shown.length === rows.length ? "trajectories" : `of ${rows.length.toLocaleString("en")} trajectories`;
  const count = part([all, shown.length.toLocaleString("en")]);
  if (!isComparison) {
    find("summary").replaceChildren(count, ...[...commonFacts(shown), ...frequentErrors(shown)].map(part));
    return;
  }
  const ofRun = (run, at) => make("span", { class: "summary-of-run" }, make("span", { class: `of-run-${at}` }, run.name), commonFacts(shown.filter((row) => row.run === at)).map(part));
  find("summary").replaceChildren(count, ...head.runs.map(ofRun));
}

function listRows() {
  table.shown = chosenRows(SORT_KEYS);
  pinStep(wanted.from !== null && wanted.from === wanted.to ? wanted.from : null);
  markOrder();
  showSummary();
  find("scroller").scrollTop = 0;
  showRows(true);
}

function updateTable() {
  listRows();
  if (![...table.marked].some((row) => table.shown.includes(row))) table.preview(table.shown[0] || null);
}
