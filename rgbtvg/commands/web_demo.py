"""Serve a web page for a trained model: upload two images, type an expression, see the box.

python tools/web_demo.py
python tools/web_demo.py --load-from work_dirs/quickstart/best.pth

Needs the extra `demo` (pip install -e .[demo]). Only this machine can open the page, unless --host says otherwise.
"""

import argparse

from rgbtvg.cli import add_cfg_options, add_config


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config(parser, "config; default: the one in the checkpoint")
    parser.add_argument("--load-from", metavar="CHECKPOINT", help="checkpoint; default: the quickstart's model")
    parser.add_argument("--device", help="such as cuda:1 or cpu; default: a GPU if there is one")
    add_cfg_options(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 opens the page to the network"
    )
    parser.add_argument("--port", type=int, default=7860, help="port to listen on; 0 takes a free one")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg import GroundingInferencer
    from rgbtvg.apis.shipped import shipped_inferencer
    from rgbtvg.apis.web_demo import CANDIDATES, DemoServer
    from rgbtvg.engine import parse_options

    weights = [path for path in (args.config, args.load_from) if path]
    options = parse_options(args.cfg_options)
    if weights:
        find = GroundingInferencer(*weights, device=args.device, options=options, candidates=CANDIDATES)
    else:
        find = shipped_inferencer(args.device, options, CANDIDATES)
        print("no --load-from: the quickstart's model answers, which knows synthetic streets only")
    with DemoServer(find, args.host, args.port) as server:
        print(f"open {server.url} (Ctrl-C ends)", flush=True)
        server.serve_forever()
