// @ts-check
// The run's networks, in ONNX Runtime Web: one session each, one call at a time.

import { facts, has, unpack } from "./data.js";

/** @type {any} */
let ort = null;
/** @type {Record<string, any>} */
const sessions = {};
/** @type {Promise<any>} */
let calls = Promise.resolve();

/** @param {string} part @returns {boolean} whether the network runs in this page */
export function runs(part) {
  return part in sessions;
}

/** Starts the runtime and every network of the page. @param {(what: string) => void} tell */
export async function start(tell) {
  if (!facts.parts.length || !has("ort.wasm.bundle.min.mjs")) return;
  tell("starting the runtime");
  const [code, binary] = await Promise.all(["ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"].map(unpack));
  ort = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
  ort.env.wasm.wasmBinary = binary;
  ort.env.wasm.numThreads = 1; // more need headers that a file and many servers do not send
  for (const part of facts.parts) {
    tell(`loading the ${part}`);
    const network = new Uint8Array(await unpack(`${part}.onnx`));
    sessions[part] = await ort.InferenceSession.create(network, { executionProviders: ["wasm"] });
  }
}

/** Runs a network on a batch. @param {string} part @param {Float32Array} values @param {number[]} shape of the batch
 * @param {number} label of all of it @returns {Promise<{values: Float32Array, shape: number[]}>} */
export function run(part, values, shape, label = 0) {
  const session = sessions[part];
  const inputs = () => {
    const [first, second] = session.inputNames;
    const given = { [first]: new ort.Tensor("float32", values, shape) };
    if (second) given[second] = new ort.Tensor("int64", new BigInt64Array(shape[0]).fill(BigInt(label)), [shape[0]]);
    return given;
  };
  const answer = calls.then(() => session.run(inputs())).then((outputs) => {
    const { data, dims } = outputs[session.outputNames[0]];
    return { values: data, shape: dims };
  });
  calls = answer.catch(() => null);
  return answer;
}

/** Latents (one after another in `codes`) to pictures. @param {Float32Array} codes @param {number} label */
export async function decode(codes, label = 0) {
  const size = facts.latent.size, count = codes.length / size;
  const { values } = await run("decoder", codes, [count, size], label);
  const length = values.length / count;
  return Array.from({ length: count }, (_, index) => ({
    values: values.slice(index * length, (index + 1) * length),
    shape: facts.shape,
  }));
}

/** An input as the model restores it. @param {Float32Array} input @param {number[]} shape @param {number} label
 * @returns {Promise<{values: Float32Array, shape: number[]}>} */
export async function restore(input, shape, label = 0) {
  if (runs("whole")) {
    const { values, shape: dims } = await run("whole", input, [1, ...shape], label);
    return { values, shape: dims.slice(1) };
  }
  const latent = await run("encoder", input, [1, ...shape], label);
  return (await decode(latent.values, label))[0];
}

/** Computes for the newest of many requests, and leaves out those that were overtaken. */
export class Latest {
  /** @param {(request: any) => Promise<any>} compute @param {(result: any, request: any) => void} show */
  constructor(compute, show) {
    this.compute = compute;
    this.show = show;
    this.busy = false;
    /** @type {any} */
    this.next = undefined;
  }

  /** @param {any} request */
  async ask(request) {
    this.next = request;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.next !== undefined) {
        const current = this.next;
        this.next = undefined;
        this.show(await this.compute(current), current);
      }
    } finally {
      this.busy = false;
    }
  }
}
