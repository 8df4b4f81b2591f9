"use strict";
// Numbers, times and names as text.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

function formatSize(bytes) {
  let value = bytes, unit = 0;
  while (value >= 1023.95 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit ? `${value.toFixed(1)} ${UNITS[unit]}` : `${Math.round(value)} B`;
}

function formatCount(number, noun) {
  const text = number.toLocaleString("en-US");
  return noun ? `${text} ${noun}${number === 1 ? "" : "s"}` : text;
}

function formatRate(number) {
  return `${number.toLocaleString("en-US", { maximumFractionDigits: 1 })}/s`;
}

function formatShare(part, whole) {
  if (!whole) return "–";
  const share = 100 * part / whole;
  return share > 0 && share < 0.1 ? "< 0.1 %" : `${share.toFixed(1)} %`;
}

function formatTime(seconds) {
  const time = new Date(seconds * 1000);
  return isNaN(time) ? "–" : time.toISOString().slice(0, 16).replace("T", " ");
}

function formatDuration(seconds) {
  if (seconds < 60) return `${+seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
}

function formatDollars(dollars) {
  if (!dollars) return "$0";
  return dollars < 0.01 ? `$${dollars.toPrecision(2)}` : `$${dollars.toFixed(2)}`;
}

// Characters that are invisible, or change the direction of the text around them, are escaped.
function formatName(name) {
  return name.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    it => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
