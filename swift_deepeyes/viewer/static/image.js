// A source image with the boxes that were cut out of it: as the model saw it, and as it is. Boxes
// count pixels of the source file, and so does the overlay's coordinate system; the copy that the
// page holds may be smaller and is only stretched.

function boxesOn(detail, source) {
  const boxes = [];
  detail.turns.forEach((turn, at) => turn.calls.forEach((call) => {
    if (call.sourceBox && call.source === source) {
      boxes.push({ call, turn: at, name: call.crop - detail.sources + 1, ofCrop: call.imageIndex >= detail.sources });
    }
  }));
  return boxes;
}

// Where the size is unknown, the boxes themselves tell how far the image reaches at least.
function extentOf(copy, boxes) {
  if (copy.width && copy.height) return [copy.width, copy.height];
  const right = Math.max(64, ...boxes.map(({ call }) => call.sourceBox[2]));
  const bottom = Math.max(64, ...boxes.map(({ call }) => call.sourceBox[3]));
  return [right, bottom];
}

function boxElement(box, unit, extent) {
  const [left, top, right, bottom] = box.call.sourceBox;
  const colour = colourOf(box.turn);
  const name = String(box.name);
  const [width, height] = [unit * (0.9 + 0.62 * name.length), unit * 1.5];
  // The number stands on the box, inside where there is no room above.
  const x = Math.min(left, extent[0] - width);
  const y = top >= height ? top - height : top;
  const shape = { x: left, y: top, width: right - left, height: bottom - top };
  return draw("g", { class: "box", "data-turn": box.turn, "data-crop": box.call.crop },
    draw("title", {}, `crop ${name}, turn ${box.turn + 1}${box.call.label === null ? "" : `: ${box.call.label}`}`),
    draw("rect", { class: "halo", ...shape }),
    draw("rect", { class: box.ofCrop ? "outline nested" : "outline", ...shape, stroke: colour }),
    draw("rect", { class: "plate", x, y, width, height, fill: colour }),
    draw("text", { x: x + width / 2, y: y + height * 0.74, "font-size": unit * 1.15, fill: inkOn(colour) }, name));
}

// Pixels of a small copy are shown as pixels: a browser's smoothing would invent what nobody saw.
const SMALL_SIDE = 400;
const pixelated = (size) => size && Math.max(...size) < SMALL_SIDE;

// `copy`: what is drawn; `seen`: its size in pixels where it is the model's view.
function boxedImage(detail, source, copy, seen, unitsAcross) {
  const boxes = boxesOn(detail, source);
  const extent = extentOf(copy, boxes);
  const svg = draw("svg", { class: "overlay", viewBox: `0 0 ${extent[0]} ${extent[1]}`, preserveAspectRatio: "none" });
  const unit = Math.max(...extent) / unitsAcross;
  for (const box of boxes) svg.append(boxElement(box, unit, extent));
  const element = make("div", { class: "boxed-image", style: { "aspect-ratio": `${extent[0]} / ${extent[1]}`, "--ratio": extent[0] / extent[1] } });
  if (copy.state === "embedded") {
    const image = make("img", { alt: seen ? `source image ${source} as the model saw it` : `source image ${source}`, decoding: "async", class: pixelated(seen) && "pixels" });
    withData(copy, (data) => { image.src = data; });
    element.append(image);
  } else {
    element.classList.add("absent");
    element.append(make("p", {}, NOT_SHOWN[copy.state]));
  }
  element.append(svg);
  return element;
}

function enlarge(detail, source, copy, seen) {
  const dialog = find("enlarged");
  dialog.replaceChildren(boxedImage(detail, source, copy, seen, 64));
  dialog.onclick = () => dialog.close();
  dialog.showModal();
}

function imageFigure(detail, source, { copy, seen, kind, title, told }) {
  return make("figure", { class: `image ${kind}` },
    make("figcaption", { class: "above" }, title),
    make("button", { type: "button", class: "enlarge", title: "Enlarge", onclick: () => enlarge(detail, source, copy, seen) }, boxedImage(detail, source, copy, seen, 16)),
    make("figcaption", {}, told));
}

// The model's view beside the source; one figure where the page holds one copy for both.
function sourceFigures(detail, source) {
  const { file, view, viewSize } = imageIn(detail, source);
  const size = sizeText([file.width, file.height]) || "size unknown";
  const name = detail.sources > 1 ? `Image ${source}` : "Source";
  if (!view) {
    const isWhole = viewSize && viewSize[0] * viewSize[1] >= 0.9 * file.width * file.height;
    const told = isWhole ? `${size} · as the model saw it` : viewSize ? `${size} · the model saw ${sizeText(viewSize)}` : `${size} · the model's view is not in the log`;
    return [imageFigure(detail, source, { copy: file, seen: null, kind: "source", title: name, told })];
  }
  const seen = { copy: view, seen: viewSize, kind: "view", title: "As the model saw it" };
  if (file === view) return [imageFigure(detail, source, { ...seen, told: `${sizeText(viewSize)} · the source has ${size}` })];
  return [
    imageFigure(detail, source, { ...seen, told: sizeText(viewSize) }),
    imageFigure(detail, source, { copy: file, seen: null, kind: "source", title: name, told: size }),
  ];
}
