// What the right-hand side shows: one trajectory, or several beside each other; and its address.

const EMPTY_TEXT = "Choose a trajectory in the table; j and k move through it.";

const selection = { shown: [] };

function showChosen(chosen) {
  const place = find("detail");
  selection.shown = chosen;
  const details = chosen.map(detailOf);
  if (!chosen.length) place.replaceChildren(make("p", { class: "empty" }, EMPTY_TEXT));
  else if (details.includes(null)) {
    place.replaceChildren(make("p", { class: "empty" }, "The rest of the file is being read …"));
    whenRead(() => { if (selection.shown === chosen) showChosen(chosen); });
    return;
  } else if (chosen.length === 1) place.replaceChildren(...trajectoryElement(chosen[0], details[0]));
  else place.replaceChildren(...comparisonElement(chosen, details));
  place.classList.toggle("trajectory", chosen.length === 1);
  place.scrollTop = 0;
  table.marked = new Set(chosen);
  showRows(true);
}

// A row as the table shows it: of several runs, beside the same prompt in another one.
function withCounterpart(row) {
  const other = isComparison ? counterpart(row) : null;
  return other ? [row, other] : [row];
}

// Shows what the reader did not ask for by name: the address stays as it is.
function preview(row) {
  table.selected = row;
  showChosen(row ? withCounterpart(row) : []);
}

// Below each other on a narrow screen: what was asked for must come into view.
function bringIntoView() {
  if (getComputedStyle(find("workspace")).flexDirection === "column") find("detail").scrollIntoView({ block: "start" });
}

function goTo(chosen) {
  // Replaced, not pushed: the back button should leave the page, not walk through the table.
  history.replaceState(null, "", `#${chosen.map((row) => encodeURIComponent(row.key)).join("&")}`);
  table.selected = chosen[0];
  scrollToRow(chosen[0]);
  showChosen(chosen);
}

function select(row) {
  if (row) goTo([row]);
}

function showBeside(chosen) {
  goTo([...new Set(chosen)]);
  bringIntoView();
}

function openRow(row) {
  if (row) goTo(withCounterpart(row));
}

function move(by) {
  const at = table.shown.indexOf(table.selected);
  const next = at < 0 ? (by > 0 ? 0 : table.shown.length - 1) : at + by;
  openRow(table.shown[Math.max(0, Math.min(table.shown.length - 1, next))]);
}

function moveInGroup(by) {
  if (!table.selected) return;
  const members = bestFirst(rowsByGroup.get(table.selected.group));
  openRow(members[members.indexOf(table.selected) + by]);
}

function rowsOfAddress() {
  try {
    return location.hash.slice(1).split("&").map((part) => rowByKey.get(decodeURIComponent(part))).filter(Boolean);
  } catch {
    return []; // a hash that is no valid encoding
  }
}

const openingPair = () => (head.pair || []).map((key) => rowByKey.get(key)).filter(Boolean);
