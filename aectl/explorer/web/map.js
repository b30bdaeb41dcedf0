// @ts-check
// The map: points or thumbnails on a canvas, with pan, zoom, pinch, lasso and keys.

import { context } from "./pictures.js";

const DOT = 3, NEAR = 12; // pixels
const MOST_THUMBNAILS = 500, THUMBNAIL_ZOOM = 2; // how many at most, and the zoom from which they replace the dots
const STEP = 40, FACTOR = 1.25; // of the keys: pixels, and a step of zoom

export class LatentMap {
  /** @param {HTMLCanvasElement} canvas @param {Float32Array} points x and y of one after another */
  constructor(canvas, points) {
    this.canvas = canvas;
    this.points = points;
    this.count = points.length / 2;
    this.colours = /** @type {string[]} */ (["#888"]);
    this.colourOf = new Uint16Array(this.count);
    this.visible = new Uint8Array(this.count).fill(1);
    this.thumbnails = /** @type {((pen: CanvasRenderingContext2D, index: number, x: number, y: number, side: number) => void) | null} */ (null);
    this.grid = /** @type {{image: CanvasImageSource, box: number[]} | null} */ (null);
    this.marks = /** @type {{point: number[], name: string}[]} */ ([]);
    this.outline = /** @type {number[][]} */ ([]);
    this.lassoing = false;
    this.hover = (/** @type {number | null} */ _index, /** @type {number[]} */ _point) => {};
    this.pin = (/** @type {number} */ _index) => {};
    this.select = (/** @type {number[]} */ _indices) => {};
    this.moved = () => {};
    this.view = { x: 0, y: 0, scale: 1 };
    this.whole = 1; // the scale of the whole map
    this.pointers = /** @type {Map<number, PointerEvent>} */ (new Map());
    this.frame = 0;
    this.listen();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** Shows all points, without a hundredth at each end. */
  fit() {
    const [xs, ys] = [0, 1].map((axis) => Float32Array.from({ length: this.count }, (_, i) => this.points[2 * i + axis]).sort());
    const ends = (/** @type {Float32Array} */ values) => [0.005, 0.995].map((q) => values[Math.floor(q * (this.count - 1))]);
    const [[left, right], [low, high]] = [ends(xs), ends(ys)];
    const { width, height } = this.size();
    const scale = 0.9 * Math.min(width / Math.max(right - left, 1e-6), height / Math.max(high - low, 1e-6));
    this.whole = scale;
    this.setView({ x: (left + right) / 2, y: (low + high) / 2, scale });
  }

  /** @param {{x: number, y: number, scale: number}} view */
  setView(view) {
    this.view = view;
    this.moved();
    this.redraw();
  }

  size() {
    return { width: this.canvas.clientWidth, height: this.canvas.clientHeight };
  }

  resize() {
    const { width, height } = this.size(), dense = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(width * dense));
    this.canvas.height = Math.max(1, Math.round(height * dense));
    this.redraw();
  }

