"use strict";
// Draws the page's curves as SVG and lets their values be read, by pointing and by keyboard.
// All text goes in as text, never as markup; styles are classes, colours are the style sheet's.
(() => {
  const began = performance.now();
  const NAMESPACE = "http://www.w3.org/2000/svg";
  const FAR = 1e5; // pixels beyond which a point is as good as there
  const MARKS = 9; // markers on a curve, about
  const charts = JSON.parse(document.getElementById("data").textContent);

  function html(name, attributes, ...children) {
    return filled(document.createElement(name), attributes, children);
  }
  function svg(name, attributes, ...children) {
    return filled(document.createElementNS(NAMESPACE, name), attributes, children);
  }
  function filled(node, attributes, children) {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value !== null && value !== undefined) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  // ---- numbers -------------------------------------------------------------------------

  const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

  function said(value) {
    if (!isNumber(value)) return "-";
    const size = Math.abs(value);
    if (value === 0) return "0";
    if (size < 1e-4 || size >= 1e7) return value.toExponential(3).replace("e+", "e");
    if (Number.isInteger(value)) return value.toLocaleString("en-US");
    return String(Number(value.toPrecision(5)));
  }
  const power = (exponent) => "10" + [...String(exponent)].map((c) => SUPERSCRIPT[c]).join("");

  function linearTicks(low, high, count) {
    const raw = (high - low) / Math.max(1, count);
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((k) => k * unit).find((each) => each >= raw * 0.999) || raw;
    const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9 && found.length < 40; k++) {
      const value = k * step;
      const large = Math.max(Math.abs(low), Math.abs(high));
      const text = large >= 1e7 || large < 1e-4 ? Number(value.toPrecision(6)).toExponential().replace("e+", "e")
        : value.toLocaleString("en-US", { minimumFractionDigits: Math.min(digits, 12), maximumFractionDigits: Math.min(digits, 12) });
      found.push({ value: Math.abs(value) < step * 1e-9 ? 0 : value, text: (value === 0 ? "0" : text).replace(/^-/, "−") });
    }
    return found;
  }
  function logTicks(low, high, count) {
    const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
    const every = Math.max(1, Math.ceil((last - first) / Math.max(2, count)));
    const digits = last - first <= 1 ? [1, 2, 3, 5, 7] : last - first <= 3 ? [1, 2, 5] : [1];
    const found = [];
    for (let e = first; e <= last; e++) {
      if (digits.length === 1 && (((e % every) + every) % every)) continue;
      for (const digit of digits) {
        const value = digit * 10 ** e;
        if (value < low * 0.9999 || value > high * 1.0001) continue;
        const plain = e >= -3 && e <= 4;
        found.push({ value, text: plain ? String(Number(value.toPrecision(3))) : digit === 1 ? power(e) : `${digit}·${power(e)}` });
      }
    }
    return found.length > 1 ? found : linearTicks(low, high, count);
  }
  const ticksOf = (scale, count) => (scale.log ? logTicks : linearTicks)(scale.low, scale.high, count);

  // A scale takes values to pixels and back.
  function scaled(low, high, from, to, log) {
    const f = log ? Math.log10 : (v) => v;
    const a = f(low), b = f(high);
    const at = (value) => {
      if (!isNumber(value) || (log && value <= 0)) return NaN;
      return Math.max(-FAR, Math.min(FAR, from + ((f(value) - a) / (b - a)) * (to - from)));
    };
    const back = (pixel) => {
      const value = a + ((pixel - from) / (to - from)) * (b - a);
      return log ? 10 ** value : value;
    };
    return { at, back, low, high, log };
  }
  function spanned(values, log, margin) {
    let low = Infinity, high = -Infinity;
    for (const value of values) {
      if (!isNumber(value) || (log && value <= 0)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    if (low > high) return log ? [0.1, 1] : [0, 1];
    if (log) {
      const free = low === high ? 2 : (high / low) ** margin;
      return [low / free, high * free];
    }
    const free = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * margin;
    return [low - free, high + free];
  }

  // ---- marks ---------------------------------------------------------------------------

  const regular = (n, r, turn) => [...Array(n).keys()].map((k) => {
    const angle = turn + (2 * Math.PI * k) / n;
    return [r * Math.sin(angle), -r * Math.cos(angle)];
  });
  const star = (r) => [...Array(10).keys()].map((k) => {
    const size = k % 2 ? r * 0.42 : r, angle = (Math.PI * k) / 5;
    return [size * Math.sin(angle), -size * Math.cos(angle)];
  });
  const cross = (r) => [[-1, -3], [1, -3], [1, -1], [3, -1], [3, 1], [1, 1], [1, 3], [-1, 3], [-1, 1], [-3, 1], [-3, -1], [-1, -1]].map(([x, y]) => [(x * r) / 3, (y * r) / 3]);
  const turned = (points) => points.map(([x, y]) => [(x - y) * 0.71, (x + y) * 0.71]);
  const SHAPES = {
    o: regular(16, 3.4, 0), s: regular(4, 4.2, Math.PI / 4), "^": regular(3, 4.4, 0), D: regular(4, 4.2, 0),
    v: regular(3, 4.4, Math.PI), P: cross(4.2), X: turned(cross(4.2)), "<": regular(3, 4.4, -Math.PI / 2),
    ">": regular(3, 4.4, Math.PI / 2), p: regular(5, 4.2, 0), h: regular(6, 4.1, 0), "*": star(9),
  };
  function shape(name, x, y, attributes) {
    const points = (SHAPES[name] || SHAPES.o).map(([a, b]) => `${(x + a).toFixed(1)},${(y + b).toFixed(1)}`);
    return svg("polygon", { points: points.join(" "), ...attributes });
  }

  // ---- a chart -------------------------------------------------------------------------

  class Board {
    constructor(chart, number) {
      this.chart = chart;
      this.number = number;
      this.home = document.getElementById(`chart-${number}`);
      this.unit = 0;
      this.logX = chart.x[0].log;
      this.logY = chart.y.log;
      this.all = false;
      this.hidden = new Set();
      this.cursor = null;
      this.forest = chart.rows.length > 0;
      this.square = chart.square;
      this.map = chart.box !== null && !chart.square;
      // of a map, the start whose paths are seen, and the step up to which
      this.start = 0;
      const steps = chart.series.filter((own) => own.kind === "path" && own.xs.length > 1).map((own) => own.xs[1][own.xs[1].length - 1]);
      this.last = this.map && steps.length ? Math.max(...steps) : 0;
      this.time = this.last;
      this.tools();
    }

    tools() {
      const chart = this.chart;
      this.controls = html("div", { class: "controls" });
      this.legend = html("div", { class: "legend", role: "group", "aria-label": "Series" });
      this.board = html("div", {
        class: "board", tabindex: "0", role: "slider", "aria-label": `${chart.title}: values`,
        "aria-valuemin": "0", "aria-valuemax": "0", "aria-valuenow": "0", "aria-valuetext": "arrow keys read values",
      });
      this.tip = html("div", { class: "tip", "aria-hidden": "true" });
      if (chart.x.length > 1) this.controls.append(this.choice("against", chart.x.map((axis) => axis.name), (i) => { this.unit = i; }));
      if (this.forest) this.filter();
      if (!this.forest && !this.map && !this.square) {
        this.toggle("log x", () => this.logX, (on) => { this.logX = on; });
        this.toggle("log y", () => this.logY, (on) => { this.logY = on; });
        if (chart.window) this.toggle("all values", () => this.all, (on) => { this.all = on; });
      }
      if (chart.starts.length > 1) this.controls.append(this.choice("start", chart.starts, (i) => { this.start = i; }));
      if (this.last > 0) this.player();
      this.switches();
      this.home.append(this.controls, this.board, this.legend);
      if (chart.thinned) this.home.append(html("p", { class: "words" }, chart.thinned));
      this.listen();
    }
    // Plays the paths: a button, single steps, and a slider, which keys and fingers move as well.
    player() {
      const button = (text, act) => {
        const made = html("button", { type: "button" }, text);
        made.addEventListener("click", act);
        return made;
      };
      const speeds = { "all in 6 s": this.last / 6, "10 steps/s": 10, "100 steps/s": 100 };
      let speed = this.last / 6, playing = 0, before = 0, exact = 0;
      const slider = html("input", { type: "range", min: 0, max: this.last, step: 1, value: this.last, "aria-label": "step" });
      const told = html("output", { "aria-live": "off" });
      const go = (time) => {
        this.time = Math.max(0, Math.min(this.last, time));
        slider.value = String(this.time);
        const text = `step ${said(this.time)} of ${said(this.last)}`;
        slider.setAttribute("aria-valuetext", text);
        told.textContent = text;
        this.cursor = null;
        this.hideTip();
        this.drawPaths();
      };
      const stop = () => { cancelAnimationFrame(playing); playing = 0; play.textContent = "play"; };
      const frame = (now) => {
        exact += ((now - before) / 1000) * speed;
        before = now;
        go(Math.floor(exact));
        if (this.time >= this.last) stop(); else playing = requestAnimationFrame(frame);
      };
      const play = button("play", () => {
        if (playing) { stop(); return; }
        exact = this.time >= this.last ? 0 : this.time;
        before = performance.now();
        play.textContent = "pause";
        playing = requestAnimationFrame(frame);
      });
      slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
      const list = html("select", {}, ...Object.keys(speeds).map((name) => html("option", { value: name }, name)));
      list.addEventListener("change", () => { speed = speeds[list.value]; });
      this.controls.append(play, button("step back", () => { stop(); go(this.time - 1); }), slider,
        button("step on", () => { stop(); go(this.time + 1); }), html("label", {}, "speed ", list), told);
      this.begin = () => go(this.time);
    }
    choice(label, names, take) {
      const list = html("select", {}, ...names.map((name, i) => html("option", { value: i }, name)));
      list.addEventListener("change", () => { take(Number(list.value)); this.cursor = null; this.draw(); });
      return html("label", {}, `${label} `, list);
    }
    toggle(name, get, set) {
      const button = html("button", { type: "button", "aria-pressed": String(get()) }, name);
      button.addEventListener("click", () => {
        set(!get());
        button.setAttribute("aria-pressed", String(get()));
        this.draw();
      });
      this.controls.append(button);
    }
    filter() {
      const groups = [...new Set(this.chart.rows.flatMap((row) => row.groups))];
      this.only = null;
      if (groups.length < 3) return;
      this.controls.append(this.choice("pairs of", ["all", ...groups], (i) => { this.only = i ? groups[i - 1] : null; }));
    }
    switches() {
      const groups = [...new Set(this.chart.series.map((own) => own.group))].filter((name) => name !== "");
      if (groups.length < 2) return;
      this.buttons = groups.map((group) => {
        const own = this.chart.series.find((each) => each.group === group);
        const swatch = svg("svg", { class: `swatch c${own.colour}`, viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true" },
          svg("line", { x1: 0, y1: 6, x2: 26, y2: 6, "stroke-dasharray": own.dash || null }), shape(own.marker, 13, 6, { class: "marker" }));
        const button = html("button", { type: "button", "aria-pressed": "true", title: "Shift: this one alone" }, swatch, html("bdi", {}, group));
        button.addEventListener("click", (event) => this.switched(groups, group, event.shiftKey));
        return [group, button];
      });
      this.legend.append(...this.buttons.map(([, button]) => button));
      if (groups.length > 2) {
        this.everyone = html("button", { type: "button", hidden: "" }, "show all");
        this.everyone.addEventListener("click", () => { this.hidden.clear(); this.repress(); this.buttons[0][1].focus(); });
        this.legend.append(this.everyone);
      }
    }
    switched(groups, group, alone) {
      if (alone) {
        const only = !this.hidden.has(group) && this.hidden.size === groups.length - 1;
        this.hidden = new Set(only ? [] : groups.filter((each) => each !== group));
      } else if (!this.hidden.delete(group)) this.hidden.add(group);
      this.repress();
    }
    repress() {
      for (const [group, button] of this.buttons) button.setAttribute("aria-pressed", String(!this.hidden.has(group)));
      if (this.everyone) this.everyone.hidden = this.hidden.size === 0;
      this.cursor = null;
      this.draw();
    }

    visible() { return this.chart.series.filter((own) => !this.hidden.has(own.group) && (own.start === null || own.start === this.start)); }
    // Whether a point of a path has not been reached as yet.
    ahead(own, i) { return own.kind === "path" && own.xs.length > 1 && own.xs[1][i] > this.time; }
    xOf(own) { return own.xs[Math.min(this.unit, own.xs.length - 1)]; }

    // ---- drawing ----

    measure() { this.width = Math.max(260, Math.round(this.board.clientWidth || 640)); }
    draw() {
      this.hideTip();
      if (this.forest) this.drawForest();
      else this.drawCurves();
      this.points = this.readable();
      this.board.setAttribute("aria-valuemax", String(Math.max(0, this.points.length - 1)));
    }

    frame(left, right, top, bottom, height) {
      this.box = { left, right: this.width - right, top, bottom: height - bottom };
      const id = `clip-${this.number}`;
      const { box } = this;
      this.root = svg("svg", { viewBox: `0 0 ${this.width} ${height}`, width: this.width, height, "aria-hidden": "true", focusable: "false" },
        svg("defs", {}, svg("clipPath", { id }, svg("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top }))));
      this.ground = svg("g", {});
      this.inner = svg("g", { "clip-path": `url(#${id})` });
      this.over = svg("g", {});
      this.root.append(this.ground, this.inner, this.over);
      this.board.replaceChildren(this.root, this.tip);
    }

    drawCurves() {
      const { chart, width } = this;
      const series = this.visible();
      const height = this.map ? Math.min(width, 600) : this.square ? Math.min(width, 440) : Math.round(Math.max(230, Math.min(390, width * 0.5)));
      const xs = series.flatMap((own) => this.xOf(own)), ys = [];
      for (const own of series) {
        ys.push(...own.y);
        if (own.low) ys.push(...own.low, ...own.high);
      }
      for (const line of chart.lines) if (line.y !== null) ys.push(line.y);
      let spanY = spanned(ys, this.logY, 0.05), spanX = spanned(xs, this.logX, this.logX ? 0.03 : 0.015);
      if (chart.window && !this.all) {
        let [low, high] = chart.window;
        if (this.logY && !(low > 0)) low = spanned(ys.filter((v) => v <= high), true, 0.05)[0];
        if (high > low) spanY = [low, high];
      }
      if (chart.box) [spanX, spanY] = chart.box;
      const top = chart.lines.some((line) => line.xs) ? 24 : 12, bottom = 44, right = 14;
      const rough = scaled(...spanY, height - bottom, top, this.logY);
      const ticksY = ticksOf(rough, this.map || this.square ? 6 : 5);
      const left = Math.max(34, 12 + 18 + 7 * Math.max(0, ...ticksY.map((tick) => tick.text.length)));
      this.frame(left, this.map || this.square ? Math.max(right, width - left - (height - top - bottom) - 0) : right, top, bottom, height);
      const { box } = this;
      this.y = scaled(...spanY, box.bottom, box.top, this.logY);
      this.x = scaled(...spanX, box.left, box.right, this.logX);
      const ticksX = ticksOf(this.x, Math.max(this.square ? 6 : 3, Math.floor((box.right - box.left) / 90)));
      for (const tick of ticksY) {
        const y = this.y.at(tick.value);
        if (!this.map) this.ground.append(svg("line", { class: "grid", x1: box.left, x2: box.right, y1: y, y2: y }));
        this.ground.append(svg("text", { x: box.left - 6, y: y + 4, "text-anchor": "end", class: "small" }, tick.text));
      }
      let end = -Infinity;
      for (const tick of ticksX) {
        const x = this.x.at(tick.value), half = 3.6 * tick.text.length;
        this.ground.append(svg("line", { class: "axis", x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4 }));
        if (x - half < end + 6 || x + half > width) continue;
        end = x + half;
        this.ground.append(svg("text", { x, y: box.bottom + 17, "text-anchor": "middle", class: "small" }, tick.text));
      }
      this.ground.append(svg("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
      const axis = chart.x[Math.min(this.unit, chart.x.length - 1)];
      this.ground.append(
        svg("text", { x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, axis.name + (this.logX ? " (log)" : "")),
        svg("text", { transform: `translate(13 ${(box.top + box.bottom) / 2}) rotate(-90)`, "text-anchor": "middle" }, chart.y.name + (this.logY ? " (log)" : "")));
      if (this.map) this.drawGround();
      this.moving = svg("g", {});
      this.inner.append(this.moving);
      for (const own of series) this.drawSeries(own, series.indexOf(own), own.kind === "path" ? this.moving : this.inner);
      this.drawLines();
    }
    // The paths anew, on the same ground.
    drawPaths() {
      const series = this.visible();
      this.moving.replaceChildren();
      for (const own of series) if (own.kind === "path") this.drawSeries(own, series.indexOf(own), this.moving);
      this.points = this.readable();
      this.board.setAttribute("aria-valuemax", String(Math.max(0, this.points.length - 1)));
    }

    drawGround() {
      const { box } = this;
      this.ground.append(svg("rect", { x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top, fill: "none", class: "axis" }));
      for (const rings of this.chart.areas) {
        let d = "";
        for (const ring of rings) {
          for (let i = 0; i < ring.length; i += 2) d += `${i ? "L" : "M"}${this.x.at(ring[i]).toFixed(1)} ${this.y.at(ring[i + 1]).toFixed(1)}`;
          d += "Z";
        }
        this.inner.append(svg("path", { d, class: "area", "fill-rule": "evenodd" }), svg("path", { d, class: "contour" }));
      }
    }

    drawLines() {
      const { box } = this;
      for (const line of this.chart.lines) {
        if (line.y !== null) {
          const y = this.y.at(line.y);
          if (!(y >= box.top - 1 && y <= box.bottom + 1)) continue;
          this.over.append(svg("line", { class: "mark", x1: box.left, x2: box.right, y1: y, y2: y }),
            svg("text", { class: "small", x: box.right - 4, y: y - 5 < box.top + 8 ? y + 14 : y - 5, "text-anchor": "end" }, line.name));
        } else {
          const x = this.x.at(line.xs[Math.min(this.unit, line.xs.length - 1)]);
          if (!(x >= box.left - 1 && x <= box.right + 1)) continue;
          const flip = x > (box.left + box.right) / 2;
          this.over.append(svg("line", { class: "mark", x1: x, x2: x, y1: box.top, y2: box.bottom }),
            svg("text", { class: "small", x: x + (flip ? 3 : -3), y: box.top - 8, "text-anchor": flip ? "end" : "start" }, line.name));
        }
      }
    }

    drawSeries(own, place, parent) {
      const xs = this.xOf(own), group = svg("g", { class: `c${own.colour}` });
      const at = own.y.map((value, i) => this.ahead(own, i) ? [NaN, NaN] : [this.x.at(xs[i]), this.y.at(value)]);
      const there = ([x, y]) => !Number.isNaN(x) && !Number.isNaN(y);
      if (own.kind === "points") {
        for (const point of at) if (there(point)) group.append(svg("circle", { class: "dot", cx: point[0], cy: point[1], r: 2 }));
      } else if (own.kind === "rings") {
        for (const point of at) if (there(point)) group.append(svg("circle", { class: "ring", cx: point[0], cy: point[1], r: 7 }));
      } else if (own.kind === "bars") {
        const shift = 5 + 3 * (place % 4);
        at.forEach((point, i) => {
          const [low, high] = [own.low[i], own.high[i]].map((value) => this.y.at(value));
          const x = point[0] + shift;
          const ends = [Number.isNaN(low) ? this.box.bottom : low, Number.isNaN(high) ? this.box.top : high];
          group.append(svg("path", { class: "bar", d: `M${x} ${ends[0]}V${ends[1]}M${x - 3} ${point[1]}h6` }));
        });
      } else if (own.kind === "rule") {
        group.append(svg("path", { class: "mark", fill: "none", d: `M${at.filter(there).join("L")}` }));
      } else if (own.kind === "start") {
        group.append(svg("circle", { class: "place", cx: at[0][0], cy: at[0][1], r: 5 }));
      } else if (own.kind === "minimum") {
        for (const point of at) if (there(point)) group.append(shape("*", ...point, { class: "place" }));
      } else {
        this.drawLine(own, at, there, group, place);
      }
      parent.append(group);
    }

    drawLine(own, at, there, group, place) {
      if (own.low) {
        const xs = this.xOf(own);
        let stretch = [];
        const flush = () => {
          if (stretch.length > 1) {
            const up = stretch.map(([x, , high]) => `${x.toFixed(1)} ${high.toFixed(1)}`);
            const down = stretch.map(([x, low]) => `${x.toFixed(1)} ${low.toFixed(1)}`).reverse();
            group.append(svg("path", { class: "band", d: `M${[...up, ...down].join("L")}Z` }));
          }
          stretch = [];
        };
        own.y.forEach((_, i) => {
          const low = this.y.at(own.low[i]), high = this.y.at(own.high[i]), x = this.x.at(xs[i]);
          if ([x, low, high].some(Number.isNaN)) flush();
          else stretch.push([x, low, high]);
        });
        flush();
      }
      let d = "", before = null;
      for (const point of at) {
        if (!there(point)) { before = null; continue; }
        const [x, y] = point.map((value) => value.toFixed(1));
        d += before === null ? `M${x} ${y}` : own.kind === "step" ? `H${x}V${y}` : `L${x} ${y}`;
        before = point;
      }
      const thin = own.kind === "path" ? " thin" : "";
      if (own.kind === "path") group.append(svg("path", { class: "casing", d }));
      group.append(svg("path", { class: `curve${thin}`, d, "stroke-dasharray": own.dash || null }));
      const seen = at.filter(there);
      const few = seen.length <= 12 || own.kind === "path";
      const every = Math.max(1, Math.floor(seen.length / MARKS));
      if (own.kind === "path") {
        if (seen.length) group.append(shape(own.marker, ...seen[seen.length - 1], { class: "marker" }));
        return;
      }
      const first = few ? 0 : Math.floor((every * place) / Math.max(1, this.chart.series.length));
      for (let i = first; i < seen.length; i += few ? 1 : every) group.append(shape(own.marker, ...seen[i], { class: "marker" }));
    }

    drawForest() {
      const rows = this.chart.rows.filter((row) => !this.only || row.groups.includes(this.only));
      this.rows = rows;
      const narrow = this.width < 560, tall = narrow ? 42 : 26;
      const longest = Math.max(...rows.map((row) => row.name.length));
      const left = narrow ? 10 : Math.min(this.width * 0.42, 16 + 7 * longest);
      const height = 26 + tall * rows.length + 48;
      this.frame(left, 14, 26, 48, height);
      const { box } = this;
      this.x = scaled(...this.chart.reach, box.left, box.right, false);
      this.ground.append(
        svg("text", { class: "small", x: box.left + 2, y: 14 }, `← ${this.chart.sides[0]}`),
        svg("text", { class: "small", x: box.right - 2, y: 14, "text-anchor": "end" }, `${this.chart.sides[1]} →`),
        svg("text", { x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, this.chart.x[0].name));
      let end = -Infinity;
      for (const tick of ticksOf(this.x, Math.max(3, Math.floor((box.right - box.left) / 100)))) {
        const x = this.x.at(tick.value), half = 3.6 * tick.text.length;
        this.ground.append(svg("line", { class: "grid", x1: x, x2: x, y1: box.top, y2: box.bottom }));
        if (x - half < end + 6 || x + half > this.width) continue;
        end = x + half;
        this.ground.append(svg("text", { class: "small", x, y: box.bottom + 17, "text-anchor": "middle" }, tick.text));
      }
      const zero = this.x.at(0);
      this.ground.append(svg("line", { class: "axis", x1: zero, x2: zero, y1: box.top, y2: box.bottom }));
      const fits = Math.floor((narrow ? this.width - 20 : left - 14) / 6.6);
      this.places = rows.map((row, i) => {
        const y = box.top + tall * (i + 0.5) + (narrow ? 8 : 0);
        const name = row.name.length > fits ? `${row.name.slice(0, fits - 1)}…` : row.name;
        const look = { class: row.colour === null ? "tied" : `c${row.colour}` };
        const group = svg("g", look);
        const [low, high] = [row.low, row.high].map((value, k) => value === null ? (k ? box.right : box.left) : this.x.at(value));
        const [from, to] = [Math.max(box.left, low), Math.min(box.right, high)];
        group.append(svg("path", { class: "bar", d: `M${from} ${y}H${to}` }));
        for (const [place, cut, sign] of [[from, row.low === null || low < box.left, -1], [to, row.high === null || high > box.right, 1]]) {
          if (cut) group.append(shape(sign < 0 ? "<" : ">", place + 4 * -sign, y, { class: "marker" }));
          else group.append(svg("path", { class: "bar", d: `M${place} ${y - 4}v8` }));
        }
        const middle = this.x.at(row.middle);
        if (middle >= box.left && middle <= box.right) group.append(shape("o", middle, y, { class: "marker" }));
        const label = narrow ? { x: 10, y: y - 13 } : { x: left - 10, y: y + 4, "text-anchor": "end" };
        this.over.append(svg("text", label, name), group);
        return { x: isNumber(row.middle) ? Math.max(box.left, Math.min(box.right, middle)) : box.left, y, tall };
      });
    }

    // ---- reading ----

    // What can be read, in order: rows of a forest, points, or the places of all curves.
    readable() {
      if (this.forest) return this.rows.map((row, i) => ({ row, x: this.places[i].x, y: this.places[i].y }));
      const found = [];
      if (this.chart.near) {
        for (const own of this.visible()) {
          own.y.forEach((value, i) => {
            const x = this.x.at(this.xOf(own)[i]), y = this.y.at(value);
            if (!Number.isNaN(x) && !Number.isNaN(y) && own.group !== "" && !this.ahead(own, i)) found.push({ own, i, x, y });
          });
        }
        return found;
      }
      const xs = new Set();
      for (const own of this.visible()) this.xOf(own).forEach((value, i) => { if (isNumber(own.y[i])) xs.add(value); });
      return [...xs].sort((a, b) => a - b).map((value) => ({ value, x: this.x.at(value) })).filter((each) => !Number.isNaN(each.x));
    }

    nearest(x, y) {
      let best = -1, least = Infinity;
      this.points.forEach((point, i) => {
        const apart = this.forest ? Math.abs(point.y - y) : this.chart.near ? Math.hypot(point.x - x, point.y - y) : Math.abs(point.x - x);
        if (apart < least) { least = apart; best = i; }
      });
      return best;
    }

    // The values of all curves that are seen, at a place: [series, index].
    valuesAt(value) {
      const found = [];
      for (const own of this.visible()) {
        const xs = this.xOf(own), last = xs.length - 1;
        let low = 0, high = last;
        while (low < high) {
          const middle = (low + high) >> 1;
          if (xs[middle] < value) low = middle + 1; else high = middle;
        }
        let i = low;
        if (own.kind === "step") { if (xs[i] > value && i) i--; }
        else if (i && Math.abs(xs[i - 1] - value) <= Math.abs(xs[i] - value)) i--;
        const gap = Math.max(i ? xs[i] - xs[i - 1] : 0, i < last ? xs[i + 1] - xs[i] : 0);
        if (own.kind !== "step" && Math.abs(xs[i] - value) > gap * 0.51) continue;
        if (isNumber(own.y[i])) found.push([own, i]);
      }
      return found;
    }

    lines(point) {
      const axis = this.chart.x[Math.min(this.unit, this.chart.x.length - 1)].name;
      const valueOf = (own, i) => {
        const middle = said(own.y[i]);
        return own.low ? `${middle} [${said(own.low[i])}, ${said(own.high[i])}]` : middle;
      };
      if (this.forest) return [point.row.name, [[point.row.colour, "", point.row.note]]];
      if (!this.chart.near) {
        const rows = this.valuesAt(point.value).map(([own, i]) => [own.colour, own.name, valueOf(own, i)]);
        return [`${axis} ${said(point.value)}`, rows];
      }
      const { own, i } = point;
      const note = own.notes && own.notes[i] ? own.notes[i] : "";
      const rows = this.map ? [[own.colour, "", `x ${said(this.xOf(own)[i])}, y ${said(own.y[i])}`]]
        : [[own.colour, `${axis} ${said(this.xOf(own)[i])}`, valueOf(own, i)]];
      if (note) rows.push([null, "", note]);
      return [own.name, rows];
    }

    show(index) {
      const point = this.points[index];
      if (!point) return;
      this.cursor = index;
      const [title, rows] = this.lines(point);
      const swatch = (colour) => colour === null || colour === undefined ? "" : svg("svg", { class: `swatch c${colour}`, width: 12, height: 10, viewBox: "0 0 12 10" }, svg("line", { x1: 0, y1: 5, x2: 12, y2: 5 }));
      const shown = rows.slice(0, 24).map(([colour, name, value]) => html("tr", {}, html("td", {}, swatch(colour), name ? html("bdi", {}, ` ${name}`) : ""), html("td", {}, value)));
      if (rows.length > 24) shown.push(html("tr", {}, html("td", {}, `and ${rows.length - 24} more`)));
      this.tip.replaceChildren(html("b", {}, html("bdi", {}, title)), html("table", { role: "presentation" }, html("tbody", {}, ...shown)));
      this.board.setAttribute("aria-valuenow", String(index));
      this.board.setAttribute("aria-valuetext", `${title}: ${rows.map(([, name, value]) => `${name} ${value}`.trim()).join("; ")}`);
      this.point(point);
      this.place(point);
    }
    point(point) {
      if (this.hair) this.hair.remove();
      const { box } = this;
      this.hair = svg("g", {});
      if (this.forest) {
        const { tall } = this.places[this.cursor];
        this.hair.append(svg("rect", { class: "hair", fill: "none", x: 1, width: this.width - 2, y: point.y - tall / 2 - (tall > 30 ? 8 : 0), height: tall, rx: 3 }));
      } else if (this.chart.near) {
        this.hair.append(svg("circle", { class: `seen c${point.own.colour}`, cx: point.x, cy: point.y, r: 5 }));
      } else {
        this.hair.append(svg("line", { class: "hair", x1: point.x, x2: point.x, y1: box.top, y2: box.bottom }));
        for (const [own, i] of this.valuesAt(point.value)) {
          const y = this.y.at(own.y[i]);
          if (y >= box.top && y <= box.bottom) this.hair.append(svg("circle", { class: `seen c${own.colour}`, cx: own.kind === "step" ? point.x : this.x.at(this.xOf(own)[i]), cy: y, r: 4 }));
        }
      }
      this.over.append(this.hair);
    }
    place(point) {
      const share = this.board.clientWidth / this.width || 1;
      const x = point.x * share, y = (point.y === undefined ? this.box.top + 8 : point.y) * share;
      const size = this.tip.getBoundingClientRect(), room = this.board.clientWidth;
      let left = x + 14;
      if (left + size.width > room) left = x - 14 - size.width;
      left = Math.max(0, Math.min(left, room - size.width));
      const top = this.forest ? y + 16 : this.chart.near ? y + 14 : Math.max(0, y - 8);
      this.tip.style.left = `${left}px`;
      this.tip.style.top = `${top}px`;
      this.tip.style.visibility = "visible";
    }
    hideTip() {
      this.tip.style.visibility = "hidden";
      if (this.hair) { this.hair.remove(); this.hair = null; }
    }

    listen() {
      const { board } = this;
      const pointed = (event) => {
        const place = board.getBoundingClientRect(), share = this.width / place.width;
        this.show(this.nearest((event.clientX - place.left) * share, (event.clientY - place.top) * share));
      };
      board.addEventListener("pointermove", pointed);
      board.addEventListener("pointerdown", pointed);
      board.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") this.hideTip(); });
      board.addEventListener("focus", () => { if (board.matches(":focus-visible")) this.show(this.cursor === null ? this.points.length - 1 : this.cursor); });
      board.addEventListener("blur", () => this.hideTip());
      board.addEventListener("keydown", (event) => {
        const last = this.points.length - 1, now = this.cursor === null ? -1 : this.cursor;
        const far = Math.max(1, Math.round(last / 10));
        const ahead = this.forest ? 1 : -1; // down is the next row, or less
        const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: ahead, ArrowUp: -ahead, PageUp: far, PageDown: -far };
        let next = null;
        if (event.key === "Home") next = 0;
        else if (event.key === "End") next = last;
        else if (event.key === "Escape") { this.hideTip(); return; }
        else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && this.chart.near && !this.forest) next = this.otherSeries(event.key === "ArrowUp" ? -1 : 1);
        else if (event.key in moves) next = Math.max(0, Math.min(last, now + moves[event.key]));
        if (next === null || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        this.show(next);
      });
    }
    // The nearest point of the next series, or the one before.
    otherSeries(step) {
      const now = this.points[this.cursor === null ? 0 : this.cursor];
      const order = [...new Set(this.points.map((point) => point.own))];
      const wanted = order[(order.indexOf(now.own) + step + order.length) % order.length];
      let best = 0, least = Infinity;
      this.points.forEach((point, i) => {
        if (point.own === wanted && Math.abs(point.x - now.x) < least) { least = Math.abs(point.x - now.x); best = i; }
      });
      return best;
    }
  }

  // All are measured before any is drawn: the page is laid out once.
  const boards = charts.map((chart, number) => new Board(chart, number));
  for (const board of boards) board.measure();
  for (const board of boards) board.draw();
  for (const board of boards) if (board.begin) board.begin();
  let waiting = 0;
  new ResizeObserver(() => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => {
      const changed = boards.filter((each) => Math.abs(each.board.clientWidth - each.width) > 4 && each.board.clientWidth >= 260);
      for (const board of changed) board.measure();
      for (const board of changed) board.draw();
    });
  }).observe(document.querySelector("main"));

  // In print all is open.
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open])")) { each.open = true; opened.push(each); }
  });
  addEventListener("afterprint", () => { for (const each of opened.splice(0)) each.open = false; });
  document.documentElement.dataset.drawn = (performance.now() - began).toFixed(1); // milliseconds
})();
