"""Find out what a model's boxes depend on.

--cameras   Shapley values of RGB and thermal by condition, and what happens with the image of another pair
--words     edited sentences: does the box change when the meaning does, and stay when it does not?
--controls  sentences rescued and harmed by the right, another pair's, a shifted and a blank thermal image

Each writes <name>.json and <name>.png. Without one of the three, all are done.

python tools/analysis/audit.py --cameras --load-from work_dirs/quickstart/best.pth
python tools/analysis/audit.py --words --load-from work_dirs/quickstart/best.pth
python tools/analysis/audit.py --controls --load-from work_dirs/quickstart/best.pth
"""

import argparse

from rgbtvg.commands._evaluated_model import add_model_arguments, model_arguments, results_folder


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("cameras", "words", "controls"):
        parser.add_argument(f"--{name}", action="store_true", help="see above")
    add_model_arguments(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from rgbtvg.analysis.cameras import audit_cameras, audit_controls
    from rgbtvg.analysis.evaluated_model import open_model
    from rgbtvg.analysis.figures import draw_audit
    from rgbtvg.analysis.words import audit_words
    from rgbtvg.evaluation.plots import save_figure

    audits = {"cameras": audit_cameras, "words": audit_words, "controls": audit_controls}
    names = [name for name in audits if getattr(args, name)] or list(audits)
    model = open_model(**model_arguments(args))
    out = results_folder(args, "audit")
    for name in names:
        found = audits[name](model)
        found.save(out / f"{name}.json")
        save_figure(draw_audit(found), out / f"{name}.png")
        print(f"{found.table()}\n")
    print(f"Results and pictures: {out}")
