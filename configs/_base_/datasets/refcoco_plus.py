"""RefCOCO+ in the .pth files of TransVG, CLIP-VG and HiVG: 120191 expressions, val 10758, testA 5726, testB 4889."""

_base_ = ["refcoco.py"]

dataset = "unc+"
