"""A page that asks a trained model: two pictures and a sentence in, the picture with the box out.

python tools/web_demo.py --load-from work_dirs/quickstart/best.pth

Needs the extra `demo` (pip install -e .[demo]). The page is served to this machine only; --host 0.0.0.0 opens it.
"""

import argparse

from rgbtvg.cli import add_cfg_options, run


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", nargs="?", help="config; by default the one in the checkpoint")
    parser.add_argument("--load-from", required=True, metavar="CHECKPOINT")
    parser.add_argument("--device", help="such as cuda:1 or cpu; a GPU where there is one by default")
    add_cfg_options(parser)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=7860)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.errors import ConfigError, RGBTVGError

    try:
        import gradio
    except ImportError:
        raise ConfigError("the web demo needs gradio: pip install -e .[demo]") from None
    from rgbtvg import GroundingInferencer
    from rgbtvg.engine import parse_options

    weights = [args.config, args.load_from] if args.config else [args.load_from]
    find = GroundingInferencer(*weights, device=args.device, options=parse_options(args.cfg_options))

    def answer(rgb, thermal, expression):
        try:
            return find(rgb, thermal, expression).draw()
        except RGBTVGError as error:
            raise gradio.Error(str(error)) from None

    page = gradio.Interface(
        answer,
        [
            # Files as they were sent: a decoded picture would have lost bits and the raw data of thermal cameras.
            gradio.Image(label="RGB", type="filepath", image_mode=None),
            gradio.Image(label="thermal", type="filepath", image_mode=None),
            gradio.Textbox(label="sentence", placeholder="the warm person left of the bus"),
        ],
        gradio.Image(label="answer", type="pil"),
        title="RGB-thermal visual grounding",
        flagging_mode="never",
    )
    page.launch(server_name=args.host, server_port=args.port)


if __name__ == "__main__":
    run(main)
