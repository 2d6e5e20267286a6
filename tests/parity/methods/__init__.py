"""One module per method: how a case becomes our model, our inputs, and outputs under the reference's names."""
