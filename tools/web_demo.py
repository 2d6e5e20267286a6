"""Serve a web page for a trained model: upload two images, type an expression, see the box."""

from rgbtvg.cli import run
from rgbtvg.commands import web_demo

if __name__ == "__main__":
    run(web_demo.main)
