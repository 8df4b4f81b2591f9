"use strict";
// Parts of the pages: bars, sortable tables, and a treemap.

// An element with properties and children. Text becomes a text node: it is never read as HTML.
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "style") Object.assign(element.style, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(it => it !== null && it !== undefined));
  return element;
}

function card(title, id, ...children) {
  return make("section", { class: "card", "aria-labelledby": id },
    make("h2", { id }, title), ...children);
}

function tiles(items) {
  return make("dl", { class: "tiles" }, items.filter(Boolean).map(({ label, value, detail, bad }) =>
    make("div", { class: bad ? "tile bad" : "tile" },
      make("dt", {}, label), make("dd", {}, value, detail ? make("small", {}, detail) : null))));
}

// Buttons of which one is chosen.
function choice(label, options, chosen, choose) {
  const group = make("div", { class: "choice", role: "group", "aria-label": label });
  for (const [value, text] of options) {
    group.append(make("button", {
      type: "button", "aria-pressed": String(value === chosen),
      onclick: event => {
        for (const button of group.children) {
          button.setAttribute("aria-pressed", String(button === event.currentTarget));
        }
        choose(value);
      },
    }, text));
  }
  return group;
}

// Items have a label, a value, its text, and perhaps a function to call.
function bars(items) {
  // What is summed up as others may be more than all that is named.
  const most = Math.max(1, ...items.filter(it => !it.isRest).map(it => it.value));
  if (!items.length) return make("p", { class: "note" }, "None.");
  return make("ul", { class: "bars" }, items.map(it => make("li", {},
    make("span", { class: "name", title: it.label },
      it.open ? make("button", { type: "button", class: "link", onclick: it.open }, it.label) : it.label),
    make("span", { class: "value" }, it.text),
    make("span", { class: "track", "aria-hidden": "true" },
      make("span", { class: it.isRest ? "fill rest" : "fill", style: { width: `${Math.min(100, 100 * it.value / most)}%` } })))));
}

const ROWS_SHOWN = 20;

// Columns have a title, a function for the key to sort by, one for the content, and classes.
function sortableTable(caption, columns, rows, options = {}) {
  let [sorted, descending] = [options.sorted ?? -1, options.descending ?? true];
  let shown = ROWS_SHOWN;
  const body = make("tbody");
  const more = make("button", { type: "button", class: "more", onclick: () => { shown = Infinity; draw(); } });
  const headers = columns.map((column, number) => make("th", { scope: "col", class: column.class },
    make("button", { type: "button", onclick: () => sort(number) }, column.title)));

  function sort(number) {
    descending = number === sorted ? !descending : Boolean(columns[number].descending);
    sorted = number;
    draw();
  }

  function draw() {
    const found = [...rows];
    if (sorted >= 0) {
      const key = columns[sorted].key;
      const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
      found.sort((a, b) => compare(key(a), key(b)) * (descending ? -1 : 1));
    }
    headers.forEach((header, number) => {
      if (number === sorted) header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    });
    body.replaceChildren(...found.slice(0, shown).map(row => make("tr", {},
      columns.map(column => make("td", { class: column.class }, column.show(row))))));
    more.hidden = found.length <= shown;
    more.textContent = `Show all ${formatCount(found.length)}`;
  }

  draw();
  const head = make("thead", {}, make("tr", {}, headers));
  return make("div", {}, make("div", { class: "scroll" },
    make("table", {}, make("caption", {}, caption), head, body, options.footer || null)), more);
}

// Nodes of a tree, from rows of the position of the parent, name, size, count and time.
function readTree(rows) {
  const nodes = rows.map(([parent, name, size, count, modified], number) =>
    ({ number, parent, name, size, count, modified, children: [], isFolder: name.endsWith("/") || !number }));
  for (const node of nodes.slice(1)) nodes[node.parent].children.push(node);
  for (const node of nodes) {
    const size = node.size - sum(node.children, it => it.size);
    const count = node.count - sum(node.children, it => it.count);
    if (node.isFolder && count > 0) {
      node.children.push({
        parent: node.number, size: Math.max(size, 0), count, children: [], isFolder: false, isRest: true,
        modified: node.modified, name: formatCount(count, "smaller file"),
      });
    }
  }
  return nodes;
}

function sum(items, value) {
  return items.reduce((total, item) => total + value(item), 0);
}

function labelOf(node) {
  return node.isRest ? node.name : formatName(node.name) || "(object with the path of the folder)";
}

