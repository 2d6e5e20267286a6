"""Draw saved predictions: one page of pairs with expression, truth (green), prediction (cyan) and IoU."""

from rgbtvg.cli import run
from rgbtvg.commands import draw_predictions

if __name__ == "__main__":
    run(draw_predictions.main)
