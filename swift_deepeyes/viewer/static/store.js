// The page's data. Rows are there at once; details and images stand further down in the file and
// are parsed when they are first wanted, which may be before the browser has read that far.

const head = JSON.parse(find("head").textContent);
const rows = head.rows;
rows.forEach((row, position) => { row.position = position; });

const rowById = new Map(rows.map((row) => [row.id, row]));
const rowsByGroup = new Map();
for (const row of rows) {
  if (!rowsByGroup.has(row.group)) rowsByGroup.set(row.group, []);
  rowsByGroup.get(row.group).push(row);
}

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

// Data URIs stay in their block: the browser's own image cache is what needs to be quick.
function imageIn(detail, image) {
  const index = detail.images[image];
  const [state, width, height] = index === null || index === undefined ? ["missing", 0, 0] : head.images[index];
  // Where the file tells no size, the log may.
  const logged = detail.sizes[image] || [0, 0];
  return { state, width: width || logged[0], height: height || logged[1], index };
}

function withData(pageImage, use) {
  const data = block(`image-${pageImage.index}`);
  if (data !== null) use(data);
  else whenRead(() => { const late = block(`image-${pageImage.index}`); if (late) use(late); });
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
