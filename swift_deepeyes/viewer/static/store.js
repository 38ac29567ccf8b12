// The page's data. Rows are there at once; details and images stand further down in the file and
// are parsed when they are first wanted, which may be before the browser has read that far.

const head = JSON.parse(find("head").textContent);
const rows = head.rows;
rows.forEach((row, position) => { row.position = position; });

const isComparison = head.runs.length > 1;
const rowByKey = new Map(rows.map((row) => [row.key, row]));

function grouped(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}

const rowsByGroup = grouped(rows, (row) => row.group);
const rowsByPrompt = grouped(rows, (row) => row.prompt);

// A block is complete once something follows it: the parser may have stopped in its middle.
function block(identifier) {
  const element = find(identifier);
  const isComplete = element && (element.nextSibling || document.readyState !== "loading");
  return isComplete ? JSON.parse(element.textContent) : null;
}

const blocks = new Map();
function keptBlock(identifier) {
  if (!blocks.has(identifier)) {
    const value = block(identifier);
    if (value === null) return null;
    blocks.set(identifier, value);
  }
  return blocks.get(identifier);
}

// Null while the file is still being read.
function detailOf(row) {
  const details = keptBlock(`details-${Math.floor(row.position / head.perBlock)}`);
  return details && details[row.position % head.perBlock];
}

const sharedText = (index) => (keptBlock("texts") || [])[index];

function whenRead(action) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", action, { once: true });
  else action();
}

// A copy among the page's images: its state, and the width and height of its file.
function copyAt(index, logged) {
  const [state, width, height] = index === null || index === undefined ? ["missing", 0, 0] : head.images[index];
  // Where the file tells no size, the log may.
  return { state, width: width || logged[0], height: height || logged[1], index };
}

// An image of a conversation, by its place there: the file's copy, the copy of the model's view
// (null: none of its own), and the size of that view (null: not known).
function imageIn(detail, place) {
  const logged = detail.sizes[place] || [0, 0];
  const hasView = detail.views[place] !== null && detail.views[place] !== undefined;
  const view = hasView ? copyAt(detail.views[place], logged) : null;
  const hasFile = detail.images[place] !== null && detail.images[place] !== undefined;
  const file = hasFile || !view ? copyAt(detail.images[place], logged) : view;
  return { file, view, viewSize: detail.viewSizes[place] || null };
}

// Data URIs stay in their block: the browser's own image cache is what needs to be quick.
function withData(copy, use) {
  const data = block(`image-${copy.index}`);
  if (data !== null) use(data);
  else whenRead(() => { const late = block(`image-${copy.index}`); if (late) use(late); });
}

const NOT_SHOWN = {
  over_budget: "not embedded: the page's size limit was reached",
  missing: "the image file is missing",
  unreadable: "the image file cannot be read",
};

// Everything a search looks at, made once per trajectory.
const haystacks = new Map();
function haystackOf(row) {
  let text = haystacks.get(row.position);
  if (text !== undefined) return text;
  const detail = detailOf(row);
  const parts = [row.id, row.source, row.category, row.stop, ...row.errors, ...row.format];
  if (detail) {
    parts.push(detail.question, detail.answer, detail.reference, detail.verdict && detail.verdict.reply);
    for (const turn of detail.turns) parts.push(turn.text, turn.observation);
  }
  text = parts.filter(Boolean).join("\n").toLowerCase();
  if (detail) haystacks.set(row.position, text);
  return text;
}
