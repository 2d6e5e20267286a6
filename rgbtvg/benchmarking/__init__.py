"""Cost measurements, and sweeps that train, test and compare many models."""
