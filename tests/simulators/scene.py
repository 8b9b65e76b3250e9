"""What a simulated camera looks at: a drawn scene with something moving through it."""

from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from math import sin, tau

from PIL import Image, ImageDraw, ImageFilter, ImageFont

type Colour = tuple[int, int, int]
type Pen = ImageDraw.ImageDraw

SIZE = (1280, 720)
WIDTH, HEIGHT = SIZE
OSD_FONT = ImageFont.load_default(34)


class Scene:
    """One camera's view. ``progress`` runs from 0 to 1 while a visitor crosses it."""

    def __init__(self, name: str, view: str) -> None:
        """Draw the part that stands still, once."""
        self.name = name
        backdrop, self._visitor = VIEWS[view]
        self._backdrop = _weather(backdrop())

    def picture(self, caption: str, progress: float | None) -> Image.Image:
        """Draw one picture; without a progress nothing moves in it."""
        image = self._backdrop.copy()
        pen = ImageDraw.Draw(image)
        if progress is not None:
            self._visitor(pen, progress)
        _overlay(pen, (32, 24), caption)
        width = pen.textlength(self.name, font=OSD_FONT)
        _overlay(pen, (WIDTH - 32 - width, 24), self.name)
        return image

    def snapshot(self, when: datetime, progress: float | None) -> bytes:
        """Return a JPEG as the camera would upload it, stamped with its own clock."""
        image = self.picture(when.strftime("%Y-%m-%d %a %H:%M:%S"), progress)
        buffer = BytesIO()
        # The comment makes each picture's bytes unlike any other's, as sensor noise
        # does for a real camera.
        image.save(
            buffer, "JPEG", quality=85, comment=f"{self.name} {when.isoformat()}"
        )
        return buffer.getvalue()


def _overlay(pen: Pen, at: tuple[float, float], text: str) -> None:
    """Burn in a line of text, readable on any background."""
    pen.text(at, text, (250, 250, 250), OSD_FONT, stroke_width=2, stroke_fill=(0, 0, 0))


def _weather(image: Image.Image) -> Image.Image:
    """Take the drawn look off: soft edges, grain, and darker corners."""
    grain = Image.effect_noise(SIZE, 22).convert("RGB")
    soft = Image.blend(image.filter(ImageFilter.GaussianBlur(1.4)), grain, 0.07)
    corners = Image.radial_gradient("L").resize(SIZE).point(lambda v: int(v * 0.55))
    return Image.composite(Image.new("RGB", SIZE, (8, 10, 16)), soft, corners)


