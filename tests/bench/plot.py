"""What tests/bench/run has measured, as a table and as a drawing."""

from xml.sax.saxutils import escape

# key, heading, unit, digits behind the point, better
MEASURES = [
    ("udp_qps", "cached, UDP", "answers/s", 0, "more"),
    ("udp_cpu_us", "CPU of a cached UDP query", "µs", 2, "less"),
    ("tcp_cpu_us", "CPU of a cached TCP query, 20 connections", "µs", 2, "less"),
    ("first_qps", "names asked for the first time", "answers/s", 0, "more"),
    ("rss_mib", "memory when idle", "MiB", 1, "less"),
    ("octets_a_name", "memory for each name asked for", "octets", 0, "less"),
    ("start_ms", "from start to first answer", "ms", 0, "less"),
]
COLUMNS = [("udp_qps", "UDP/s"), ("of_floor", "of floor"), ("udp_cpu_us", "CPU µs"),
           ("cpu_of_floor", "x floor"), ("tcp_cpu_us", "TCP µs"), ("first_qps", "first/s"),
           ("rss_mib", "idle MiB"), ("octets_a_name", "o/name"), ("start_ms", "start"), ("lost", "lost")]
DIGITS = {key: digits for key, _, _, digits, _ in MEASURES} | {"of_floor": 2, "cpu_of_floor": 2, "lost": 0}


def number(key, value):
    return "-" if value is None else f"{value:.{DIGITS[key]}f}"


def with_ratios(report):
    targets = {name: dict(row) for name, row in report["targets"].items()}
    floor = targets.get("floor")
    for row in targets.values() if floor else []:
        row["of_floor"] = row["udp_qps"] / floor["udp_qps"]
        row["cpu_of_floor"] = row["udp_cpu_us"] / floor["udp_cpu_us"]
    return targets


def table(report):
    """A line a target, a column a measure; `-` where a target does not have it."""
    targets = with_ratios(report)
    cells = [[""] + [heading for _, heading in COLUMNS]]
    cells += [[name] + [number(key, row.get(key)) for key, _ in COLUMNS] for name, row in targets.items()]
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    lines = [f"# {report['about']}",
             "# CPU: the server's for a cached UDP query; TCP: over 20 connections; floor: it echoes;",
             "# first: names asked for the first time; o/name: growth of memory for each, dnsmasq",
             "# takes all at the start; start: ms to the first answer; jidnsd-off: --prefetch off",
             "# --expand-srv off; - : does not apply"]
    for row in cells:
        lines.append(f"{row[0]:{widths[0]}}" + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:])))
    lines.append("\nnames in the cache, ns a hit, octets a name (in one process, no sockets)")
    lines += [f"{g['names']:>9} {g['ns']:>6.0f} {g['octets']:>6.1f}" for g in report["growth"]]
    return "\n".join(lines) + "\n"


# ---- the drawing ----

LABEL, BAR, VALUE, ROW, HEAD, GAP = 110, 220, 80, 20, 44, 26
PANEL = LABEL + BAR + VALUE
FILL = {"floor": "#9aa0a6", "jidnsd": "#1a5fb4", "jidnsd-off": "#62a0ea"}
OTHERS = "#d4a373"


def text(x, y, what, size=12, anchor="start", weight="normal", fill="#222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{fill}">{escape(what)}</text>')


def panel(x, y, heading, note, bars):
    """bars: (label, value or None, value as text, colour). Returns shapes and height."""
    out = [text(x, y + 14, heading, 14, weight="bold"), text(x, y + 31, note, 11, fill="#666")]
    most = max((value for _, value, _, _ in bars if value is not None), default=0) or 1
    for i, (label, value, shown, fill) in enumerate(bars):
        top = y + HEAD + i * ROW
        length = max(value or 0, 0) / most * BAR
        weight = "bold" if label.startswith("jidnsd") else "normal"
        out.append(text(x + LABEL - 8, top + 13, label, 12, "end", weight))
        if value is not None:
            out.append(f'<rect x="{x + LABEL}" y="{top + 2}" width="{length:.1f}" height="{ROW - 5}" rx="2" '
                       f'fill="{fill}"/>')
        at = x + LABEL + length + 6
        out.append(text(at, top + 13, shown, 12, fill="#222" if value is not None else "#999"))
    return out, HEAD + len(bars) * ROW + GAP


def panels(report):
    targets = with_ratios(report)
    for key, heading, unit, _, better in MEASURES:
        bars = []
        for name, row in targets.items():
            value = row.get(key)
            shown = number(key, value) if value is not None else "does not apply"
            if key == "udp_qps" and "of_floor" in row and name != "floor":
                shown += f" ({row['of_floor']:.2f})"
            bars.append((name, value, shown, FILL.get(name, OTHERS)))
        yield heading, f"{unit}; {better} is better" + ("; of the floor" if key == "udp_qps" else ""), bars
    growth = [(f"{g['names']:,}", g["ns"], f"{g['ns']:.0f}", FILL["jidnsd"]) for g in report["growth"]]
    yield "a hit, by names in the cache", "ns in one process, no sockets; less is better", growth


def svg(report):
    """Two columns of panels, one a measure."""
    shapes, heights = [], [96, 96]
    margin, width = 30, 2 * PANEL + 3 * 30
    for i, (heading, note, bars) in enumerate(panels(report)):
        side = i % 2
        more, height = panel(margin + side * (PANEL + margin), heights[side], heading, note, bars)
        shapes += more
        heights[side] += height
    height = max(heights) + 10
    title = [text(margin, 34, "jidns and its peers on one machine", 20, weight="bold"),
             text(margin, 55, report["about"], 12, fill="#666"),
             text(margin, 72, "floor: it echoes; jidnsd-off: with --prefetch off --expand-srv off; dnsmasq "
                  " takes all its memory at the start", 12, fill="#666")]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" font-family="DejaVu Sans, Helvetica, Arial, sans-serif">\n'
            f'<rect width="100%" height="100%" fill="#fff"/>\n'
            + "\n".join(title + shapes) + "\n</svg>\n")
