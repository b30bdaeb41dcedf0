// @ts-check
// What draws an example of this run: the one place that tells pictures from music.

import { facts } from "./data.js";
import * as pictures from "./picture_view.js";
import * as rolls from "./roll_view.js";

/** @typedef {{values: Float32Array, shape: number[]}} Output what the decoder makes of a latent, of shape [C, H, W] */
/** @typedef {{
 *   noun: string,
 *   pathSteps: number,
 *   load: () => Promise<void>,
 *   drawExample: (canvas: HTMLCanvasElement, index: number) => void,
 *   paintExample: (pen: CanvasRenderingContext2D, index: number, x: number, y: number, side: number) => void,
 *   drawSelection: (canvas: HTMLCanvasElement, indices: number[]) => void,
 *   drawOutput: (canvas: HTMLCanvasElement, output: Output) => void,
 *   drawPath: (canvas: HTMLCanvasElement, outputs: Output[]) => void,
 *   drawStill: (canvas: HTMLCanvasElement, name: string, cell: number) => void,
 *   drawStills: (canvas: HTMLCanvasElement, name: string) => void,
 *   gridImage: () => CanvasImageSource,
 * }} View `paintExample` draws around x and y; stills were decoded when the page was made, and `name` is their file. */

/** @type {View} */
export const view = facts.view === "rolls" ? rolls : pictures;