def _gradient(image: Image.Image, top: int, bottom: int, a: Colour, b: Colour) -> None:
    """Fill the rows from top to bottom with colours from a to b."""
    pen = ImageDraw.Draw(image)
    for row in range(top, bottom):
        share = (row - top) / (bottom - top)
        colour = tuple(round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
        pen.line((0, row, WIDTH, row), colour)


def _tree(pen: Pen, x: int, base: int, size: int, leaves: Colour) -> None:
    """Draw a round tree."""
    pen.rectangle((x - size // 12, base - size, x + size // 12, base), (58, 44, 36))
    for dx, dy, radius in ((-3, 10, 4), (3, 10, 4), (0, 13, 5), (-1, 8, 4), (2, 14, 3)):
        cx, cy, r = x + dx * size // 10, base - dy * size // 10, radius * size // 10
        pen.ellipse((cx - r, cy - r, cx + r, cy + r), leaves)


def _window(pen: Pen, box: tuple[int, int, int, int], light: Colour) -> None:
    """Draw a window with its cross of bars."""
    left, top, right, bottom = box
    pen.rectangle(box, light, (232, 228, 220), 8)
    pen.line(
        ((left + right) // 2, top, (left + right) // 2, bottom), (232, 228, 220), 6
    )
    pen.line(
        (left, (top + bottom) // 2, right, (top + bottom) // 2), (232, 228, 220), 6
    )


def _front_door() -> Image.Image:
    """Draw a house with its door, seen from the garden gate on an autumn evening."""
    image = Image.new("RGB", SIZE)
    _gradient(image, 0, 420, (96, 122, 160), (230, 190, 158))
    _gradient(image, 420, HEIGHT, (92, 112, 66), (54, 76, 40))
    pen = ImageDraw.Draw(image)
    for x, size in ((930, 150), (1040, 190), (1190, 170), (1270, 210)):
        _tree(pen, x, 440, size, (70 + size // 8, 86, 52))
    pen.rectangle((90, 150, 800, 470), (196, 178, 156))
    for row in range(166, 470, 18):
        pen.line((90, row, 800, row), (182, 164, 142), 2)
    pen.polygon(((50, 160), (210, 40), (690, 40), (840, 160)), (104, 62, 52))
    pen.rectangle((90, 446, 800, 474), (120, 112, 104))
    _window(pen, (150, 230, 320, 380), (250, 214, 140))
    _window(pen, (600, 230, 750, 380), (92, 108, 128))
    pen.rectangle((404, 210, 536, 474), (226, 220, 210))
    pen.rectangle((416, 224, 524, 474), (52, 84, 76))
    pen.rectangle((438, 250, 502, 320), (236, 206, 150))
    pen.ellipse((504, 356, 516, 368), (220, 190, 110))
    pen.polygon(((410, 474), (530, 474), (860, HEIGHT), (390, HEIGHT)), (150, 142, 132))
    for step in range(1, 7):
        row = 474 + step * step * 7
        pen.line((400, row, 540 + step * 50, row), (132, 124, 114), 3)
    for x in range(930, 1280, 44):
        pen.rectangle((x, 400, x + 30, 500), (214, 208, 198))
    pen.rectangle((920, 424, 1280, 436), (200, 194, 184))
    return image


def _person(pen: Pen, progress: float) -> None:
    """Draw somebody who walks up the path to the door."""
    scale = 1.5 - 0.9 * progress
    x = 640 - 170 * progress
    feet = 708 - 236 * progress
    swing = sin(progress * tau * 9) * 22 * scale

    def limb(x1: float, y1: float, x2: float, y2: float, colour: Colour) -> None:
        pen.line((x1, y1, x2, y2), colour, round(20 * scale))

    hip, shoulder = feet - 92 * scale, feet - 178 * scale
    limb(x - 8 * scale, hip, x - swing, feet, (38, 42, 58))
    limb(x + 8 * scale, hip, x + swing, feet, (46, 50, 68))
    pen.rounded_rectangle(
        (x - 32 * scale, shoulder, x + 32 * scale, hip + 16 * scale),
        20 * scale,
        (164, 52, 44),
    )
    limb(
        x - 32 * scale,
        shoulder + 18 * scale,
        x - 34 * scale + swing,
        hip,
        (146, 44, 38),
    )
    limb(
        x + 32 * scale,
        shoulder + 18 * scale,
        x + 34 * scale - swing,
        hip,
        (146, 44, 38),
    )
    head = 23 * scale
    top = shoulder - 2.1 * head
    pen.ellipse((x - head, top, x + head, top + 2 * head), (86, 62, 48))


def _driveway() -> Image.Image:
    """Draw a garage and the street in front of it under an overcast sky."""
    image = Image.new("RGB", SIZE)
    _gradient(image, 0, 360, (158, 172, 186), (206, 210, 208))
    _gradient(image, 360, 470, (112, 128, 84), (92, 108, 68))
    _gradient(image, 470, HEIGHT, (92, 94, 98), (66, 68, 72))
    pen = ImageDraw.Draw(image)
    for x, size in ((60, 210), (190, 160), (330, 190), (470, 150)):
        _tree(pen, x, 380, size, (64, 92 + size // 12, 58))
    pen.rectangle((640, 130, 1230, 440), (176, 182, 186))
    pen.polygon(((600, 140), (700, 50), (1180, 50), (1270, 140)), (72, 78, 88))
    pen.rectangle((720, 210, 1010, 440), (226, 228, 226))
    for row in range(252, 440, 44):
        pen.line((720, row, 1010, row), (186, 190, 190), 4)
    _window(pen, (1070, 220, 1180, 320), (112, 130, 148))
    pen.polygon(((700, 440), (1030, 440), (1120, 480), (620, 480)), (138, 138, 136))
    pen.rectangle((0, 466, WIDTH, 486), (152, 152, 148))
    for x in range(-40, WIDTH, 190):
        pen.polygon(
            ((x, 612), (x + 100, 612), (x + 92, 624), (x - 8, 624)), (206, 204, 190)
        )
    return image


def _car(pen: Pen, progress: float) -> None:
    """Draw a car that drives past from the left to the right."""
    x = -360 + (WIDTH + 400) * progress
    y = 540
    body, glass = (44, 92, 150), (178, 200, 212)
    pen.ellipse((x - 6, y + 84, x + 366, y + 124), (44, 46, 50))
    pen.rounded_rectangle((x, y + 10, x + 360, y + 92), 26, body)
    pen.polygon(
        ((x + 62, y + 16), (x + 112, y - 52), (x + 240, y - 52), (x + 300, y + 16)),
        body,
    )
    pen.polygon(
        ((x + 80, y + 12), (x + 120, y - 40), (x + 170, y - 40), (x + 170, y + 12)),
        glass,
    )
    pen.polygon(
        ((x + 182, y + 12), (x + 182, y - 40), (x + 234, y - 40), (x + 278, y + 12)),
        glass,
    )
    pen.ellipse((x + 340, y + 28, x + 362, y + 50), (250, 240, 190))
    pen.rectangle((x, y + 30, x + 12, y + 50), (190, 40, 36))
    for wheel in (x + 76, x + 284):
        pen.ellipse((wheel - 38, y + 54, wheel + 38, y + 130), (28, 28, 30))
        pen.ellipse((wheel - 18, y + 74, wheel + 18, y + 110), (168, 170, 174))


VIEWS: dict[str, tuple[Callable[[], Image.Image], Callable[[Pen, float], None]]] = {
    "front_door": (_front_door, _person),
    "driveway": (_driveway, _car),
}
