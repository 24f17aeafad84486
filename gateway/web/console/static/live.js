// Live values: one WebSocket for the page. What is not heard is not shown as current.
"use strict";
(() => {
  const body = document.body;
  const words = JSON.parse(body.dataset.words);
  const icons = JSON.parse(body.dataset.icons);
  const zone = body.dataset.zone;
  const SILENCE = 12000; // milliseconds without a message: the server speaks every 4 s
  const kept = { spaces: {}, points: {} };
  let offset = Number(body.dataset.now) - Date.now();
  let socket = null;
  let heard = 0;
  let failures = 0;
  let connected = false;

  const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
    hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: zone,
  });
  const now = () => Date.now() + offset;
  const fill = (text, given) => text.replace(/\{(\w+)\}/g, (_, name) => given[name] ?? "");
  const number = (value, digits) => value === null || value === undefined ? "—"
    : Math.abs(value) >= 1e12 ? value.toPrecision(3) : value.toFixed(digits);

  function aged(at) {
    if (!at) return words.never;
    const seconds = Math.max(0, Math.round((now() - at) / 1000));
    if (seconds < 120) return fill(words.ago_s, { n: seconds });
    if (seconds < 7200) return fill(words.ago_min, { n: Math.round(seconds / 60) });
    if (seconds < 172800) return fill(words.ago_h, { n: Math.round(seconds / 3600) });
    return fill(words.ago_d, { n: Math.round(seconds / 86400) });
  }

  function text(host, selector, value) {
    const node = host.querySelector(selector);
    if (node && node.textContent !== value) node.textContent = value;
  }

  function mark(host, condition) {
    host.dataset.c = condition;
    const badge = host.querySelector("[data-badge]");
    if (!badge) return;
    badge.dataset.c = condition;
    text(badge, "[data-icon]", icons[condition] ?? "?");
    text(badge, "[data-word]", words[`c_${condition}`] ?? condition);
  }

  // A value without a live source is a word, and what was last is told beside it.
  function show(host, entry) {
    const value = host.querySelector("[data-value]");
    if (!value) return;
    const digits = Number(value.dataset.digits ?? 1);
    const live = connected && entry.v !== null;
    const names = (value.dataset.switch ?? "").split("|");
    const said = live ? names[entry.v] || number(entry.v, digits) : words.unknown;
    if (value.textContent !== said) value.textContent = said;
    const last = host.querySelector("[data-last]");
    if (last) {
      last.hidden = live || !entry.at;
      const unit = host.querySelector(".unit")?.textContent ?? "";
      const was = names[entry.last] || `${number(entry.last, digits)} ${unit}`.trim();
      last.textContent = fill(words.last, { value: was });
    }
    const age = host.querySelector("[data-age]");
    if (age) age.dataset.at = entry.at;
    // "Good" is a word about a value that is there.
    const told = live || entry.q !== "good" ? words[`q_${entry.q}`] ?? entry.q : "—";
    text(host, "[data-quality-word]", told);
    const quality = host.querySelector("[data-quality]");
    if (quality) quality.hidden = entry.q === "good";
    return live;
  }

  function drawSpace(id, entry) {
    for (const tile of document.querySelectorAll(`[data-space="${CSS.escape(id)}"]`)) {
      const unheard = entry.c === "empty" ? "empty" : "unknown";
      mark(tile, connected ? entry.c : unheard);
      for (const [quantity, gauge] of Object.entries(entry.g)) {
        const host = tile.querySelector(`[data-gauge="${quantity}"]`);
        if (!host) continue;
        show(host, gauge);
        host.dataset.c = connected ? gauge.c : "unknown";
        text(host, "[data-live-probes]", String(connected ? gauge.live : 0));
      }
    }
  }

  function drawPoint(path, entry) {
    for (const host of document.querySelectorAll(`[data-point="${CSS.escape(path)}"]`)) {
      const live = show(host, entry);
      if (!live) host.dataset.c = "unknown";
      else if (host.dataset.c === "unknown") host.dataset.c = "unjudged";
    }
  }

  function drawAll() {
    for (const [id, entry] of Object.entries(kept.spaces)) drawSpace(id, entry);
    for (const [path, entry] of Object.entries(kept.points)) drawPoint(path, entry);
    tick();
  }

  function tick() {
    for (const node of document.querySelectorAll("[data-age]")) {
      const said = aged(Number(node.dataset.at));
      if (node.textContent !== said) node.textContent = said;
    }
    for (const node of document.querySelectorAll("[data-clock]")) node.textContent = clock.format(now());
    if (connected && Date.now() - heard > SILENCE) lose();
  }

  function take(message) {
    heard = Date.now();
    offset = message.now - heard;
    const back = !connected;
    connected = true;
    failures = 0;
    if (back) {
      state("live");
      document.querySelector("[data-lost]").hidden = true;
    }
    for (const section of ["spaces", "points"]) {
      for (const [name, entry] of Object.entries(message[section] ?? {})) {
        if (entry === null) delete kept[section][name];
        else kept[section][name] = entry;
      }
    }
    if (back) drawAll();
    else {
      for (const [id, entry] of Object.entries(message.spaces ?? {})) if (entry) drawSpace(id, entry);
      for (const [path, entry] of Object.entries(message.points ?? {})) if (entry) drawPoint(path, entry);
    }
    if (message.alarms) {
      const open = message.alarms.open ?? 0;
      for (const node of document.querySelectorAll("[data-alarms]")) {
        if (node.textContent !== String(open)) {
          node.textContent = String(open);
          node.hidden = !open;
          body.dispatchEvent(new CustomEvent("alarms-changed"));
        }
      }
    }
  }

  function state(word) {
    for (const node of document.querySelectorAll("[data-link]")) node.dataset.link = word;
  }

  function lose() {
    const was = connected;
    connected = false;
    state("lost");
    document.querySelector("[data-lost]").hidden = false;
    if (was || failures <= 1) { adopt(); drawAll(); }
    if (socket) { socket.onclose = null; socket.close(); socket = null; }
    failures += 1;
    const pause = Math.min(15000, 500 * 2 ** Math.min(failures, 5)) * (0.75 + Math.random() / 2);
    setTimeout(connect, pause);
  }

  // A page that never got its first message still must not show the server's values for ever.
  function adopt() {
    for (const tile of document.querySelectorAll("[data-space]")) {
      if (kept.spaces[tile.dataset.space]) continue;
      mark(tile, "unknown");
      for (const host of tile.querySelectorAll("[data-gauge]")) {
        host.dataset.c = "unknown";
        text(host, "[data-value]", words.unknown);
      }
    }
    for (const host of document.querySelectorAll("[data-point]")) {
      if (kept.points[host.dataset.point]) continue;
      host.dataset.c = "unknown";
      text(host, "[data-value]", words.unknown);
    }
  }

  function connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    heard = Date.now();
    const mine = new WebSocket(`${scheme}//${location.host}${body.dataset.live}`);
    socket = mine;
    mine.onmessage = (event) => take(JSON.parse(event.data));
    mine.onclose = () => { if (socket === mine) { socket = null; lose(); } };
  }

  // What htmx fetched is as old as its fetch; the newest values are drawn over it.
  document.addEventListener("htmx:after:swap", drawAll);
  addEventListener("pagehide", () => { if (socket) { socket.onclose = null; socket.close(); } });
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  setInterval(tick, 1000);
  tick();
  connect();
})();
