// The conversation: one card per turn, with its calls, its crops and what it got back.

function boxText(numbers) {
  return numbers ? `[${numbers.map((side) => number(side, 1)).join(", ")}]` : "";
}

function callLine(detail, call) {
  const isOk = call.status === "ok";
  const parts = [make("span", { class: isOk ? "status ok" : call.status === "not_run" ? "status faint" : "status bad" }, words(call.status))];
  parts.push(make("code", {}, call.name === null ? "unreadable call" : call.name));
  if (call.label !== null) parts.push(make("span", { class: "label" }, `“${call.label}”`));
  if (call.box) {
    const on = call.imageIndex < detail.sources ? `image ${call.imageIndex}` : `crop ${call.imageIndex - detail.sources + 1}`;
    parts.push(make("span", { class: "faint" }, `${boxText(call.box)} in ${on} (${words(call.frame)}), ${boxText(call.sourceBox)} in the source`));
  } else if (isOk && call.crop !== null) parts.push(make("span", { class: "faint" }, "no rectangle of the source"));
  return make("li", {}, parts);
}

// Where the calls failed, the observation is the error that the model read.
function observationElement(turn) {
  if (turn.observation === null) return null;
  const failed = turn.calls.some((call) => call.status !== "ok" && call.status !== "not_run");
  return make("details", { class: failed ? "observation bad" : "observation", open: failed },
    make("summary", {}, failed ? "Observation, with an error" : "Observation"), taggedText(turn.observation, ENGINE_TAGS));
}

function lightUp(turn, isOn) {
  for (const box of find("detail").querySelectorAll(".box")) {
    box.classList.toggle("dimmed", isOn && Number(box.dataset.turn) !== turn);
  }
}

function turnCard(detail, turn, at) {
  const crops = turn.calls.filter((call) => call.crop !== null);
  return make("section", {
    class: "turn", "data-turn": at, style: { "--turn": colourOf(at) },
    onmouseenter: () => lightUp(at, true), onmouseleave: () => lightUp(at, false),
  },
  make("h3", {}, `Turn ${at + 1}`, detail.tokens[at] !== undefined && make("span", { class: "faint" }, ` ${plural(detail.tokens[at], "token")}`)),
  make("div", { class: "turn-body" },
    make("div", { class: "turn-text" },
      taggedText(turn.text),
      turn.calls.length > 0 && make("ul", { class: "calls" }, turn.calls.map((call) => callLine(detail, call))),
      observationElement(turn)),
    crops.length > 0 && make("div", { class: "crops" }, crops.map((call) => [regionFigure(detail, call, at), cropFigure(detail, call, at)]))));
}

function promptElement(detail) {
  if (!detail.prompt.length) return null;
  return make("details", { class: "prompt" }, make("summary", {}, "Prompt"),
    detail.prompt.map(([role, text]) => make("div", {}, make("h4", {}, role), taggedText(sharedText(text) || "", ENGINE_TAGS))));
}
