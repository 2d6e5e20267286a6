"""What a trained model does on changed inputs: robustness to faults of cameras, and audits of cameras and words."""
