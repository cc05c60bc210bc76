"""Pictures of QR codes as cameras, printers and messengers leave them; the same on every run."""

import io
import random
from collections.abc import Callable

from PIL import Image, ImageChops, ImageFilter, ImageOps

Distortion = Callable[[Image.Image, random.Random, float], Image.Image]
PAPER = 235


def rotate(image, rng, strength):
    angle = rng.uniform(-180, 180) if strength > 0.5 else rng.uniform(-30, 30)
    return image.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=PAPER)


def perspective(image, rng, strength):
    """Photograph from the side: each corner moves inwards by up to 22 % of the side."""
    w, h = image.size

    def shift(side):
        return rng.uniform(0, 0.22 * strength) * side

    corners = [
        (shift(w), shift(h)),
        (w - shift(w), shift(h)),
        (w - shift(w), h - shift(h)),
        (shift(w), h - shift(h)),
    ]
    coefficients = perspective_coefficients(corners, [(0, 0), (w, 0), (w, h), (0, h)])
    return image.transform(
        (w, h),
        Image.Transform.PERSPECTIVE,
        coefficients,
        Image.Resampling.BICUBIC,
        fillcolor=PAPER,
    )


def perspective_coefficients(targets, sources):
    """Solve the eight equations that send each target corner to its source (Gauss-Jordan)."""
    rows = []
    for (x, y), (u, v) in zip(targets, sources, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    for i in range(8):
        pivot = max(range(i, 8), key=lambda r: abs(rows[r][i]))
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for r in range(8):
            if r != i:
                factor = rows[r][i]
                rows[r] = [a - factor * b for a, b in zip(rows[r], rows[i], strict=True)]
    return [row[8] for row in rows]


def blur(image, rng, strength):
    return image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 1 + 2 * strength)))


def motion(image, rng, strength):
    """A hand that moves by some pixels while the shutter is open."""
    steps = 2 + round(5 * strength)
    dx, dy = rng.choice([(1, 0), (0, 1), (1, 1)])
    moved = image
    for n in range(1, steps):
        shifted = ImageChops.offset(image, n * dx, n * dy)
        moved = Image.blend(moved, shifted, 1 / (n + 1))
    return moved


def jpeg(image, rng, strength):
    file = io.BytesIO()
    image.save(file, "JPEG", quality=rng.randint(5, 40 - round(30 * strength)))
    return Image.open(file).convert("L")


def low_contrast(image, rng, strength):
    """A dim screen or faded ink."""
    black = rng.randint(60, 110 + round(70 * strength))
    return image.point(lambda value: black + value * (PAPER - black) // 255)


def shadow(image, rng, strength):
    """Light that falls off across the picture."""
    light = Image.linear_gradient("L").rotate(rng.choice([0, 90, 180, 270])).resize(image.size)
    floor = 1 - 0.75 * strength
    light = light.point(lambda value: round(255 * floor + value * (1 - floor)))
    return ImageChops.multiply(image, light)


def noise(image, rng, strength):
    """A sensor in the dark."""
    grain = Image.frombytes("L", image.size, rng.randbytes(image.width * image.height))
    return Image.blend(image, grain, 0.2 + 0.2 * strength)


def shrink(image, rng, strength):
    """A small picture: down to two pixels a module."""
    factor = rng.uniform(0.36, 0.7 - 0.3 * strength)
    size = (round(image.width * factor), round(image.height * factor))
    return image.resize(size, Image.Resampling.BILINEAR)


def inverted(image, _rng, _strength):
    """A wallet in dark mode."""
    return ImageOps.invert(image)


def stain(image, rng, strength):
    """A spot, a fold or a finger over up to a hundredth of the code."""
    side = round(min(image.size) * rng.uniform(0.03, 0.03 + 0.07 * strength))
    x = rng.randint(image.width // 3, image.width * 2 // 3)
    y = rng.randint(image.height // 3, image.height * 2 // 3)
    spoiled = image.copy()
    spoiled.paste(rng.choice([40, 128, 220]), (x, y, x + side, y + side))
    return spoiled


SINGLE: dict[str, Distortion] = {
    f.__name__: f
    for f in (
        rotate,
        perspective,
        blur,
        motion,
        jpeg,
        low_contrast,
        shadow,
        noise,
        shrink,
        inverted,
        stain,
    )
}
COMBINED: dict[str, tuple[Distortion, ...]] = {
    "screenshot by messenger": (shrink, jpeg),
    "desk photo": (perspective, rotate, shadow, blur, jpeg),
    "dim screen": (low_contrast, perspective, noise, jpeg),
    "moving hand": (rotate, motion, jpeg),
    "old print": (stain, low_contrast, blur, rotate, jpeg),
    "dark mode from afar": (inverted, rotate, shrink, jpeg),
}


def photo(png: bytes) -> Image.Image:
    """Lay a code on a larger sheet."""
    code = Image.open(io.BytesIO(png)).convert("L").point(lambda value: min(value, PAPER))
    margin = code.width // 8
    return ImageOps.expand(code, margin, fill=PAPER)


def encoded(image: Image.Image, kind: str = "PNG") -> bytes:
    """Return the picture as a file."""
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()
