"""The objects of occ-train-v1. Each function fills a sketch; the generator varies proportions."""

from itertools import pairwise

import numpy as np

from faceseg.data.training_occluders.settings import Kind
from faceseg.data.training_occluders.stamps import (
    MAIN,
    SECOND,
    WHITE,
    Draw,
    Sketch,
    band,
    circle,
    silhouette,
    turned,
)


def bottle(sketch: Sketch, generator: np.random.Generator) -> None:
    """Fill a bottle with shoulders, a neck, a cap and a label around its body."""
    radius, neck = generator.uniform(0.24, 0.38), generator.uniform(0.08, 0.13)
    shoulder, top = generator.uniform(-0.5, -0.25), -0.95
    slope = np.linspace(0, 1, 12)
    heights = np.concatenate([[0.95, 0.9], shoulder - 0.25 * slope, [top]])
    curve = neck + (radius - neck) * np.cos(slope * np.pi / 2)
    radii = np.concatenate([[radius * 0.92, radius], curve, [neck]])
    sketch.fill(silhouette(heights, radii), MAIN, sketch.rounded(0, radius))
    low, high = generator.uniform(0.45, 0.75), generator.uniform(-0.15, 0.2)
    label = silhouette(np.array([low, high]), np.array([radius, radius]))
    sketch.fill(label, SECOND, sketch.rounded(0, radius))
    for height in generator.uniform(high, low, int(generator.integers(0, 4))):
        line = silhouette(np.array([height, height + 0.05]), np.full(2, radius * 0.7))
        sketch.fill(line, MAIN, 0.6)
    cap = silhouette(np.array([top, top + 0.17]), np.full(2, neck * 1.3))
    sketch.fill(cap, SECOND, 0.8 * sketch.rounded(0, neck * 1.3))
    gloss = band(np.array([[-0.55 * radius, 0.8], [-0.55 * radius, shoulder]]), 0.05)
    sketch.fill(gloss, 0.5 * WHITE + 0.5 * MAIN, 1.0)


def cup(sketch: Sketch, generator: np.random.Generator) -> None:
    """Fill a cup, wider or narrower at its top, with a handle and rings around it."""
    top, bottom = generator.uniform(0.42, 0.6), generator.uniform(0.34, 0.55)
    high, low = generator.uniform(-0.75, -0.5), generator.uniform(0.5, 0.8)
    middle = -0.15
    turn = np.linspace(-np.pi / 2, np.pi / 2, 24)
    reach, size = generator.uniform(0.25, 0.4), (low - high) * generator.uniform(0.25, 0.36)
    handle = np.stack(
        [
            middle + min(top, bottom) - 0.04 + reach * np.cos(turn),
            (low + high) / 2 + size * np.sin(turn),
        ],
        axis=1,
    )
    sketch.fill(band(handle, generator.uniform(0.09, 0.15)), MAIN, 0.7)
    heights = np.linspace(low, high, 16)
    radii = bottom + (top - bottom) * (low - heights) / (low - high)
    radii[0] *= 0.93
    sketch.fill(silhouette(heights, radii, middle), MAIN, sketch.rounded(middle, max(top, bottom)))
    for start in np.sort(generator.uniform(0, 0.85, int(generator.integers(0, 4)))):
        part = np.linspace(start, start + generator.uniform(0.04, 0.15), 4)
        ring = silhouette(low - part * (low - high), bottom + (top - bottom) * part, middle)
        sketch.fill(ring, SECOND, sketch.rounded(middle, max(top, bottom)))
    rim = circle(0, 0, 1) * [top, 0.09] + [middle, high]
    sketch.fill(rim, MAIN, 0.95)
    sketch.fill(rim * 0.9 + [0.1 * middle, 0.1 * high], SECOND, 0.35)


def fan(sketch: Sketch, generator: np.random.Generator) -> None:
    """Fill an open folding fan: a pleated leaf on sticks that meet below."""
    pivot, pleats = np.array([0.0, 0.75]), int(generator.integers(9, 18))
    half = np.deg2rad(generator.uniform(45, 75))
    outer = min(1.6, 0.95 / float(np.sin(half)))
    inner = outer * generator.uniform(0.3, 0.45)
    bounds = np.linspace(-half, half, 2 * pleats + 1) - np.pi / 2
    rays = np.stack([np.cos(bounds), np.sin(bounds)], axis=1)
    for ray in rays[1::2]:
        sketch.fill(band(pivot + np.outer([0.0, inner + 0.05], ray), 0.05), SECOND, 0.75)
    border = outer * generator.uniform(0.82, 0.95)
    for number, (first, second) in enumerate(pairwise(rays)):
        light = 0.95 if number % 2 else 0.7
        for low, high, colour in ((inner, outer, MAIN), (border, outer, SECOND)):
            corners = [low * first, high * first, high * second, low * second]
            sketch.fill(pivot + np.array(corners), colour, light)
    sketch.fill(circle(0.0, 0.75, 0.06), SECOND, 0.6)


