// An image with the boxes that were cut out of it. Boxes count pixels of the source file, and so
// does the overlay's coordinate system; the embedded copy may be smaller and is only stretched.

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
function extentOf(pageImage, boxes) {
  if (pageImage.width && pageImage.height) return [pageImage.width, pageImage.height];
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

function sceneElement(detail, source, unitsAcross) {
  const pageImage = imageIn(detail, source);
  const boxes = boxesOn(detail, source);
  const extent = extentOf(pageImage, boxes);
  const svg = draw("svg", { class: "overlay", viewBox: `0 0 ${extent[0]} ${extent[1]}`, preserveAspectRatio: "none" });
  const unit = Math.max(...extent) / unitsAcross;
  for (const box of boxes) svg.append(boxElement(box, unit, extent));
  const scene = make("div", { class: "scene", style: { "aspect-ratio": `${extent[0]} / ${extent[1]}`, "--ratio": extent[0] / extent[1] } });
  if (pageImage.state === "embedded") {
    const image = make("img", { alt: `source image ${source}`, decoding: "async" });
    withData(pageImage, (data) => { image.src = data; });
    scene.append(image);
  } else {
    scene.classList.add("absent");
    scene.append(make("p", {}, NOT_SHOWN[pageImage.state]));
  }
  scene.append(svg);
  return scene;
}

function sourceFigure(detail, source) {
  const pageImage = imageIn(detail, source);
  const size = pageImage.width ? `${pageImage.width} × ${pageImage.height}` : "size unknown";
  const title = detail.sources > 1 ? `Image ${source}` : "Source image";
  return make("figure", { class: "source-image" },
    make("button", { type: "button", class: "enlarge", title: "Enlarge", onclick: () => enlarge(detail, source) }, sceneElement(detail, source, 34)),
    make("figcaption", {}, `${title}, ${size} pixels`));
}

function enlarge(detail, source) {
  const dialog = find("enlarged");
  dialog.replaceChildren(sceneElement(detail, source, 64));
  dialog.onclick = () => dialog.close();
  dialog.showModal();
}

// A crop that is not embedded is cut from the source's copy instead, and says so.
function cropFigure(detail, call, turn) {
  const pageImage = imageIn(detail, call.crop);
  const colour = colourOf(turn);
  const size = call.cropSize ? `${call.cropSize[0]} × ${call.cropSize[1]}` : "";
  const figure = make("figure", { class: "crop", style: { "--turn": colour } },
    make("span", { class: "plate", style: { background: colour, color: inkOn(colour) } }, call.crop - detail.sources + 1));
  const source = call.source === null ? null : imageIn(detail, call.source);
  let remark = null;
  if (pageImage.state === "embedded") {
    const image = make("img", { alt: "crop", decoding: "async" });
    withData(pageImage, (data) => { image.src = data; });
    figure.append(image);
  } else if (source && source.state === "embedded" && call.sourceBox) {
    const [left, top, right, bottom] = call.sourceBox;
    const image = draw("image", { width: source.width, height: source.height, preserveAspectRatio: "none" });
    withData(source, (data) => image.setAttribute("href", data));
    figure.append(draw("svg", { class: "recut", viewBox: `${left} ${top} ${right - left} ${bottom - top}`, style: { "aspect-ratio": `${right - left} / ${bottom - top}` } }, image));
    remark = `cut from the copy of the source: ${NOT_SHOWN[pageImage.state]}`;
  } else figure.append(make("p", { class: "absent" }, NOT_SHOWN[pageImage.state]));
  figure.append(make("figcaption", {}, size, remark && make("span", { class: "remark" }, remark)));
  return figure;
}
