// The cases of the run: what is told of all at once, and each case's packet, unpacked when it is looked at.

const album = JSON.parse(document.getElementById("album").textContent);
const total = album.cases.id.length;
const unpacked = new Map(); // by number; the latest last
const shards = new Map();
const KEPT = { cases: 200, shards: 24 };

function latest(kept, key, value, most) {
  kept.delete(key);
  kept.set(key, value);
  for (const old of kept.keys()) {
    if (kept.size <= most) break;
    kept.delete(old);
  }
  return value;
}

const bytes = (letters) => Uint8Array.from(atob(letters), (c) => c.charCodeAt(0));

async function grids(letters) {
  const stream = new Blob([bytes(letters)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const steps = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let i = 1; i < steps.length; i++) steps[i] += steps[i - 1]; // a Uint8Array counts modulo 256
  return steps;
}

// Packets beside the page: a script each, which hands its packets over by this name.
const waiting = new Map();
globalThis.pfungstShard = (number, packets) => waiting.get(number)?.resolve(packets);

function shard(number) {
  if (shards.has(number)) return latest(shards, number, shards.get(number), KEPT.shards);
  const promise = new Promise((resolve, reject) => {
    waiting.set(number, { resolve, reject });
    const script = document.createElement("script");
    script.src = `cases/${String(number).padStart(4, "0")}.js`;
    script.onerror = () => reject(new Error("The folder “cases” beside this page cannot be read."));
    script.onload = () => script.remove();
    document.head.append(script);
  });
  promise.catch(() => shards.delete(number)).finally(() => waiting.delete(number));
  return latest(shards, number, promise, KEPT.shards);
}

async function packet(number) {
  if (!album.shard) return JSON.parse(document.getElementById(`case-${number}`).textContent);
  return (await shard(Math.floor(number / album.shard)))[number % album.shard];
}

function open(number) {
  const one = unpacked.get(number) ?? unpack(number);
  one.catch(() => unpacked.delete(number)); // asked again, it is read again
  return latest(unpacked, number, one, KEPT.cases);
}

async function unpack(number) {
  const [thumb, letters, told] = await packet(number);
  const content = await grids(letters);
  const [height, width] = told.size;
  const coarse = cells(height, width, 56), fine = cells(height, width, 112);
  const one = { ...told, number, thumb: thumb && `data:image/jpeg;base64,${thumb}`, coarse, fine, made: new Map() };
  let at = 0;
  const take = (count) => content.subarray(at, (at += count));
  if (told.lime) {
    const low = take(fine[0] * fine[1]), high = take(fine[0] * fine[1]);
    one.labels = Uint16Array.from(low, (v, i) => v + 256 * high[i]);
  }
  one.planes = { maps: new Map(), true: new Map() };
  for (const target of ["maps", "true"])
    for (const map of told[target]) one.planes[target].set(map, take(coarse[0] * coarse[1]));
  one.masks = new Map(told.masks.map((region) => [region, take(Math.ceil((fine[0] * fine[1]) / 8))]));
  return one;
}

// As grids.shape has it: the longer side has so many cells, and never more than the picture has pixels.
function cells(height, width, side) {
  const factor = Math.min(1, side / Math.max(height, width));
  return [height, width].map((n) => Math.max(1, even(n * factor)));
}

// Halves go to the even number, as in Python.
function even(x) {
  const near = Math.round(x);
  return near - x === 0.5 && near % 2 ? near - 1 : near;
}

// -- how things are printed ---------------------------------------------------------------------------------------

const number2 = (x, digits = 2) => (Number(x.toFixed(digits)) === 0 ? 0 : x).toFixed(digits).replace("-", "−");
const percent = (x) => (x > 0 && x < 0.005 ? "under 1\u00a0%" : `${Math.round(100 * x)}\u00a0%`);
const name = (column, i) => (album.cases[column][i] < 0 ? "" : album.names[album.cases[column][i]]);
const wrong = (i) => album.cases.predicted[i] >= 0 && album.cases.predicted[i] !== album.cases.label[i];

function answer(i) {
  const predicted = name("predicted", i);
  if (!predicted) return `labelled ${name("label", i)}; the model gave no answer`;
  return `labelled ${name("label", i)}, answered ${predicted} (${number2(album.cases.p[i])})`;
}

// An element with its properties and children; text is never read as markup.
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((c) => c !== null && c !== undefined));
  return element;
}