def foliage(sketch: Sketch, generator: np.random.Generator) -> None:
    """Fill a twig with pointed leaves on both sides, each with a midrib."""
    along = np.linspace(0, 1, 24)
    bend = generator.uniform(-0.35, 0.35)
    twig = np.stack([bend * np.sin(np.pi * along), 0.95 - 1.45 * along], axis=1)
    sketch.fill(band(twig, 0.05), SECOND, 0.6)
    count, wide = int(generator.integers(7, 14)), generator.uniform(0.14, 0.26)
    for number, place in enumerate(np.linspace(0.2, 1.0, count)):
        root = twig[int(place * 23)]
        length = generator.uniform(0.4, 0.58) * (1 - 0.3 * place)
        side = 1 if number % 2 else -1
        angle = side * generator.uniform(0.5, 1.2) if number < count - 1 else 0.0
        step = np.linspace(0, 1, 14)
        edge = wide * np.sin(np.pi * step**0.8)
        leaf = silhouette(root[1] - length * step, edge, float(root[0]))
        light = float(generator.uniform(0.55, 1.0))
        about = (float(root[0]), float(root[1]))
        sketch.fill(turned(leaf, angle, about), MAIN, light)
        rib = np.array([root, root - [0, 0.9 * length]])
        sketch.fill(band(turned(rib, angle, about), 0.018), SECOND, light)


def ice_cream(sketch: Sketch, generator: np.random.Generator) -> None:
    """Fill a waffle cone with one to three scoops."""
    width, top = generator.uniform(0.3, 0.42), generator.uniform(-0.1, 0.15)
    cone = np.array([[-width, top], [width, top], [0.03, 0.97], [-0.03, 0.97]])
    lines = np.abs(np.sin(18 * (sketch.x + 0.6 * sketch.y))) * np.abs(
        np.sin(18 * (sketch.x - 0.6 * sketch.y))
    )
    waffle = sketch.rounded(0, width) * (0.7 + 0.3 * np.sqrt(lines))
    sketch.fill(cone, SECOND, waffle.astype(np.float32))
    scoops = int(generator.integers(1, 4))
    radius = min(width * 1.1, (top + 0.95) / (0.7 + scoops))
    for number in range(scoops):
        x, y = float(generator.normal(0, 0.04)), top - 0.3 * radius - number * 1.15 * radius
        wave = 1 + 0.05 * np.sin(np.linspace(0, 2 * np.pi, 48) * generator.integers(5, 10))
        outline = [x, y] + (circle(0, 0, radius) * wave[:, None])
        distance = np.hypot(sketch.x - x + 0.3 * radius, sketch.y - y + 0.4 * radius) / radius
        light = np.clip(1.05 - 0.35 * distance, 0, 1).astype(np.float32)
        mixed = MAIN if number % 2 == 0 else 0.5 * (MAIN + WHITE)
        sketch.fill(outline, mixed, light)


def microphone(sketch: Sketch, generator: np.random.Generator) -> None:
    """Fill a microphone: a ball of wire mesh with a ring, on a handle that gets thinner."""
    radius = generator.uniform(0.3, 0.42)
    wide, thin = radius * generator.uniform(0.5, 0.7), radius * generator.uniform(0.28, 0.45)
    middle = -0.95 + radius
    heights = np.linspace(middle, 0.97, 12)
    radii = wide + (thin - wide) * np.linspace(0, 1, 12)
    sketch.fill(silhouette(heights, radii), MAIN, sketch.rounded(0, wide))
    mesh = np.sin(70 * sketch.x) * np.sin(70 * sketch.y)
    distance = np.hypot(sketch.x + 0.3 * radius, sketch.y - middle + 0.3 * radius) / radius
    light = np.clip(1.0 - 0.4 * distance, 0, 1) * (0.85 + 0.15 * mesh)
    sketch.fill(circle(0, middle, radius), SECOND, light.astype(np.float32))
    ring = silhouette(middle + np.array([0.62, 0.8]) * radius, np.full(2, radius * 0.85))
    sketch.fill(ring, 0.6 * SECOND + 0.4 * WHITE, sketch.rounded(0, radius))
    if generator.random() < 0.5:
        y = middle + 1.4 * radius
        sketch.fill(circle(0, y, 0.06), 0.5 * WHITE, 0.9)


OBJECTS: dict[Kind, Draw] = {
    "bottle": bottle,
    "cup": cup,
    "fan": fan,
    "foliage": foliage,
    "ice_cream": ice_cream,
    "microphone": microphone,
}