  redraw() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  }

  /** A point of the map in pixels of the canvas. @param {number} x @param {number} y */
  toScreen(x, y) {
    const { width, height } = this.size();
    return [(x - this.view.x) * this.view.scale + width / 2, (this.view.y - y) * this.view.scale + height / 2];
  }

  /** @param {number} x @param {number} y @returns {number[]} */
  toMap(x, y) {
    const { width, height } = this.size();
    return [(x - width / 2) / this.view.scale + this.view.x, this.view.y - (y - height / 2) / this.view.scale];
  }

  paint() {
    const pen = context(this.canvas), dense = window.devicePixelRatio || 1, { width, height } = this.size();
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (this.grid) this.paintGrid(pen, this.grid);
    const seen = this.onScreen();
    const close = seen.length <= MOST_THUMBNAILS && this.view.scale >= THUMBNAIL_ZOOM * this.whole;
    if (this.thumbnails && close) this.paintThumbnails(pen, seen);
    else this.paintDots(pen, seen);
    this.paintMarks(pen);
  }

  /** The indices of visible points within the canvas. @returns {number[]} */
  onScreen() {
    const { width, height } = this.size(), found = [];
    for (let index = 0; index < this.count; index++) {
      if (!this.visible[index]) continue;
      const x = (this.points[2 * index] - this.view.x) * this.view.scale + width / 2;
      const y = (this.view.y - this.points[2 * index + 1]) * this.view.scale + height / 2;
      if (x >= 0 && y >= 0 && x <= width && y <= height) found.push(index);
    }
    return found;
  }

  /** @param {CanvasRenderingContext2D} pen @param {number[]} seen */
  paintDots(pen, seen) {
    const { width, height } = this.size(), { x, y, scale } = this.view;
    this.colours.forEach((colour, group) => {
      pen.fillStyle = colour;
      for (const index of seen) {
        if (this.colourOf[index] !== group) continue;
        const left = (this.points[2 * index] - x) * scale + width / 2;
        const top = (y - this.points[2 * index + 1]) * scale + height / 2;
        pen.fillRect(left - DOT / 2, top - DOT / 2, DOT, DOT);
      }
    });
  }

  /** @param {CanvasRenderingContext2D} pen @param {number[]} seen */
  paintThumbnails(pen, seen) {
    const { width, height } = this.size();
    const side = Math.min(48, Math.max(14, 0.7 * Math.sqrt((width * height) / Math.max(seen.length, 1))));
    pen.imageSmoothingEnabled = false;
    for (const index of seen) {
      const [x, y] = this.toScreen(this.points[2 * index], this.points[2 * index + 1]);
      this.thumbnails?.(pen, index, x, y, side);
      pen.strokeStyle = this.colours[this.colourOf[index]];
      pen.strokeRect(x - side / 2, y - side / 2, side, side);
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {{image: CanvasImageSource, box: number[]}} grid */
  paintGrid(pen, { image, box: [left, low, right, high] }) {
    const [x, y] = this.toScreen(left, high), [right2, low2] = this.toScreen(right, low);
    pen.imageSmoothingEnabled = /** @type {any} */ (image).width > right2 - x; // pixels of small pictures stay sharp
    pen.globalAlpha = 0.6;
    pen.drawImage(image, x, y, right2 - x, low2 - y);
    pen.globalAlpha = 1;
  }

  /** @param {CanvasRenderingContext2D} pen */
  paintMarks(pen) {
    const { color: front, backgroundColor: back } = getComputedStyle(this.canvas);
    pen.font = "bold 14px system-ui, sans-serif";
    for (const { point, name } of this.marks) {
      const [x, y] = this.toScreen(point[0], point[1]);
      for (const { colour, width } of [{ colour: back, width: 5 }, { colour: front, width: 2 }]) {
        pen.strokeStyle = colour;
        pen.lineWidth = width;
        pen.beginPath();
        pen.arc(x, y, 7, 0, 2 * Math.PI);
        pen.stroke();
        if (colour === back) pen.strokeText(name, x + 9, y - 7);
      }
      pen.fillStyle = front;
      pen.fillText(name, x + 9, y - 7);
    }
    pen.lineWidth = 1;
    if (this.outline.length < 2) return;
    pen.strokeStyle = front;
    pen.beginPath();
    for (const [x, y] of this.outline) pen.lineTo(x, y);
    pen.closePath();
    pen.stroke();
  }

  /** The visible point nearest to a place on the canvas, if any is near. @param {number} x @param {number} y
   * @param {number} most pixels @returns {number | null} */
  nearest(x, y, most = NEAR) {
    let [best, found] = [most * most, /** @type {number | null} */ (null)];
    for (const index of this.onScreen()) {
      const [left, top] = this.toScreen(this.points[2 * index], this.points[2 * index + 1]);
      const distance = (left - x) ** 2 + (top - y) ** 2;
      if (distance < best) [best, found] = [distance, index];
    }
    return found;
  }

  /** @param {number} factor @param {number} x @param {number} y the place on the canvas that stays */
  zoom(factor, x, y) {
    const [left, top] = this.toMap(x, y), scale = this.view.scale * factor, { width, height } = this.size();
    this.setView({ x: left - (x - width / 2) / scale, y: top + (y - height / 2) / scale, scale });
  }

  /** @param {number} dx @param {number} dy pixels */
  pan(dx, dy) {
    const { x, y, scale } = this.view;
    this.setView({ x: x - dx / scale, y: y + dy / scale, scale });
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => this.pointers.delete(event.pointerId));
    canvas.addEventListener("dblclick", () => this.fit());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
    }, { passive: false });
  }

  /** @param {PointerEvent} event */
  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, event);
    this.travelled = 0;
    this.outline = this.lassoing || event.shiftKey ? [[event.offsetX, event.offsetY]] : [];
  }

  /** @param {PointerEvent} event */
  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      this.hover(this.nearest(event.offsetX, event.offsetY), this.toMap(event.offsetX, event.offsetY));
      return;
    }
    const [dx, dy] = [event.offsetX - before.offsetX, event.offsetY - before.offsetY];
    this.travelled = (this.travelled ?? 0) + Math.abs(dx) + Math.abs(dy);
    if (this.outline.length) {
      this.outline.push([event.offsetX, event.offsetY]);
      this.redraw();
    } else if (this.pointers.size === 1) {
      this.pan(dx, dy);
    } else {
      this.pinch(event, before);
    }
    this.pointers.set(event.pointerId, event);
  }

  /** @param {PointerEvent} event @param {PointerEvent} before */
  pinch(event, before) {
    const other = [...this.pointers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    if (!other) return;
    const apart = (/** @type {PointerEvent} */ one) => Math.hypot(one.offsetX - other.offsetX, one.offsetY - other.offsetY);
    this.zoom(apart(event) / Math.max(1, apart(before)), other.offsetX, other.offsetY);
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.pointers.delete(event.pointerId);
    if (this.outline.length > 2) {
      this.select(this.onScreen().filter((index) => this.isInside(index)));
    } else if ((this.travelled ?? 0) < 4) {
      const index = this.nearest(event.offsetX, event.offsetY);
      if (index !== null) this.pin(index);
    }
    this.outline = [];
    this.redraw();
  }

  /** Whether a point lies within the lasso: a ray from it crosses the outline an odd number of times. @param {number} index */
  isInside(index) {
    const [x, y] = this.toScreen(this.points[2 * index], this.points[2 * index + 1]);
    return this.outline.reduce((inside, [x1, y1], i) => {
      const [x2, y2] = this.outline[(i + 1) % this.outline.length];
      return y1 > y !== y2 > y && x < ((x2 - x1) * (y - y1)) / (y2 - y1) + x1 ? !inside : inside;
    }, false);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { width, height } = this.size();
    const moves = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    const zooms = { "+": FACTOR, "=": FACTOR, "-": 1 / FACTOR };
    if (event.key in moves) {
      const [dx, dy] = moves[/** @type {keyof typeof moves} */ (event.key)];
      this.pan(dx, dy);
    }
    else if (event.key in zooms) this.zoom(zooms[/** @type {keyof typeof zooms} */ (event.key)], width / 2, height / 2);
    else if (event.key === "Enter") {
      const index = this.nearest(width / 2, height / 2, Infinity);
      if (index !== null) this.pin(index);
    } else return;
    event.preventDefault();
  }
}
