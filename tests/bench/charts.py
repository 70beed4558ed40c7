"""Plots as SVG, without a library."""
import math
from xml.sax.saxutils import escape

COLOURS = ["#1b6ca8", "#d1495b", "#66a182", "#8d6a9f", "#edae49"]
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 440, 80, 50, 60


def text(x, y, words, anchor="middle", colour="#333"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" '
            f'font-family="sans-serif" font-size="12">{escape(words)}</text>')


def svg(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}"><rect width="100%" height="100%" fill="white"/>'
            + "".join(parts) + "</svg>\n")


def log_log(title, x_label, y_label, series):
    points = [point for line in series.values() for point in line]
    low_x, high_x = (math.log10(f(x for x, _ in points)) for f in (min, max))
    low_y = math.floor(math.log10(min(y for _, y in points)))
    high_y = math.ceil(math.log10(max(y for _, y in points)))

    def place(x, y):
        return (LEFT + (math.log10(x) - low_x) / max(high_x - low_x, 1) * (WIDTH - LEFT - 200),
                HEIGHT - BOTTOM - (math.log10(y) - low_y) / max(high_y - low_y, 1)
                * (HEIGHT - TOP - BOTTOM))

    parts = [text(WIDTH / 2, 24, title)]
    for power in range(low_y, high_y + 1):
        _, y = place(10 ** low_x, 10 ** power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - 200}" stroke="#ddd"/>')
        parts.append(text(LEFT - 8, y + 4, f"{10 ** power:g}", "end"))
    for power in range(math.ceil(low_x), math.floor(high_x) + 1):
        x, _ = place(10 ** power, 10 ** low_y)
        parts.append(text(x, HEIGHT - BOTTOM + 20, f"{10 ** power:,}"))
    parts.append(text((LEFT + WIDTH - 200) / 2, HEIGHT - 16, x_label))
    parts.append(text(LEFT - 60, TOP - 8, y_label, "start"))
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = "L".join("{:.1f} {:.1f}".format(*place(x, y)) for x, y in line)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        x, y = place(*line[-1])
        parts.append(text(x + 8, y + 4, name, "start", colour))
    return svg(HEIGHT, parts)


def bars(title, rows):
    """How much of what its target allows each figure takes: 1 is the limit."""
    shown = []
    for row in rows:
        sign, _, limit = row["target"].partition(" ")
        if sign in ("<=", ">=") and row["value"] > 0:
            part = row["value"] / float(limit)
            shown.append((row["what"], part if sign == "<=" else 1 / part))
    parts = [text(WIDTH / 2, 24, title)]
    scale = (WIDTH - 540) / max([1.0] + [part for _, part in shown])
    for number, (what, part) in enumerate(shown):
        y = TOP + number * 28
        colour = COLOURS[2] if part <= 1 else COLOURS[1]
        parts.append(text(490, y + 13, what, "end"))
        parts.append(f'<rect x="496" y="{y}" width="{part * scale:.1f}" height="18" '
                     f'fill="{colour}"/>')
        parts.append(text(502 + part * scale, y + 13, f"{part:.2f}", "start"))
    height = TOP + len(shown) * 28 + 20
    parts.append(f'<path d="M{496 + scale:.1f} {TOP - 6}V{height - 16}" stroke="#333"/>')
    return svg(height, parts)
