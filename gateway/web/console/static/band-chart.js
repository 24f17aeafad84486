// <band-chart>: the curves of one quantity over a window, above their allowed band.
"use strict";
(() => {
  const words = JSON.parse(document.body.dataset.words);
  const zone = document.body.dataset.zone;
  const lang = document.documentElement.lang;
  const fill = (text, given) => text.replace(/\{(\w+)\}/g, (_, name) => given[name] ?? "");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const format = (options) => new Intl.DateTimeFormat(lang, { hourCycle: "h23", timeZone: zone, ...options });
  const full = format({ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const ticks = [
    [60, format({ hour: "2-digit", minute: "2-digit", second: "2-digit" })],
    [86400, format({ hour: "2-digit", minute: "2-digit" })],
    [28 * 86400, format({ month: "short", day: "numeric" })],
    [Infinity, format({ year: "numeric", month: "short" })],
  ];
  const length = (seconds) => seconds < 120 ? fill(words.second, { n: Math.round(seconds) })
    : seconds < 7200 ? fill(words.minute, { n: Math.round(seconds / 60) })
    : fill(words.hour, { n: Math.round(seconds / 3600) });

  // The window is the page's, not one chart's: all charts and the address follow it.
  const view = { from: 0, to: 0, span: "" };
  const charts = new Set();

  function go(from, to, span) {
    Object.assign(view, { from, to, span });
    const address = new URL(location.href);
    for (const name of ["from", "to", "span"]) address.searchParams.delete(name);
    if (span) address.searchParams.set("span", span);
    else {
      address.searchParams.set("from", from.toFixed(3));
      address.searchParams.set("to", to.toFixed(3));
    }
    history.replaceState(null, "", address);
    for (const button of document.querySelectorAll("[data-span]")) {
      if (!button.matches("a")) continue;
      if (button.dataset.span === span) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    const table = document.querySelector("[data-keep-window]");
    if (table) {
      const target = new URL(location.href);
      target.searchParams.set("view", "table");
      table.href = target;
    }
    for (const chart of charts) chart.load();
  }

  function click(event) {
    const button = event.target.closest("a[data-span], a[data-move]");
    if (!button || !charts.size) return;
    event.preventDefault();
    const length = view.to - view.from;
    if (button.dataset.span) {
      const to = Date.now() / 1000;
      go(to - Number(button.dataset.seconds), to, button.dataset.span);
    } else {
      const by = Number(button.dataset.move) * length;
      go(view.from + by, view.to + by, "");
    }
  }
  document.addEventListener("click", click);

  class BandChart extends HTMLElement {
    connectedCallback() {
      if (this.plot || this.waiting) return;
      charts.add(this);
      if (!view.to) Object.assign(view, { from: Number(this.dataset.from), to: Number(this.dataset.to), span: this.dataset.span });
      this.paths = (this.dataset.paths || "").split(" ").filter(Boolean);
      this.labels = (this.dataset.labels || "").split("|");
      this.digits = Number(this.dataset.digits);
      this.limit = (name) => this.dataset[name] === undefined ? null : Number(this.dataset[name]);
      this.resized = new ResizeObserver(() => this.resize());
      this.resized.observe(this);
      this.dark = matchMedia("(prefers-color-scheme: dark)");
      this.repaint = () => { if (this.data) this.draw(); };
      this.dark.addEventListener("change", this.repaint);
      this.load();
    }

    disconnectedCallback() {
      charts.delete(this);
      this.resized?.disconnect();
      this.dark?.removeEventListener("change", this.repaint);
      this.waiting?.abort();
      this.waiting = null;
      this.plot?.destroy();
      this.plot = null;
    }

    async load() {
      this.waiting?.abort();
      const waiting = this.waiting = new AbortController();
      const buckets = Math.max(100, Math.min(3000, Math.round(this.clientWidth * 1.2)));
      const query = new URLSearchParams({
        since: new Date(view.from * 1000).toISOString(), until: new Date(view.to * 1000).toISOString(), buckets,
      });
      try {
        const answers = await Promise.all(this.paths.map(async (path) => {
          const answer = await fetch(`/api/v1/points/${path}/series?${query}`, { signal: waiting.signal });
          if (!answer.ok) throw new Error(`${answer.status}`);
          return answer.json();
        }));
        this.answers = answers;
        this.data = uPlot.join(
          answers.map((one) => [one.x, one.y, one.low, one.high]),
          answers.map(() => [2, 2, 2, 2]),
        );
        this.draw();
      } catch (error) {
        if (error.name !== "AbortError") this.say(words.failed);
      } finally {
        if (this.waiting === waiting) this.waiting = null;
      }
    }

    say(text) {
      if (!this.told) {
        this.told = document.createElement("p");
        this.told.className = "said";
        this.told.setAttribute("aria-live", "polite");
      }
      this.told.textContent = text;
      if (this.told.parentNode !== this) this.append(this.told);
    }

    summary() {
      const rows = this.answers.reduce((sum, one) => sum + one.n.reduce((a, b) => a + b, 0), 0);
      if (!rows) return words.no_values;
      const resolution = Math.max(...this.answers.map((one) => one.resolution));
      return resolution ? fill(words.mean_of, { n: length(resolution) }) : words.readings;
    }

    draw() {
      const shown = this.shown();
      this.plot?.destroy();
      this.replaceChildren();
      this.plot = new uPlot(this.options(), shown, this);
      this.plot.setScale("x", { min: view.from, max: view.to });
      this.say(this.summary());
    }

    // uPlot needs at least two rows to draw axes: an empty window still has a time axis.
    shown() {
      if (this.data && this.data[0].length) return this.data;
      return [[view.from, view.to], ...this.paths.flatMap(() => [[null, null], [null, null], [null, null]])];
    }

    options() {
      const said = (raw) => raw === null || raw === undefined ? "—" : raw.toFixed(this.digits);
      const value = (plot, raw, number, row) => {
        if (raw === null || raw === undefined) return "—";
        const low = said(plot.data[number + 1]?.[row]), high = said(plot.data[number + 2]?.[row]);
        return `${said(raw)} ${this.dataset.unit}${low === high ? "" : ` (${low}–${high})`}`;
      };
      const series = [{ label: words.time, value: (_, at) => at === null ? "—" : full.format(at * 1000) }];
      const bands = [];
      this.paths.forEach((_, i) => {
        const stroke = colour(`--s${(i % 4) + 1}`);
        const first = series.length;
        const edge = { stroke: `color-mix(in srgb, ${stroke} 35%, transparent)`, width: 1, points: { show: false }, class: "edge" };
        series.push({ label: this.labels[i], stroke, width: 1.8, value, points: { show: this.lonely(i), size: 4 } });
        series.push({ ...edge, label: "min" }, { ...edge, label: "max" });
        bands.push({ series: [first + 2, first + 1], fill: `color-mix(in srgb, ${stroke} 16%, transparent)` });
      });
      return {
        width: Math.max(200, this.clientWidth), height: 240, series, bands,
        ms: 1e-3, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
        cursor: { drag: { x: true, y: false, setScale: false }, sync: { key: "window", setSeries: false }, bind: { dblclick: () => () => this.widen() } },
        legend: { live: true },
        scales: { x: { time: true, range: (_, low, high) => [low, high] }, y: { range: (_, low, high) => this.range(low, high) } },
        axes: [this.axis((_, splits, __, ___, step) => {
          const style = ticks.find(([most]) => step < most)[1];
          return splits.map((at) => style.format(at * 1000));
        }), { ...this.axis((_, splits) => splits.map((at) => String(Math.round(at * 100) / 100))), size: 52, label: this.dataset.unit, labelSize: 20, labelFont: "13px system-ui" }],
        hooks: {
          drawClear: [(plot) => this.band(plot)], draw: [(plot) => this.lines(plot)],
          setSelect: [(plot) => this.selected(plot)],
        },
      };
    }

    // Where every neighbour is a hole a line has no length: show the values as dots.
    lonely(i) {
      const y = this.answers[i].y;
      return (_, __, first, last) => {
        if (last - first < 60) return true;
        return y.length < 3;
      };
    }

    axis(values) {
      return { values, stroke: colour("--ink"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { stroke: colour("--grid") }, font: "12px system-ui" };
    }

    range(low, high) {
      const ends = [low, high, this.limit("low"), this.limit("high")].filter((one) => one !== null && Number.isFinite(one));
      if (!ends.length) return [0, 1];
      let least = ends[0], most = ends[0];
      for (const one of ends) { least = Math.min(least, one); most = Math.max(most, one); }
      const pad = Math.max((most - least) * 0.08, 0.3);
      return [least - pad, most + pad];
    }

    band(plot) {
      const low = this.limit("low"), high = this.limit("high");
      if (low === null && high === null) return;
      const { ctx, bbox } = plot;
      const top = high === null ? bbox.top : Math.max(bbox.top, plot.valToPos(high, "y", true));
      const bottom = low === null ? bbox.top + bbox.height : Math.min(bbox.top + bbox.height, plot.valToPos(low, "y", true));
      ctx.save();
      ctx.fillStyle = colour("--band");
      ctx.fillRect(bbox.left, top, bbox.width, Math.max(0, bottom - top));
      ctx.restore();
    }

    lines(plot) {
      const { ctx, bbox } = plot;
      ctx.save();
      ctx.strokeStyle = colour("--limit");
      ctx.lineWidth = 1.5 * devicePixelRatio;
      ctx.setLineDash([6 * devicePixelRatio, 4 * devicePixelRatio]);
      for (const value of [this.limit("low"), this.limit("high")]) {
        if (value === null) continue;
        const y = plot.valToPos(value, "y", true);
        if (y < bbox.top || y > bbox.top + bbox.height) continue;
        ctx.beginPath();
        ctx.moveTo(bbox.left, y);
        ctx.lineTo(bbox.left + bbox.width, y);
        ctx.stroke();
      }
      ctx.restore();
    }

    selected(plot) {
      const { left, width } = plot.select;
      if (width < 4) return;
      const from = plot.posToVal(left, "x"), to = plot.posToVal(left + width, "x");
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      if (to - from >= 1) {
        BandChart.before.push([view.from, view.to, view.span]);
        go(from, to, "");
      }
    }

    widen() {
      const before = BandChart.before.pop();
      if (before) go(...before);
      else {
        const length = view.to - view.from;
        go(view.from - length / 2, view.to + length / 2, "");
      }
    }

    resize() {
      if (this.plot && this.clientWidth && Math.abs(this.plot.width - this.clientWidth) > 4) {
        this.plot.setSize({ width: this.clientWidth, height: 240 });
      }
    }
  }
  BandChart.before = [];
  customElements.define("band-chart", BandChart);

  // While the window ends now, it moves along.
  setInterval(() => {
    if (view.span && charts.size && !document.hidden) {
      const to = Date.now() / 1000;
      Object.assign(view, { from: to - (view.to - view.from), to });
      for (const chart of charts) chart.load();
    }
  }, 30000);
})();
