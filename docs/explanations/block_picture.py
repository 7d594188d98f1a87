"""The picture of a training block: tiles, lanes, shifts, negative samples."""

import matplotlib.pyplot as plt
from matplotlib.patches import ConnectionPatch, Rectangle

from sk_cbow._blocks import NOISE_PER_GROUP

# Positions in the first lane, near the end of a document
EXCERPT, TARGET = slice(8, 24), 10


def draw_block(tiles, n_groups):
    """Draw a block of ids (n_tiles, lane_length, n_lanes) in colour."""
    n_tiles, _, n_lanes = tiles.shape
    _, (top, middle, bottom) = plt.subplots(
        3,
        1,
        figsize=(10, 8.2),
        layout="constrained",
        height_ratios=[n_tiles * (n_lanes + 1), 6, n_lanes + 3],
    )
    for index, tile in enumerate(tiles):
        draw_tile(top, tile, -index * (n_lanes + 1), f"tile {index + 1}")
    draw_shifts(middle, tiles[0][EXCERPT, 0])
    draw_noise(bottom, tiles[0], n_groups)
    for axes, title, left, right in [
        (
            top,
            "A block: the text continues to the right, then in other lanes",
            -7,
            64,
        ),
        (
            middle,
            "Contexts are shifts: the sum of shifted lanes has all contexts",
            -10,
            24,
        ),
        (
            bottom,
            f"A group of targets: every {n_groups}th position of a tile",
            -7,
            64,
        ),
    ]:
        axes.set_title(title, loc="left")
        axes.autoscale_view()
        axes.set_xlim(left, right)
        axes.set_axis_off()


def draw_cell(axes, token_id, x, y, **options):
    colour = plt.get_cmap("tab20")(token_id % 20) if token_id else "white"
    axes.add_patch(
        Rectangle((x, y), 1, -0.9, facecolor=colour, edgecolor="0.8", **options)
    )


def draw_tile(axes, tile, y, name):
    for position, row in enumerate(tile):
        for lane, token_id in enumerate(row):
            draw_cell(axes, token_id, position, y - lane, linewidth=0.4)
    axes.text(-1, y - tile.shape[1] / 2, name, ha="right", va="center")


def draw_shifts(axes, token_ids):
    for line, shift in enumerate([-2, -1, 0, 1, 2]):
        for position, token_id in enumerate(token_ids):
            alpha = 0.35 if shift == 0 else 1
            draw_cell(axes, token_id, position + shift, -line, alpha=alpha)
        label = f"shifted by {shift:+d}"
        if shift == 0:
            label = "the lane itself, $v_t$: targets"
        axes.text(-2.6, -line - 0.45, label, ha="right", va="center")
    frame = Rectangle(
        (TARGET, 0.15), 1, -5.2, fill=False, edgecolor="black", linewidth=2
    )
    axes.add_patch(frame)
    label = "one column: a target near the end of a document, and its context"
    axes.text(TARGET + 0.5, -5.25, label, ha="center", va="top")


def draw_noise(axes, tile, n_groups):
    lane_length, n_lanes = tile.shape
    draw_tile(axes, tile, 0, "tile 1")
    centre, y = lane_length / 2, -n_lanes - 1.2
    for position in range(0, lane_length, n_groups):
        for lane in range(n_lanes):
            if tile[position, lane]:
                axes.plot(position + 0.5, -lane - 0.45, "ko", markersize=3.5)
        if position % (4 * n_groups) == 0:
            ends = (position + 0.5, -n_lanes + 0.1), (centre, y + 0.1)
            axes.add_patch(ConnectionPatch(*ends, "data", "data", color="0.6"))
    left = centre - NOISE_PER_GROUP / 2
    for index in range(NOISE_PER_GROUP):
        cell = Rectangle(
            (left + index, y), 1, -0.9, facecolor="0.85", edgecolor="0.4"
        )
        axes.add_patch(cell)
    axes.text(
        left - 1,
        y - 0.45,
        f"{NOISE_PER_GROUP} negative samples",
        ha="right",
        va="center",
    )
    n_positions = lane_length // n_groups * n_lanes
    label = f"times {n_positions} positions (•: tokens): one matrix product"
    axes.text(left + NOISE_PER_GROUP + 1, y - 0.45, label, va="center")
