"use strict";
// The page of the contents of a path.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const nodes = readTree(data.nodes);
  const root = nodes[0];
  const rootName = formatName(data.path);
  let metric = root.size ? "size" : "count";
  const value = node => (metric === "size" ? node.size : node.count);
  const text = node => (metric === "size" ? formatSize(node.size) : formatCount(node.count, "file"));

  const DAY = 86400;
  const AGES = [1, 7, 30, 90, 365, 730, 1825].map(days => days * DAY);
  const AGE_NAMES = ["< 1 day", "1–7 days", "7–30 days", "30–90 days", "90 days – 1 year", "1–2 years", "2–5 years", "> 5 years"];
  const ageOf = node => AGES.filter(bound => data.now - node.modified >= bound).length;

  let palette = [];

  function readPalette() {
    const style = getComputedStyle(document.documentElement);
    palette = AGE_NAMES.map((_, age) => {
      const background = style.getPropertyValue(`--age${age}`).trim();
      const [red, green, blue] = [1, 3, 5].map(at => parseInt(background.slice(at, at + 2), 16));
      const isLight = 0.299 * red + 0.587 * green + 0.114 * blue > 140;
      return { background, color: isLight ? "#0d1117" : "#fff" };
    });
  }

  function color(node) {
    return node.isRest ? { background: "var(--line)", color: "var(--text)" } : palette[ageOf(node)];
  }

  const crumbs = make("div");
  const byFolder = make("div");
  const table = make("div");
  const byAge = make("div");
  const bySize = make("div");
  const map = treemap({
    nodes, color, prepare: readPalette, label: "Treemap of the folder", metric: () => metric, ages: true, opened: () => drawFolder(),
  });

  function drawFolder() {
    const folder = map.folder();
    crumbs.replaceChildren(breadcrumbs(nodes, folder, rootName, map.open));
    map.draw();
    const children = [...folder.children].sort((a, b) => value(b) - value(a));
    const [most, rest] = [children.slice(0, 10), children.slice(10)];
    const items = most.map(it => ({
      label: labelOf(it), value: value(it), text: text(it), open: it.isFolder ? () => map.open(it) : null,
    }));
    if (rest.length) {
      const others = { size: sum(rest, it => it.size), count: sum(rest, it => it.count) };
      items.push({ label: `${formatCount(rest.length)} others`, value: value(others), text: text(others), isRest: true });
    }
    byFolder.replaceChildren(bars(items));
    table.replaceChildren(folderTable(folder));
  }

  function folderTable(folder) {
    const name = it => (it.isFolder
      ? make("button", { type: "button", class: "link", onclick: () => map.open(it) }, make("bdi", {}, labelOf(it)))
      : make("bdi", {}, labelOf(it)));
    const total = make("tfoot", {}, make("tr", {},
      make("td", {}, "Total"), make("td", { class: "number" }, formatSize(folder.size)),
      make("td", { class: "number" }, formatCount(folder.count)), make("td", { class: "number optional" }),
      make("td", { class: "optional" })));
    return sortableTable(`Contents of ${folder.number ? formatName(folder.name) : rootName}`, [
      nameColumn(name),
      { title: "Size", key: it => it.size, show: it => formatSize(it.size), class: "number", descending: true },
      { title: "Files", key: it => it.count, show: it => formatCount(it.count), class: "number", descending: true },
      { title: "Share", key: it => it.size, show: it => formatShare(it.size, folder.size), class: "number optional", descending: true },
      { title: "Last modified", key: it => (it.isRest ? 0 : it.modified), show: it => (it.isRest ? "–" : formatTime(it.modified)), class: "nowrap optional", descending: true },
    ], folder.children, { sorted: 1, footer: total });
  }

  function range(low, high, format, unit) {
    if (low === null) return unit === "size" ? "empty" : `< ${format(high)}`;
    return high === null ? `≥ ${format(low)}` : `${format(low)} – ${format(high)}`;
  }

  function drawRanges() {
    const item = ([low, high, count, size], name) => ({ label: name, value: value({ size, count }), text: text({ size, count }) });
    byAge.replaceChildren(bars(data.by_age.map(it => item(it, AGE_NAMES[it[0] === null ? 0 : AGES.indexOf(it[0]) + 1]))));
    bySize.replaceChildren(bars(data.by_size.map(it => item(it, range(it[0], it[1], formatSize, "size")))));
  }

  function chooseMetric(chosen) {
    metric = chosen;
    drawFolder();
    drawRanges();
  }

  function pathOf(node) {
    return node.parent > 0 ? pathOf(nodes[node.parent]) + node.name : node.name;
  }

  function largestFiles() {
    const files = nodes.filter(it => !it.isFolder).sort((a, b) => b.size - a.size).slice(0, 100);
    return sortableTable(`The ${formatCount(files.length)} largest`, [
      { title: "Path", key: pathOf, show: it => make("bdi", {}, formatName(pathOf(it)) || rootName), class: "path" },
      { title: "Size", key: it => it.size, show: it => formatSize(it.size), class: "number", descending: true },
      { title: "Last modified", key: it => it.modified, show: it => formatTime(it.modified), class: "nowrap optional", descending: true },
    ], files, { sorted: 1 });
  }

  const legend = make("div", { class: "legend", "aria-hidden": "true" }, make("span", {}, "Color: time since the last modification"),
    AGE_NAMES.map((name, age) => make("span", {}, make("i", { class: "swatch", style: { background: `var(--age${age})` } }), name)));
  const metrics = choice("Measure", [["size", "Size"], ["count", "Files"]], metric, chooseMetric);
  const partial = data.is_partial
    ? `Aggregated: the page names the ${formatCount(nodes.length - 1)} largest files and folders of ${formatCount(root.count + data.folders)}. All others are summed up as “smaller files”. Totals and the charts by age and size include every file.`
    : "The page names every file and folder.";

  document.getElementById("page").append(
    make("header", {}, make("p", { class: "kicker" }, `Contents on ${data.created}, by ${data.program}`),
      make("h1", {}, make("bdi", {}, rootName))),
    tiles([
      { label: "Total size", value: formatSize(root.size), detail: `${formatCount(root.size)} bytes` },
      { label: "Files", value: formatCount(root.count) },
      { label: "Folders", value: formatCount(data.folders) },
      { label: "Average file", value: root.count ? formatSize(root.size / root.count) : "–" },
      { label: "Last modified", value: root.count ? formatTime(root.modified).slice(0, 10) : "–", detail: root.count ? `${formatTime(root.modified).slice(11)} UTC` : "" },
    ]),
    make("section", { class: "card", "aria-labelledby": "map" },
      make("div", { class: "heading" }, make("h2", { id: "map" }, "Where the space is"), metrics),
      crumbs, map.element, legend),
    make("div", { class: "columns" },
      card("By folder", "by-folder", byFolder), card("By age", "by-age", byAge), card("By file size", "by-size", bySize)),
    card("Folder", "table", table),
    card("Largest files", "files", largestFiles()),
    make("footer", {}, make("p", {}, partial), make("p", {}, "Times are in UTC. Bytes of names that are not UTF-8 are shown as ‛ and two hexadecimal digits, and invisible characters as \\u and four.")),
  );
  drawFolder();
  drawRanges();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => map.draw());
})();
