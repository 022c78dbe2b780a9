"use strict";
// Line charts in plain SVG. A chart is redrawn once a second from at most 900 points.

const SVG = "http://www.w3.org/2000/svg";
const SPAN_MS = 15 * 60 * 1000;
const MARGIN = { left: 64, right: 8, top: 8, bottom: 20 };

function node(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

// The smallest of 1, 2, 5 times a power of ten that is not below `value`.
function nice(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= value);
}

// `lines`: [{ name, points: [[time in ms, value or null]] }], `levels`: [{ name, value }].
function draw(svg, { lines, levels = [], format, now }) {
  const { width, height } = svg.getBoundingClientRect();
  if (!width) return;
  const values = lines.flatMap((line) => line.points.map(([, value]) => value ?? 0));
  // The first level is always in view; others only where they fit.
  const top = nice(Math.max(1e-9, ...values, levels[0]?.value ?? 0) * 1.05);
  const x = (ms) => MARGIN.left + (1 - (now - ms) / SPAN_MS) * (width - MARGIN.left - MARGIN.right);
  const y = (value) => MARGIN.top + (1 - value / top) * (height - MARGIN.top - MARGIN.bottom);
  const parts = [];
  for (let step = 0; step <= 4; step += 1) {
    const value = (top * step) / 4;
    parts.push(node("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }));
    parts.push(node("text", { x: MARGIN.left - 6, y: y(value) + 4, "text-anchor": "end" }, format(value).replace(/\.0+(?= |$)/, "")));
  }
  for (let minutes = 0; minutes <= 15; minutes += 5) {
    const label = minutes ? `-${minutes} min` : "now";
    const anchor = minutes ? (minutes === 15 ? "start" : "middle") : "end";
    parts.push(node("text", { x: x(now - minutes * 60000), y: height - 4, "text-anchor": anchor }, label));
  }
  for (const { name, value } of levels.filter((level) => level.value <= top)) {
    parts.push(node("path", { class: name, d: `M${MARGIN.left} ${y(value)}H${width - MARGIN.right}` }));
  }
  for (const { name, points } of lines) parts.push(node("path", { class: name, d: path(points, x, y, now) }));
  svg.replaceChildren(...parts);
}

// A gap of more than three seconds, or a point without a value, breaks the line.
function path(points, x, y, now) {
  let text = "";
  let last = null;
  for (const [ms, value] of points) {
    if (value === null || now - ms > SPAN_MS) {
      last = null;
      continue;
    }
    const joined = last !== null && ms - last < 3500;
    text += `${joined ? "L" : "M"}${x(ms).toFixed(1)} ${y(value).toFixed(1)}`;
    last = ms;
  }
  return text;
}
