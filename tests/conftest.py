"""Settings of every test."""

import os

# Workers of a parallel run share the cores; many threads for tiny tensors only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

torch.set_num_threads(1)
