// @ts-check
// Numbers in [0, 1], channel by channel, to canvases and back.

import { facts } from "./data.js";

/** @typedef {{values: Float32Array, shape: number[]}} Picture values of shape [C, H, W] */

/** @param {HTMLCanvasElement} canvas @param {Picture} picture */
export function draw(canvas, { values, shape }) {
  const [, height, width] = shape;
  canvas.width = width;
  canvas.height = height;
  context(canvas).putImageData(toImageData(values, shape), 0, 0);
}

/** @param {HTMLCanvasElement} canvas @returns {CanvasRenderingContext2D} */
export function context(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: false }));
}

/** @param {Float32Array} values @param {number[]} shape */
export function toImageData(values, [channels, height, width]) {
  const image = new ImageData(width, height), area = width * height;
  for (let pixel = 0; pixel < area; pixel++) {
    for (let channel = 0; channel < 3; channel++) {
      const plane = channels >= 3 ? channel : 0;
      image.data[4 * pixel + channel] = Math.round(255 * Math.min(1, Math.max(0, values[plane * area + pixel])));
    }
    image.data[4 * pixel + 3] = 255;
  }
  return image;
}

/** A part of a drawable, scaled to [C, H, W]. @returns {Picture}
 * @param {CanvasImageSource} source @param {number[]} shape @param {number[]} part x, y, width, height */
export function read(source, shape, [x, y, width, height]) {
  const [channels, h, w] = shape, canvas = new OffscreenCanvas(w, h);
  const pen = /** @type {any} */ (canvas.getContext("2d"));
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, x, y, width, height, 0, 0, w, h);
  const { data } = pen.getImageData(0, 0, w, h), values = new Float32Array(channels * h * w);
  for (let pixel = 0; pixel < h * w; pixel++) {
    const [red, green, blue] = [0, 1, 2].map((channel) => data[4 * pixel + channel] / 255);
    const gray = 0.299 * red + 0.587 * green + 0.114 * blue;
    for (let channel = 0; channel < channels; channel++) {
      values[channel * h * w + pixel] = channels >= 3 ? [red, green, blue][channel % 3] : gray;
    }
  }
  return { values, shape };
}

/** A cell of a sheet. @param {HTMLCanvasElement} canvas @param {ImageBitmap} sheet @param {number} index
 * @param {number} columns @param {number[]} size height and width of a cell */
export function drawCell(canvas, sheet, index, columns, [height, width]) {
  canvas.width = width;
  canvas.height = height;
  const x = (index % columns) * width, y = Math.floor(index / columns) * height;
  context(canvas).drawImage(sheet, x, y, width, height, 0, 0, width, height);
}

/** @param {Float32Array} a @param {Float32Array} b */
export function meanSquaredError(a, b) {
  return a.reduce((sum, value, index) => sum + (value - b[index]) ** 2, 0) / a.length;
}

/** Hands a canvas over as a PNG file. @param {HTMLCanvasElement} canvas @param {string} name */
export function save(canvas, name) {
  canvas.toBlob((blob) => download(/** @type {Blob} */ (blob), name, "png"));
}

/** Hands a file over. @param {Blob} blob @param {string} name @param {string} ending */
export function download(blob, name, ending) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${name}-${facts.run.title.replace(/[^\w]+/g, "-")}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
