// A crop as the model got it, and beside it the same region in the view that it had before: what
// the zoom was for. A crop that is not embedded is cut from the source's copy, and says so.

function cutOut(copy, box, name, isPixelated) {
  const [left, top, right, bottom] = box;
  const image = draw("image", { width: copy.width, height: copy.height, preserveAspectRatio: "none", class: isPixelated && "pixels" });
  withData(copy, (data) => image.setAttribute("href", data));
  return draw("svg", {
    class: name, viewBox: `${left} ${top} ${right - left} ${bottom - top}`, preserveAspectRatio: "none",
    style: { "aspect-ratio": `${right - left} / ${bottom - top}`, "--ratio": (right - left) / (bottom - top) },
  }, image);
}

const plate = (colour, text) => make("span", { class: "plate", style: { background: colour, color: inkOn(colour) } }, text);

// What is drawn of a crop, and what must be said about it.
function cropPicture(detail, call, file, viewSize) {
  if (file.state === "embedded") {
    const image = make("img", { alt: "crop", decoding: "async", class: pixelated(viewSize || [file.width, file.height]) && "pixels" });
    withData(file, (data) => { image.src = data; });
    return [image, null];
  }
  const source = call.source === null ? null : imageIn(detail, call.source).file;
  if (source && source.state === "embedded" && call.sourceBox) {
    return [cutOut(source, call.sourceBox, "recut", false), `cut from the copy of the source: ${NOT_SHOWN[file.state]}`];
  }
  return [make("p", { class: "absent" }, NOT_SHOWN[file.state]), null];
}

function cropFigure(detail, call, turn, { named = false } = {}) {
  const { file, viewSize } = imageIn(detail, call.crop);
  const colour = colourOf(turn);
  const [picture, remark] = cropPicture(detail, call, file, viewSize);
  const size = sizeText(call.cropSize) || "";
  const isSmaller = viewSize && call.cropSize && viewSize[0] < 0.95 * call.cropSize[0];
  const told = isSmaller ? `${size}, seen at ${sizeText(viewSize)}` : size;
  const name = call.crop - detail.sources + 1;
  return make("figure", { class: "crop", style: { "--turn": colour } },
    named && make("figcaption", { class: "above" }, `Crop ${name}`),
    make("div", { class: "crop-picture" }, plate(colour, name), picture),
    make("figcaption", {}, told, remark && make("span", { class: "remark" }, remark)));
}

// The region of a crop in the model's view of the source; null where the page holds no such view,
// or where the crop shows no more than the view did.
function regionFigure(detail, call, turn) {
  if (call.source === null || !call.sourceBox || call.imageIndex >= detail.sources) return null;
  const { view, viewSize } = imageIn(detail, call.source);
  if (!view || view.state !== "embedded" || !viewSize || !view.width) return null;
  const [left, top, right, bottom] = call.sourceBox;
  const size = [Math.round((right - left) * viewSize[0] / view.width), Math.round((bottom - top) * viewSize[1] / view.height)];
  const crop = imageIn(detail, call.crop).viewSize || call.cropSize;
  if (!crop || crop[0] < 1.2 * size[0]) return null;
  return make("figure", { class: "crop region", style: { "--turn": colourOf(turn) } },
    make("div", { class: "crop-picture" }, cutOut(view, call.sourceBox, "in-view", pixelated(size))),
    make("figcaption", {}, `before: ${sizeText(size)} of the view`));
}

// All crops of a trajectory, in order, each with its call and turn.
const cropsOf = (detail) => detail.turns.flatMap((turn, at) => turn.calls.filter((call) => call.crop !== null).map((call) => ({ call, turn: at })));
