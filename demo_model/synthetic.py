"""Digits drawn offline: so that the demo runs where there is no network, and tests need no download.

Ten glyphs of Pillow's built-in font, in several sizes and strokes, are turned, sheared, bent and covered in noise until
no two are alike. They have MNIST's shape and value range, and are about as hard: one epoch of 10,000 teaches the demo's
network to read 99 of 100.
"""

from collections.abc import Callable
from typing import TypeAlias

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import ElasticTransform, GaussianNoise, RandomAffine
from torchvision.transforms.v2.functional import pil_to_tensor

from demo_model.digits import SIDE, Digits

_Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_SIZES = (28, 31)
_STROKES = (0, 1)
_GROUP = 16
"""How many images share one random transform: drawing one number for each image alone would take ten times as long.
The groups are mixed anew for every transform, so that no two images share all of them."""


def draw(count: int, seed: int) -> Digits:
    """`count` labelled digits, the same ones for the same count and seed; about 0.2 ms each on one core.

    The caller's random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        glyphs = _glyphs()
        labels = torch.arange(count)[torch.randperm(count)] % 10
        images = glyphs[labels, torch.randint(glyphs.shape[1], (count,))]
        for transform in _transforms():
            images = _in_groups(transform, images)
        images = GaussianNoise(sigma=0.1)(images)
        return Digits(images.squeeze(1).mul(255).round().byte(), labels)


def _glyphs() -> Tensor:
    """Every digit in every size and stroke: float32 of shape (10, variants, 1, 28, 28), 0 to 1."""
    fonts = [ImageFont.load_default(size) for size in _SIZES]
    variants = [(font, stroke) for font in fonts for stroke in _STROKES]
    drawn = [_glyph(str(digit), font, stroke) for digit in range(10) for font, stroke in variants]
    return torch.stack(drawn).reshape(10, len(variants), 1, SIDE, SIDE)


def _glyph(text: str, font: _Font, stroke: int) -> Tensor:
    image = Image.new("L", (SIDE, SIDE))
    middle = (SIDE / 2, SIDE / 2)
    ImageDraw.Draw(image).text(middle, text, fill=255, font=font, anchor="mm", stroke_width=stroke)
    pixels: Tensor = pil_to_tensor(image)
    return pixels.float() / 255


def _transforms() -> tuple[Callable[[Tensor], Tensor], ...]:
    bilinear = InterpolationMode.BILINEAR
    affine = RandomAffine(10, translate=(0.03, 0.03), scale=(0.9, 1.1), shear=5, interpolation=bilinear)
    return affine, ElasticTransform(alpha=20.0, sigma=4.0)


def _in_groups(transform: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    result = torch.empty_like(images)
    for group in torch.split(torch.randperm(len(images)), _GROUP):
        result[group] = transform(images[group])
    return result
