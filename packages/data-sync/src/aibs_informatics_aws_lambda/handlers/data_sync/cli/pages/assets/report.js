"use strict";
// The page of the report of a sync.

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const isSync = data.mode === "sync";
  const nodes = readTree(data.nodes);
  const root = nodes[0];
  const text = value => make("bdi", {}, formatName(value));
  // Paths are shown below the folder that all transferred files have in common.
  const short = path => text(path.startsWith(root.name) && path !== root.name ? path.slice(root.name.length) : path);

  const ACTIONS = {
    transfer: ["transferred", "to transfer"], keep: ["unchanged", "unchanged"], delete: ["deleted at the destination", "to delete at the destination"],
    remove: ["removed at the source", "to remove at the source"], archived: ["skipped: archived", "skipped: archived"],
    equal: ["equal", "equal"], different: ["different", "different"], missing: ["missing at the destination", "missing at the destination"],
    extra: ["only at the destination", "only at the destination"], failed: ["failed", "failed"],
  };
  const TRANSFERS = {
    missing: "missing at the destination", size: "the size differs", newer: "newer at the source", checksum: "the checksum differs",
    forced: "all files are transferred (--force)",
  };
  const KEPT = {
    replace: "same size, not newer", update: "the same, or newer at the destination (--update)",
    ignore: "exists at the destination (--ignore-existing)", immutable: "the same",
  }[data.existing];
  const KEEPS = { "": KEPT, checksum: "same size and checksum", immutable: "same size and checksum" };
  const named = action => ACTIONS[action]?.[data.mode === "dry run" ? 1 : 0] ?? action;
  const reasonOf = (action, reason) => ({ transfer: TRANSFERS, keep: KEEPS }[action]?.[reason] ?? (reason || "–"));

  const total = (action, position) => sum(data.outcomes.filter(it => it[0] === action), it => it[position]);
  const files = action => total(action, 2);
  const bytes = action => total(action, 3);

  function status() {
    if (data.error) return ["Failed", "bad"];
    if (data.failed) return ["Partly failed", "bad"];
    if (data.is_incomplete) return ["Stopped at the deadline", "warn"];
    if (data.mode === "verify") {
      const differs = ["different", "missing", "extra"].some(files);
      return differs ? ["Differences found", "bad"] : ["Equal", "good"];
    }
    return isSync ? ["Completed", "good"] : ["Dry run: nothing was changed", "warn"];
  }

  function summary() {
    const requests = sum(data.costs, it => it[2]);
    const dollars = sum(data.costs, it => it[3]);
    const main = data.mode === "verify"
      ? ["equal", "different", "missing", "extra"].map(action => ({
        label: named(action), value: formatCount(files(action)), bad: action !== "equal" && files(action) > 0 }))
      : [
        { label: named("transfer"), value: formatCount(files("transfer")), detail: formatSize(bytes("transfer")) },
        { label: named("keep"), value: formatCount(files("keep")), detail: formatSize(bytes("keep")) },
        files("delete") ? { label: named("delete"), value: formatCount(files("delete")), detail: formatSize(bytes("delete")) } : null,
        files("remove") ? { label: named("remove"), value: formatCount(files("remove")) } : null,
        files("archived") ? { label: named("archived"), value: formatCount(files("archived")) } : null,
      ];
    return tiles([
      ...main,
      { label: "failed", value: formatCount(data.failed), bad: data.failed > 0 },
      { label: "duration", value: formatDuration(data.seconds), detail: isSync && bytes("transfer") ? `${formatSize(bytes("transfer") / Math.max(data.seconds, 0.001))}/s` : "" },
      requests ? { label: "requests to S3", value: formatCount(requests), detail: `about ${formatDollars(dollars)}` } : null,
    ]);
  }

  function outcomes() {
    const rows = [...data.outcomes];
    if (data.failed) rows.push(["failed", "", data.failed, null]);
    const order = Object.keys(ACTIONS);
    const counts = order.map(action => [action, action === "failed" ? data.failed : files(action)]).filter(it => it[1]);
    const all = sum(counts, it => it[1]);
    if (!rows.length) return card("What was done", "outcomes", make("p", { class: "note" }, "No file was looked at."));
    const stack = make("div", { class: "stack", "aria-hidden": "true" }, counts.map(([action, count]) =>
      make("span", { class: `action-${action}`, style: { width: `${100 * count / all}%` }, title: `${named(action)}: ${formatCount(count, "file")}` })));
    const legend = make("div", { class: "legend", "aria-hidden": "true" }, counts.map(([action, count]) =>
      make("span", {}, make("i", { class: `swatch action-${action}` }), `${named(action)} ${formatShare(count, all)}`)));
    const table = sortableTable("Files by action and reason", [
      { title: "Action", key: it => order.indexOf(it[0]), show: it => named(it[0]) },
      { title: "Reason", key: it => it[1], show: it => (it[0] === "failed" ? "see above" : reasonOf(it[0], it[1])), class: "path" },
      { title: "Files", key: it => it[2], show: it => formatCount(it[2]), class: "number", descending: true },
      { title: "Size", key: it => it[3] ?? 0, show: it => (it[3] === null ? "–" : formatSize(it[3])), class: "number", descending: true },
    ], rows, { sorted: 0, descending: false });
    return card(isSync ? "What was done, and why" : "What was found, and why", "outcomes", stack, legend, table);
  }

  function throughput() {
    const points = data.throughput;
    if (!points.length) return null;
    const rate = points.map(it => it[0] / data.interval);
    const count = points.map(it => it[1] / data.interval);
    const most = rate.indexOf(Math.max(...rate));
    const at = number => number * data.interval;
    const box = make("div", { class: "chart", "aria-hidden": "true" });
    const sentence = `Peak ${formatSize(rate[most])}/s after ${formatDuration(at(most))}; `
      + `average ${formatSize(sum(points, it => it[0]) / (points.length * data.interval))}/s and `
      + `${formatRate(sum(points, it => it[1]) / (points.length * data.interval)).replace("/", " files/")}. One point for each ${formatDuration(data.interval)}.`;
    const table = sortableTable("Throughput by interval", [
      { title: "From", key: it => it[0], show: it => formatDuration(at(it[0])), class: "number" },
      { title: "Transferred", key: it => it[1], show: it => formatSize(it[1]), class: "number", descending: true },
      { title: "Files completed", key: it => it[2], show: it => formatCount(it[2]), class: "number", descending: true },
    ], points.map((it, number) => [number, ...it]), { sorted: 0, descending: false });

    const BYTES = Array.from({ length: 50 }, (_, power) => 2 ** power);
    const SECONDS = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, ...Array.from({ length: 12 }, (_, power) => 3600 * 2 ** power)];
    let chart = null;
    function draw() {
      chart?.destroy();
      const style = getComputedStyle(document.documentElement);
      const css = name => style.getPropertyValue(name).trim();
      const narrow = box.clientWidth < 520;
      const axis = (scale, format, side, grid, incrs) => ({
        scale, side, incrs, size: narrow ? 58 : 72, stroke: css("--muted"), font: "12px system-ui, sans-serif",
        grid: { show: grid, stroke: css("--line"), width: 1 }, ticks: { stroke: css("--line"), width: 1 },
        values: (_, values) => values.map(format),
      });
      chart = new uPlot({
        width: box.clientWidth, height: 240, cursor: { drag: { x: true, y: false } },
        scales: { x: { time: false }, rate: { range: (_, low, high) => [0, high * 1.05 || 1] }, files: { range: (_, low, high) => [0, high * 1.05 || 1] } },
        series: [
          { label: "Time", value: (_, value) => (value === null ? "–" : formatDuration(value)) },
          { label: "Bytes", scale: "rate", stroke: css("--bar"), fill: css("--accent-soft"), width: 2, points: { show: points.length < 3 }, value: (_, value) => (value === null ? "–" : `${formatSize(value)}/s`) },
          { label: "Files", scale: "files", stroke: css("--warn"), width: 1.5, dash: [4, 3], points: { show: points.length < 3 }, value: (_, value) => (value === null ? "–" : formatRate(value)) },
        ],
        axes: [
          { stroke: css("--muted"), font: "12px system-ui, sans-serif", grid: { show: false }, ticks: { stroke: css("--line"), width: 1 }, space: narrow ? 90 : 70, incrs: SECONDS, values: (_, values) => values.map(it => (it < 60 ? `${+it.toFixed(2)} s` : formatDuration(it))) },
          axis("rate", value => `${formatSize(value).replace(".0 ", " ")}/s`, 3, true, BYTES),
          ...(narrow ? [] : [axis("files", value => formatRate(value), 1, false)]),
        ],
      }, [points.map((_, number) => at(number)), rate, count], box);
    }
    let width = 0;
    new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== width) {
        width = box.clientWidth;
        draw();
      }
    }).observe(box);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    return card("Throughput over time", "throughput", make("p", { class: "note" }, sentence), box,
      make("details", {}, make("summary", {}, "Show as a table"), table));
  }

  function transferred() {
    if (!root.count) return null;
    let metric = root.size ? "size" : "count";
    const crumbs = make("div");
    const folders = make("div");
    const value = node => (metric === "size" ? node.size : node.count);
    const shown = node => (metric === "size" ? formatSize(node.size) : formatCount(node.count, "file"));
    const color = node => (node.isFolder ? { background: "var(--accent-soft)", color: "var(--text)" }
      : node.isRest ? { background: "var(--line)", color: "var(--text)" } : { background: "#2f6fbe", color: "#fff" });
    const map = treemap({ nodes, color, label: "Treemap of the transferred files", metric: () => metric, opened: draw });
    function draw() {
      const folder = map.folder();
      crumbs.replaceChildren(breadcrumbs(nodes, folder, formatName(root.name) || "/", map.open));
      map.draw();
      const most = [...folder.children].sort((a, b) => value(b) - value(a)).slice(0, 8);
      folders.replaceChildren(bars(most.map(it => ({ label: labelOf(it), value: value(it), text: shown(it), open: it.isFolder ? () => map.open(it) : null }))));
    }
    const chosen = choice("Measure", [["size", "Size"], ["count", "Files"]], metric, it => { metric = it; draw(); });
    draw();
    return make("section", { class: "card", "aria-labelledby": "folders" },
      make("div", { class: "heading" }, make("h2", { id: "folders" }, isSync ? "Transferred, by folder" : "To transfer, by folder"), chosen),
      crumbs, map.element, folders);
  }

  function fileTable(title, id, rows, sorted) {
    const hasTimes = rows.some(it => it[2] !== null);
    const times = [
      { title: "Duration", key: it => it[2] ?? 0, show: it => (it[2] === null ? "–" : formatDuration(it[2])), class: "number", descending: true },
      { title: "Rate", key: it => (it[2] ? it[1] / it[2] : 0), show: it => (it[2] ? `${formatSize(it[1] / it[2])}/s` : "–"), class: "number optional", descending: true },
    ];
    return rows.length ? card(title, id, sortableTable(`The first ${formatCount(rows.length)}${root.name ? `, below ${formatName(root.name)}` : ""}`, [
      { title: "Path", key: it => it[0], show: it => short(it[0]), class: "path" },
      { title: "Size", key: it => it[1], show: it => formatSize(it[1]), class: "number", descending: true },
      ...(hasTimes ? times : []),
    ], rows, { sorted })) : null;
  }

  const errorOf = ([path, error]) => (error.startsWith(`${path}: `) ? error.slice(path.length + 2) : error);

  function failures() {
    if (!data.failures.length) return null;
    const listed = data.failures.length < data.failed ? `, the first ${formatCount(data.failures.length)} of ${formatCount(data.failed)}` : "";
    return card("Failed", "failures", sortableTable(`Files that could not be synced${listed}`, [
      { title: "Path", key: it => it[0], show: it => text(it[0]), class: "path" },
      { title: "Error", key: errorOf, show: it => text(errorOf(it)), class: "path" },
    ], data.failures, { sorted: 0, descending: false }));
  }

  function costs() {
    if (!data.costs.length) return null;
    const footer = make("tfoot", {}, make("tr", {}, make("td", {}, "Total"), make("td", { class: "optional" }),
      make("td", { class: "number" }, formatCount(sum(data.costs, it => it[2]))), make("td", { class: "number optional" }),
      make("td", { class: "number" }, formatDollars(sum(data.costs, it => it[3])))));
    return card("Requests and estimated cost", "costs", sortableTable("Requests to S3", [
      { title: "Operation", key: it => it[0], show: it => it[0] },
      { title: "Price class", key: it => it[1], show: it => it[1], class: "optional" },
      { title: "Requests", key: it => it[2], show: it => formatCount(it[2]), class: "number", descending: true },
      { title: "Per 1,000", key: it => data.prices[it[1]], show: it => formatDollars(data.prices[it[1]]), class: "number optional", descending: true },
      { title: "Cost", key: it => it[3], show: it => formatDollars(it[3]), class: "number", descending: true },
    ], data.costs, { sorted: 4, footer }),
    make("p", { class: "note more" }, `An estimate, by the list prices of ${data.prices_for} as of ${data.prices_as_of} (https://aws.amazon.com/s3/pricing/). `
      + "Other regions, storage classes and services have other prices. Storage, data transfer, retrieval and KMS are not included. "
      + "The requests of transfers in parts follow from their sizes, and retries by the S3 client are not counted."));
  }

  const [state, tone] = status();
  const notes = data.has_filters ? ["Files that filters leave out are not counted."] : [];
  const partial = data.is_partial ? ["Aggregated: the treemap names the largest files and folders, and sums up all others as “smaller files”. Totals include every file."] : [];
  document.getElementById("page").append(...[
    make("header", {},
      make("p", { class: "kicker" }, `${data.mode === "sync" ? "Sync" : data.mode === "verify" ? "Comparison" : "Dry run"} of ${formatTime(data.started)} UTC, by ${data.program}`),
      make("h1", {}, text(data.source), " → ", text(data.destination)),
      make("p", { class: "more" }, make("span", { class: `badge ${tone}` }, state)),
      data.error ? make("p", { class: "error" }, text(data.error)) : null),
    summary(), failures(), outcomes(), throughput(), transferred(),
    fileTable("Largest files", "largest", data.largest, 1), fileTable("Slowest files", "slowest", data.slowest, 2),
    costs(),
    make("footer", {}, [...partial, ...notes, "Times are in UTC. The duration of a file is that of its transfer, waiting for a connection included."].map(it => make("p", {}, it))),
  ].filter(Boolean));
})();
