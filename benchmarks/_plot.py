"""A line plot as an SVG file: what a table cannot show at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 720, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 60, 60
_COLOURS = ("#0b6bcb", "#c2410c", "#15803d")
_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2937; }
.title { font-size: 16px; font-weight: 600; }
.grid { stroke: #d1d5db; stroke-width: 1; }
rect.paper { fill: #ffffff; }
"""


@dataclass(frozen=True)
class Line:
    """A measured line: its name, and points from left to right."""

    name: str
    points: Sequence[tuple[float, float]]


def line_plot(title: str, x_name: str, y_name: str, lines: Sequence[Line]) -> str:
    """Return the plot; both axes begin at zero."""
    x_step, x_most = _scale(max(x for line in lines for x, _ in line.points))
    y_step, y_most = _scale(max(y for line in lines for _, y in line.points))

    def across(x: float) -> float:
        return _LEFT + x / x_most * (_WIDTH - _LEFT - _RIGHT)

    def down(y: float) -> float:
        return _HEIGHT - _BOTTOM - y / y_most * (_HEIGHT - _TOP - _BOTTOM)

    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        f' role="img" aria-label="{escape(title)}">'
    )
    parts = [
        head,
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}"/>',
        _text(_LEFT, 28, title, "start", "title"),
    ]
    for turn in range(round(x_most / x_step) + 1):
        x = across(turn * x_step)
        parts.append(_grid(x, down(0), x, down(y_most)))
        parts.append(_text(x, down(0) + 20, f"{turn * x_step:g}", "middle"))
    for turn in range(round(y_most / y_step) + 1):
        y = down(turn * y_step)
        parts.append(_grid(across(0), y, across(x_most), y))
        parts.append(_text(_LEFT - 8, y + 4, f"{turn * y_step:g}", "end"))
    parts.append(_text(across(x_most / 2), _HEIGHT - 14, x_name, "middle"))
    parts.append(
        f'<g transform="rotate(-90 18 {down(y_most / 2):.1f})">'
        f"{_text(18, down(y_most / 2), y_name, 'middle')}</g>"
    )
    for number, line in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in line.points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}"'
            ' stroke-width="2.5"/>'
        )
        parts.extend(
            f'<circle cx="{across(x):.1f}" cy="{down(y):.1f}" r="3.5"'
            f' fill="{colour}"><title>{x:g}: {y:.3g}</title></circle>'
            for x, y in line.points
        )
        left = _LEFT + 12 + number * 230
        parts.append(f'<rect x="{left}" y="42" width="12" height="4" fill="{colour}"/>')
        parts.append(_text(left + 18, 48, line.name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _scale(most: float) -> tuple[float, float]:
    """Return a round step for an axis and its end, from four to ten steps."""
    step = 1e-6
    factors = (2.0, 2.5, 2.0)
    turn = 0
    while most / step > 10:
        step *= factors[turn % 3]
        turn += 1
    steps = -(-most // step)
    return step, step * max(1.0, steps)


def _grid(x1: float, y1: float, x2: float, y2: float) -> str:
    return (
        f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
    )


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        f"{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{escape(text)}</text>"
    )
