// @ts-check
// What is embedded in the page: facts as JSON, files as base64 of gzip.

/** @param {string} id @returns {any} the element, which the page has */
export function element(id) {
  return document.getElementById(id);
}

/** Everything about the run that is no file; its strings are a stranger's and only ever become text. */
export const facts = JSON.parse(element("facts").textContent);

/** @param {string} name */
export function has(name) {
  return element(`file-${name}`) !== null;
}

/** The bytes of a file. @param {string} name @returns {Promise<ArrayBuffer>} */
export async function unpack(name) {
  const holder = element(`file-${name}`);
  const url = `data:application/octet-stream;base64,${holder.textContent}`;
  holder.remove(); // it is needed once, and large
  const { body } = await fetch(url);
  return new Response(/** @type {any} */ (body).pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** A picture. @param {string} name @returns {Promise<ImageBitmap>} */
export async function bitmap(name) {
  return createImageBitmap(new Blob([await unpack(name)]));
}