// Draws a folder and two levels below it, and lets one go down and up.
function treemap(options) {
  const area = make("div", { class: "treemap", role: "group", "aria-label": options.label });
  const detail = make("p", { class: "detail", role: "status" });
  let folder = options.nodes[0];
  const value = node => (options.metric() === "size" ? node.size : node.count);

  function describe(node) {
    const parts = [formatSize(node.size), formatCount(node.count, "file"),
      `${formatShare(value(node), value(folder))} of this folder`];
    if (options.ages && !node.isRest) parts.push(`last modified ${formatTime(node.modified)}`);
    return `${labelOf(node)}: ${parts.join(", ")}`;
  }

  function open(node) {
    if (!node.isFolder || !node.children.length) return;
    folder = node;
    options.opened(node);
  }

  function box(rectangle, outer) {
    const node = rectangle.data;
    const [width, height] = [rectangle.x1 - rectangle.x0, rectangle.y1 - rectangle.y0];
    const opens = node.isFolder && node.children.length > 0;
    const text = [];
    if (width > 34 && height > 16) text.push(make("span", {}, labelOf(node)));
    if (width > 60 && height > (outer ? 1e9 : 34)) {
      text.push(make("span", { class: "size" }, options.metric() === "size" ? formatSize(node.size) : formatCount(node.count)));
    }
    const colors = outer ? {} : options.color(node);
    return make("button", {
      type: "button", tabindex: "-1", "aria-label": describe(node) + (opens ? ". Opens the folder" : ""),
      class: [opens ? "folder" : "", outer ? "outer" : ""].join(" "),
      style: { left: `${rectangle.x0}px`, top: `${rectangle.y0}px`, width: `${width}px`, height: `${height}px`, ...colors },
      onclick: () => open(node),
      onpointerenter: () => { detail.textContent = describe(node); },
      onfocus: () => { detail.textContent = describe(node); },
    }, text);
  }

  // Returns the rectangles of a folder and what is in it, and of what is in some of its folders.
  function layOut(opened) {
    const levels = d3.hierarchy(folder, node => (node === folder || opened.has(node) ? node.children : null));
    levels.each(it => { it.value = value(it.data); });
    levels.sort((a, b) => b.value - a.value);
    const isOpened = it => it.depth === 1 && it.children;
    return d3.treemap().size([area.clientWidth, area.clientHeight]).paddingInner(2).round(true)
      .paddingOuter(it => (isOpened(it) ? 2 : 0)).paddingTop(it => (isOpened(it) ? 20 : 0))(levels);
  }

  function draw() {
    drawnWidth = area.clientWidth;
    options.prepare?.();
    const isLarge = it => it.data.isFolder && it.x1 - it.x0 >= 80 && it.y1 - it.y0 >= 60;
    const levels = layOut(new Set((layOut(new Set()).children ?? []).filter(isLarge).map(it => it.data)));
    const visible = it => it.depth && it.x1 - it.x0 >= 4 && it.y1 - it.y0 >= 4;
    const boxes = levels.descendants().filter(visible).map(it => box(it, it.depth === 1 && Boolean(it.children)));
    area.replaceChildren(...boxes);
    if (boxes.length) boxes[0].tabIndex = 0;
    else area.append(make("p", { class: "detail" }, "Nothing to show."));
    detail.textContent = "Select a folder to open it. Keys: arrows, Enter, Backspace to go up.";
  }

  area.addEventListener("keydown", event => {
    const boxes = [...area.querySelectorAll("button")];
    const position = boxes.indexOf(document.activeElement);
    const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
    if (event.key in steps && position >= 0) {
      const next = Math.max(0, Math.min(boxes.length - 1, position + steps[event.key]));
      boxes[position].tabIndex = -1;
      boxes[next].tabIndex = 0;
      boxes[next].focus();
    } else if ((event.key === "Backspace" || event.key === "Escape") && folder.parent >= 0) {
      open(options.nodes[folder.parent]);
      area.querySelector("button")?.focus();
    } else return;
    event.preventDefault();
  });

  let drawnWidth = 0;
  new ResizeObserver(() => {
    if (area.clientWidth !== drawnWidth) draw();
  }).observe(area);
  return { element: make("div", {}, area, detail), draw, open, folder: () => folder };
}

function breadcrumbs(nodes, folder, rootName, open) {
  const path = [];
  for (let node = folder; node; node = nodes[node.parent]) path.unshift(node);
  return make("nav", { class: "crumbs", "aria-label": "Folder" }, path.map((node, depth) => {
    const name = node.number ? formatName(node.name) : rootName;
    return node === folder
      ? make("span", { "aria-current": "location" }, name)
      : make("button", { type: "button", class: "link", onclick: () => open(node) }, name);
  }));
}

// Columns for files and folders in tables.
function nameColumn(show, title = "Name") {
  return { title, key: it => (it.isRest ? "\uffff" : it.name), show, class: "path" };
}
